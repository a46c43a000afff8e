"""What is staged, checked whole in here: rules are compiled already, and values are at hand.

The body is the repository's folder, the project file and the baseline (each its name, length and
bytes) and git's diff; the answer is the exit code, the length of what goes to stdout, that, and
what goes to stderr. Where the project has a baseline that was not sent, the answer is `baseline`
and its path. What needs still more is refused, and the full CLI does it.
"""

from __future__ import annotations

import fnmatch
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, cast

from devvault.errors import Invalid
from devvault.server.local.base import BINARY, Ask, Plane, Route
from devvault.server.local.scan import find_index
from devvault.server.reply import Reply
from devvault.settingsfiles.project import Project, read_project

if TYPE_CHECKING:
    from devvault.scan.check import Matches, Scanner
    from devvault.scan.text import Text
    from devvault.scan.values import ValueIndex

LIMIT = 16 * 1024 * 1024
_ENGINE = "engine"


def check(plane: Plane, ask: Ask) -> Reply:
    """Return the report of a check of what is staged."""
    from devvault.scan.check import Options, check
    from devvault.scan.report import lines, notes
    from devvault.scan.staged import staged_texts

    folder, given, known, diff = _fields(ask.body)
    project = given.settings
    if project.check.get("rules"):
        raise Invalid("rules of the project's own are read by the full CLI")
    wanted = project.check.get("baseline")
    if isinstance(wanted, str) and not known.name:
        return Reply(200, b"baseline\0" + wanted.encode(), {"content-type": BINARY})
    baseline = None
    if isinstance(wanted, str):
        from devvault.scan.baseline import read_baseline

        baseline = read_baseline(known.name, known.data, plane.keeper.clock.now().date())
    index, _ = find_index(plane, folder)
    excluded = project.check.get("exclude", ())
    globs = (excluded,) if isinstance(excluded, str) else excluded
    options = Options(
        plain=project.plain,
        baseline=baseline,
        is_excluded=lambda name: any(fnmatch.fnmatch(name, glob) for glob in globs),
    )
    texts = staged_texts(io.BytesIO(diff))
    report = check(texts, _engine(plane), lambda some: _matches(index, some), options)
    out = "".join(f"{line}\n" for line in lines(report))
    expired = tuple(baseline.expired) if baseline is not None else ()
    told = "".join(f"{line}\n" for line in notes(report, folder, expired))
    code = 1 if report.found else 0
    shown = out.encode("utf-8", "backslashreplace")
    body = b"%d\0%d\0%b%b" % (code, len(shown), shown, told.encode("utf-8", "backslashreplace"))
    return Reply(200, body, {"content-type": BINARY})


def _matches(index: ValueIndex, texts: Sequence[Text]) -> Matches:
    from devvault.scan.check import Hit, Matches

    hits = []
    for number, text in enumerate(texts):
        for place in index.places(text.data):
            owner = place.owner
            hits.append(
                Hit(
                    number,
                    place.line,
                    place.column,
                    place.start,
                    place.end,
                    owner.vault,
                    owner.secret,
                    owner.version,
                    place.form,
                    owner.state,
                    place.part,
                )
            )
    return Matches(tuple(hits), index.count, index.complete)


def _engine(plane: Plane) -> Scanner:
    kept = plane.kept.get(_ENGINE)
    if kept is None:
        from devvault.scan.engine import Engine

        kept = plane.kept[_ENGINE] = Engine()
    return cast("Scanner", kept)


@dataclass(frozen=True, slots=True)
class _File:
    """A file that the client read; its name is empty where there is none."""

    name: str
    data: bytes

    @property
    def settings(self) -> Project:
        """What it says as a project file."""
        return read_project(PurePosixPath(self.name).name, self.data) if self.name else Project()


def _fields(body: bytes) -> tuple[str, _File, _File, bytes]:
    folder, _, rest = body.partition(b"\0")
    project, rest = _file(rest)
    baseline, rest = _file(rest)
    return folder.decode("utf-8", "surrogateescape"), project, baseline, rest


def _file(rest: bytes) -> tuple[_File, bytes]:
    name, _, rest = rest.partition(b"\0")
    size, separator, rest = rest.partition(b"\0")
    if not (separator and size.isdigit() and len(size) < 10 and int(size) <= len(rest)):
        raise Invalid("a field of the check is cut off")
    return _File(name.decode("utf-8", "surrogateescape"), rest[: int(size)]), rest[int(size) :]


ROUTES: dict[tuple[str, str], Route] = {("POST", "/local/check"): Route(check, limit=LIMIT)}
