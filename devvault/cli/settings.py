"""The settings that a program would get: the request to the daemon, and its answer.

The client opens the files and sends bytes; what they mean, and what may be resolved, the daemon
says. An answer without its end mark was cut off, and is not used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devvault.cli import say
from devvault.cli.planes import Planes
from devvault.cli.project import Place, read_settings
from devvault.errors import NotFound, Unavailable
from devvault.references.marks import has_mark

_END = b"."


@dataclass(slots=True)
class Answer:
    """What the daemon says: variables to set and remove, which are secret, and what to tell.

    `code` is an exit code where it ends here (78: settings do not resolve); `listed` are the env
    files that the project names, to be sent with a second request.
    """

    values: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    secret: set[str] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)
    code: int | None = None

    def __repr__(self) -> str:
        """Leave the values out: an answer in a traceback must not tell them."""
        return f"Answer({len(self.values)} values, code {self.code})"


def ask_settings(
    planes: Planes, place: Place, flags: list[bytes], environment: Mapping[str, str]
) -> Answer:
    """Return the settings of a place under some flags (fields of the request, without NULs).

    Raises:
        Unavailable: the answer is cut off or odd.
        DevvaultError: a file cannot be read, or the daemon refused.
    """
    head = [b"P1", b"Venv", b"C" + os.fsencode(place.cwd), b"R" + os.fsencode(place.folder), *flags]
    if place.file is not None:
        head.append(b"J" + _file(place.file, place))
    tail = []
    for name, value in environment.items():
        entry = os.fsencode(name)
        marked = b"E" + entry + b"=" + os.fsencode(value)
        tail.append(marked if has_mark(value) else b"N" + entry)
    nearest = next((at / ".env" for at in place.upwards() if os.path.lexists(at / ".env")), None)
    found = _post(planes, head + tail, [] if nearest is None else [nearest], place)
    if found.listed:
        beside = place.file.parent if place.file else place.folder
        found = _post(planes, [*head, b"A1", *tail], [beside / n for n in found.listed], place)
        if found.listed:
            raise _odd("asks for the same files twice")
    return found


def read_answer(reply: bytes) -> Answer:
    """Return what the fields of an answer say.

    Raises:
        Unavailable: it is cut off, or has a field that this client does not know.
    """
    fields = reply.split(b"\0")
    if fields[-2:] != [_END, b""]:
        raise _odd("was cut off")
    found = Answer()
    for one in fields[:-2]:
        tag, content = one[:1], os.fsdecode(one[1:])
        if tag == b"S":
            name, equals, value = content.partition("=")
            if not name or not equals:
                raise _odd("cannot be read")
            found.values[name] = value
        elif tag == b"D":
            found.removed.append(content)
        elif tag == b"M":
            found.secret.add(content)
        elif tag == b"W":
            found.lines.append(content)
        elif tag == b"Q":
            found.listed.append(content)
        elif tag == b"X" and content.isdecimal():
            found.code = int(content)
        else:
            raise _odd("cannot be read")
    return found


def _post(planes: Planes, head: list[bytes], files: list[Path], place: Place) -> Answer:
    body = [one + b"\0" for one in head]
    for path in files:
        try:
            body.append(b"F" + _file(path, place))
        except NotFound:
            say.note(f"{path} is not there")
    found = read_answer(planes.send_local("/local/run", b"".join(body)).body)
    for one in found.lines:
        say.tell(say.printable(one))
    return found


def _file(path: Path, place: Place) -> bytes:
    data = read_settings(path, place.folder)
    return b"%b\0%d\0%b" % (os.fsencode(path), len(data), data)


def _odd(what: str) -> Unavailable:
    return Unavailable(f"the daemon's answer {what}", hint="devvault daemon stop")
