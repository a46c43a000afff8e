"""`devvault check`: is a secret about to be committed in clear? 0 no, 1 yes, 2 could not look.

Values of vaults are compared by the daemon, which never tells them; where it cannot be asked the
check says so, and goes on with names and shapes.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
from collections.abc import Iterable, Iterator, Sequence

from devvault.cli import say
from devvault.cli.planes import Planes, open_planes
from devvault.cli.progress import Progress
from devvault.cli.project import Place, open_place
from devvault.cli.reply import flag, items, number, text
from devvault.errors import DevvaultError, Unavailable, WrongUse
from devvault.paths import default_home
from devvault.scan.check import Hit, Matcher, Matches, Report, check
from devvault.scan.report import lines, summary
from devvault.scan.sources import (
    SIZE_LIMIT,
    STDIN_NAME,
    Text,
    from_bytes,
    from_index,
    from_paths,
    from_tree,
)

_SKIPPED_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Look for secrets in clear: values that a vault of this folder holds, and settings that\n"
        "look secret. Without arguments: the work tree. Exit codes: 0 none, 1 findings, 2 could\n"
        "not look."
    )
    parser.epilog = (
        "example: devvault check --staged\n"
        "         devvault check .env config/\n"
        "         kubectl get cm app -o yaml | devvault check -"
    )
    parser.add_argument("--staged", action="store_true", help="what is staged for the next commit")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files, folders, or - for stdin")


def main(args: argparse.Namespace) -> int:
    """Look, report, and end with 0, 1 or 2."""
    if args.staged and args.paths:
        raise WrongUse(
            "--staged looks at the index, and takes no names", hint="devvault check --help"
        )
    place = open_place()
    matcher = _matcher(place)
    with Progress("files looked at") as drawn:
        report = check(drawn.count(_texts(args, place)), matcher, plain=place.project.plain)
    for line in lines(report):
        say.line(line)
    _tell(report, place)
    if args.paths and not report.size:
        raise Unavailable("nothing was read of what was named", hint="devvault check --help")
    return 1 if report.found else 0


def _texts(args: argparse.Namespace, place: Place) -> Iterator[Text]:
    if args.staged:
        if not (place.folder / ".git").exists():
            raise WrongUse("there is no git repository here", hint="devvault check PATH")
        found: Iterable[Text] = from_index(place.folder)
    elif args.paths:
        found = _named(args.paths)
    else:
        found = from_tree(place.folder)
    excluded = place.project.check.get("exclude", ())
    globs = (excluded,) if isinstance(excluded, str) else excluded
    for one in found:
        if globs and not args.paths and any(fnmatch.fnmatch(one.name, glob) for glob in globs):
            yield Text(one.name, skipped="excluded by the project file")
        else:
            yield one


def _named(paths: Sequence[str]) -> Iterator[Text]:
    for name in paths:
        if name == STDIN_NAME:
            yield from_bytes(STDIN_NAME, sys.stdin.buffer.read(SIZE_LIMIT + 1))
        else:
            yield from from_paths([name])


def _matcher(place: Place) -> Matcher | None:
    """Return the way to the vaults' values; None, and a word on it, where there is none."""
    if not default_home().database.exists():
        say.note("values of vaults were not checked: there is no vault on this machine")
        return None
    try:
        planes = open_planes(may_ask=False)
    except DevvaultError as error:
        say.note(f"values of vaults were not checked: {error.message}")
        if error.hint:
            say.hint(error.hint)
        return None
    return _ask(planes, place)


def _ask(planes: Planes, place: Place) -> Matcher:
    def matches(texts: Sequence[Text]) -> Matches:
        # Numbers for names: the daemon needs no paths, and two texts may bear one name.
        body = {
            "folder": str(place.folder),
            "texts": [{"name": str(at), "text": one.text} for at, one in enumerate(texts)],
        }
        try:
            found = planes.local("POST", "/local/scan", body)
        except DevvaultError as error:
            say.note(f"values of vaults were not checked: {error.message}")
            return Matches(complete=False)
        hits = tuple(
            Hit(
                texts[int(text(one, "name"))].name,
                number(one, "line"),
                number(one, "column"),
                text(one, "vault"),
                text(one, "secret"),
                text(one, "form"),
            )
            for one in items(found, "findings")
            if text(one, "name").isdecimal() and int(text(one, "name")) < len(texts)
        )
        return Matches(hits, number(found, "values"), flag(found, "complete"))

    return matches


def _tell(report: Report, place: Place) -> None:
    for one in report.skipped[:_SKIPPED_SHOWN]:
        say.note(f"not checked: {say.printable(one.name)}: {one.skipped}")
    more = len(report.skipped) - _SKIPPED_SHOWN
    if more > 0:
        say.note(f"not checked: {more} more files")
    if report.values is not None and report.files:
        say.note(f"compared with {report.values} values of vaults that {place.folder} was given")
    if not report.complete:
        say.warning("not all values of vaults were compared")
    say.tell(f"devvault: {summary(report)}")
