"""The fast path: what `run` brings along in, the child's variables or every failure out.

Fields of a tag byte, content and NUL; file bytes follow raw. No path that a client names is opened
here. The client's twin is `cli/fast.py`; `PROTOCOL` is its promise.

Request: P version, C cwd, R root, V verb, I identity, U on-unresolved, O option, E NAME=VALUE,
N name, X NAME=VALUE of proxies and CAs, J project file, F env file, S settings file, G1 env files
were named, A1 the second time, L STATE:PATH of a file that an X names, B such a file. Reply: S
NAME=VALUE, D name to remove, M name of a secret setting (or NAME=VALUE: this part of it is secret),
W line for stderr, Q file to read and ask again, K name whose value is needed (ask again with it as
E), B file to ask again with, T a row of a dry run, R URI=VERSION of a secret that a watcher looks
out for, X exit code, and `.` at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from devvault.config import Config
from devvault.errors import DevvaultError, Invalid, NotFound, WrongUse
from devvault.references.reference import Reference
from devvault.resolver.files import formed, settings_file, wanted_files
from devvault.resolver.outlook import Met, reminders, rows
from devvault.resolver.plan import (
    FAIL,
    EnvFile,
    Failure,
    Journey,
    Plan,
    make_plan,
    needed_names,
    read_files,
)
from devvault.secretvalue import SecretValue
from devvault.server.hearers import is_hearer
from devvault.server.local.base import BINARY, PROTOCOL, Ask, Plane, Route
from devvault.server.local.connection import TAKEN, Wish, connect, missing_files
from devvault.server.local.repeated import Kept, find_answer, keep_answer
from devvault.server.local.resolve import source
from devvault.server.reply import Reply

if TYPE_CHECKING:
    from devvault.settingsfiles.project import Project
from devvault.vault.gate import Receipts

FILE_LIMIT = 1024 * 1024
ROOTS_LIMIT = 4 * 1024 * 1024
LIMIT = 24 * 1024 * 1024
_UNRESOLVED_EXIT = 78
_ON_UNRESOLVED = frozenset({"fail", "literal", "empty"})
_VERBS = frozenset({"run", "env"})
_ENVIRONMENT = "environment="
_DRY = "dry-run"
_TERMINAL = "terminal"
_WATCH = "watch"
_NO_CONNECT = "no-connect"
_JAVA, _NO_JAVA = "java", "no-java"
_PASSING = "pass-through"
_NEVER_INHERITED = "DEVVAULT_PASSPHRASE"
# A YAML file's parser takes seconds for what others read in no time.
_SLOW = (b".yaml", b".yml")


@dataclass(slots=True)
class _Sent:
    """The request's fields."""

    folder: str = ""
    cwd: str = ""
    verb: str = "run"
    identity: str = ""
    on_unresolved: str = ""
    options: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    files: list[EnvFile] = field(default_factory=list)
    settings: list[EnvFile] = field(default_factory=list)
    project_path: str = ""
    project: Project | None = None
    files_named: bool = False
    settings_named: bool = False
    answered: bool = False
    values: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)


def run(plane: Plane, ask: Ask) -> Reply:
    """Answer a run. Settings that do not resolve are an answer; a locked home is an error."""
    config = plane.config()
    gate = plane.keeper.find_gate()
    turn = gate.turn if gate is not None else 0
    if gate is not None and (again := find_answer(gate, ask.body, config)) is not None:
        kept, receipts = again
        return _connected(plane, kept.fields, kept.wish, ask, partial(gate.repeat, receipts))
    receipts = Receipts()
    try:
        sent = _read(ask.body)
        project = _environment_of(sent)
        missing = _missing_files(sent, project)
        if missing:
            return _reply([b"Q" + _encode(path) for path in missing])
        journey = _journey(sent, project, config)
        settings = read_files(journey, plane.files.read)
        needed = needed_names(journey, settings)
        if needed:
            return _reply([b"K" + _encode(name) for name in needed])
        identity = sent.identity or (project.identity if project else None) or ""
        met: dict[str, Met] = {}
        look_up = source(plane, sent.folder, identity, met, receipts)
        asked: list[Reference] = []

        def look_up_noted(references: Sequence[Reference]) -> Sequence[SecretValue | Failure]:
            asked.extend(references)
            return look_up(references)

        plan = make_plan(journey, look_up_noted, settings)
    except WrongUse as error:
        return _reply([*_complaint(error), b"X%d" % error.exit_code])
    now = plane.keeper.clock.now()
    if _DRY in sent.options:
        told = [b"T" + _encode(row.line) for row in rows(plan, settings, met, now)]
        rest = [*_notes(plan), b"X0"] if plan.is_good else _fields(plan, sent)
        return _reply([*told, *rest])
    watched = _watched(asked, met) if _WATCH in sent.options else []
    fields = [*watched, *_fields(plan, sent)]
    if not plan.is_good:
        return _reply(fields)
    wish = _wish(sent, plan, config, identity)
    if wish is not None:
        opened = plane.gate()
        unread = missing_files(plane, opened, wish)
        if unread:
            return _reply([b"B" + _encode(path) for path in unread])
        fields = [*watched, *_fields(_untaken(plan), sent)]
    # With another rule than `fail` a good plan may hold refusals, which are no receipts.
    if gate is not None and journey.on_unresolved == FAIL:
        keep_answer(gate, turn, ask.body, config, Kept(tuple(fields), wish), receipts)
    fields = [*_reminder(plane, plan, sent, met), *fields]
    return _connected(plane, fields, wish, ask)


def _connected(
    plane: Plane,
    fields: Sequence[bytes],
    wish: Wish | None,
    ask: Ask,
    record: Callable[[], None] | None = None,
) -> Reply:
    """Return the answer to a good run; each gets a session and secrets of its own.

    `record` is called last: it wakes another thread, which then competes with us.
    """
    if wish is None:
        if record is not None:
            record()
        return _reply(fields)
    try:
        made = connect(plane, plane.gate(), wish, ask.pid, record, _hearer(ask))
    except NotFound as error:
        return _reply([*_complaint(error), b"X%d" % error.exit_code])
    found = [*fields, *(_line(kind, words) for kind, words in made.notes)]
    found += [b"S" + _encode(f"{name}={value}") for name, value in made.variables.items()]
    found += [b"D" + _encode(name) for name in made.removed]
    found += [b"M" + _encode(f"{name}={value}") for name, value in made.masked.items()]
    return _reply(found)


def _hearer(ask: Ask) -> str:
    """Return the socket that masks; it stands beside the body, whose answer may be kept."""
    name = ask.query.get("hearer", "")
    if name and not is_hearer(name):
        raise Invalid("the request is malformed: no such hearer")
    return name


def _untaken(plan: Plan) -> Plan:
    """Return a plan without what no file may set for a program that is connected, and say so."""
    taken = sorted(TAKEN & plan.variables.keys())
    if not taken:
        return plan
    words = f"{', '.join(taken)}: not taken from a file while the program is connected"
    kept = {name: value for name, value in plan.variables.items() if name not in TAKEN}
    return replace(plan, variables=kept, secret=plan.secret - TAKEN, notes=(*plan.notes, words))


def _wish(sent: _Sent, plan: Plan, config: Config, identity: str) -> Wish | None:
    """Return how the program is to be connected, None where it is not."""
    if sent.verb != "run" or not config.connect or _NO_CONNECT in sent.options:
        return None
    return Wish(
        values=sent.values,
        states=sent.states,
        contents=sent.contents,
        names=frozenset(sent.names),
        settings=frozenset(plan.variables),
        identity=identity,
        pass_through=_PASSING in sent.options,
        java=_JAVA in sent.options or (config.java and _NO_JAVA not in sent.options),
    )


def _watched(asked: Sequence[Reference], met: Mapping[str, Met]) -> list[bytes]:
    """Return a field for each reference without a version: its secret may get another one."""
    found = []
    for reference in asked:
        if not reference.version:
            at = met.get(reference.uri.lower())
            found.append(b"R" + _encode(f"{reference.uri}={at.version if at else ''}"))
    return found


def _read(body: bytes) -> _Sent:
    sent = _Sent()
    at = 0
    version = ""
    while at < len(body):
        end = body.find(b"\0", at)
        if end < 0:
            raise Invalid("the request is cut off")
        tag, content = body[at : at + 1], _decode(body[at + 1 : end])
        at = end + 1
        if tag in (b"J", b"F", b"S", b"B"):
            end = body.find(b"\0", at)
            data, at = _file(body, at, end, ROOTS_LIMIT if tag == b"B" else FILE_LIMIT)
            _take_file(sent, tag, content, data)
        elif tag == b"P":
            version = content
        else:
            _take(sent, tag, content)
    if version != str(PROTOCOL):
        raise Invalid("this daemon speaks another protocol", hint="devvault daemon stop")
    if not sent.folder:
        raise Invalid("the request names no folder")
    return sent


def _file(body: bytes, at: int, end: int, limit: int) -> tuple[bytes, int]:
    digits = body[at:end] if end >= 0 else b""
    if not digits.isdigit() or len(digits) > 8:
        raise Invalid("the request is malformed: a file without a length")
    size = int(digits)
    if size > limit or end + 1 + size > len(body):
        raise Invalid("the request is malformed: a file that is too long")
    return body[end + 1 : end + 1 + size], end + 1 + size


def _take_file(sent: _Sent, tag: bytes, path: str, data: bytes) -> None:
    if tag == b"B":
        sent.contents[path] = data
    elif tag == b"J":
        from devvault.settingsfiles.project import read_project  # many folders have none

        sent.project_path = path
        sent.project = read_project(path, data)
    elif tag == b"F":
        sent.files.append(EnvFile(path, data))
    else:
        sent.settings_named = True
        sent.settings.append(settings_file(EnvFile(path, data)))


def _take(sent: _Sent, tag: bytes, content: str) -> None:
    match tag:
        case b"C":
            sent.cwd = content
        case b"R":
            sent.folder = content
        case b"V" if content in _VERBS:
            sent.verb = content
        case b"I":
            sent.identity = content
        case b"U" if content in _ON_UNRESOLVED:
            sent.on_unresolved = content
        case b"O":
            sent.options.append(content)
        case b"E" | b"X":
            name, equals, value = content.partition("=")
            if not equals or not name:
                raise Invalid("the request is malformed: a variable without a name")
            sent.names.add(name)
            if tag == b"E":
                sent.environment[name] = value
            else:
                sent.values[name] = value
        case b"L":
            state, _, path = content.partition(":")
            sent.states[path] = state
        case b"N":
            sent.names.add(content)
        case b"G":
            sent.files_named = content == "1"
        case b"A":
            sent.answered = content == "1"
        case _:
            raise Invalid("the request is malformed: an unknown field")


def _environment_of(sent: _Sent) -> Project | None:
    chosen = [
        option.removeprefix(_ENVIRONMENT)
        for option in sent.options
        if option.startswith(_ENVIRONMENT)
    ]
    if not chosen:
        return sent.project
    if sent.project is None:
        raise WrongUse(
            f"there is no project file that knows the environment {chosen[-1]}",
            hint="devvault help configuration",
        )
    return sent.project.for_environment(chosen[-1])


def _missing_files(sent: _Sent, project: Project | None) -> list[str]:
    """Return the files that the project names, where the client sent others."""
    if sent.files_named or sent.answered:
        return []
    paths = [file.path for file in sent.files]
    return wanted_files(project, sent.project_path, paths, is_settings_named=sent.settings_named)


def _journey(sent: _Sent, project: Project | None, config: Config) -> Journey:
    named = (formed(file, project, sent.project_path) for file in sent.files)
    files = [*sent.settings, *named]
    return Journey(
        environment=sent.environment,
        names=frozenset(sent.names - sent.environment.keys()),
        files=[replace(file, path=_shown(sent, file.path)) for file in files],
        vaults=project.vaults if project else {},
        plain=frozenset(project.plain if project else ()),
        on_unresolved=sent.on_unresolved or config.on_unresolved,
        plaintext=config.plaintext,
    )


def _shown(sent: _Sent, path: str) -> str:
    """Return a path as the user thinks of it: from where she stands."""
    return path.removeprefix(sent.cwd.rstrip("/") + "/") if sent.cwd else path


def _reminder(plane: Plane, plan: Plan, sent: _Sent, met: dict[str, Met]) -> list[bytes]:
    """Tell somebody who sits there, once a day and folder, which secrets in use expire soon."""
    now = plane.keeper.clock.now()
    today = now.date()
    if _TERMINAL not in sent.options or sent.verb != "run" or not plan.is_good:
        return []
    if plane.reminded.get(sent.folder) == today:
        return []
    told = reminders(plan, met, now)
    if not told:
        return []
    plane.reminded[sent.folder] = today
    return [*(_line("note", words) for words in told), _line("hint", "devvault status")]


def _notes(plan: Plan) -> list[bytes]:
    return [_line("note", note) for note in plan.notes]


def _fields(plan: Plan, sent: _Sent) -> list[bytes]:
    found = _notes(plan)
    if not plan.is_good:
        hints: dict[str, None] = {}
        for item in plan.failures:
            found.append(_line("error", item.line))
            hints[item.failure.hint] = None
        for words, hint in plan.refused:
            found.append(_line("error", words))
            hints[hint] = None
        found += [_line("hint", hint) for hint in hints if hint]
        return [*found, b"X%d" % _UNRESOLVED_EXIT]
    found += [b"S" + _encode(f"{name}={value}") for name, value in plan.variables.items()]
    found += [b"M" + _encode(name) for name in sorted(plan.secret)]
    found += [b"D" + _encode(n) for n in sorted(sent.names) if n.startswith(_NEVER_INHERITED)]
    return found


def _complaint(error: DevvaultError) -> list[bytes]:
    lines = [_line("error", error.message)]
    return [*lines, _line("hint", error.hint)] if error.hint else lines


def _line(kind: str, words: str) -> bytes:
    """Return a line for stderr; nothing in it can steer a terminal."""
    plain = "".join(c if c.isprintable() else "?" for c in words)
    return b"W" + _encode(f"devvault: {kind}: {plain}")


def _reply(fields: Sequence[bytes]) -> Reply:
    return Reply(200, b"".join(item + b"\0" for item in [*fields, b"."]), {"content-type": BINARY})


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _encode(words: str) -> bytes:
    return words.encode("utf-8", "surrogateescape")


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/local/run"): Route(run, quick=True, slow_with=_SLOW, limit=LIMIT),
}
