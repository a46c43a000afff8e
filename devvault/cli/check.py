"""`devvault check`: is a secret about to be committed in clear? 0 no, 1 yes, 2 could not look.

Values of vaults are compared by the daemon, which never tells them; where it cannot be asked the
check says so, and goes on with names and shapes.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from devvault.cli import say
from devvault.cli.comparing import find_matcher
from devvault.cli.progress import Progress
from devvault.cli.project import Place, open_place, read_settings
from devvault.errors import Invalid, NotFound, Unavailable, WrongUse
from devvault.scan.baseline import Accepted
from devvault.scan.check import Matcher, Options, Report, check
from devvault.scan.crew import Crew
from devvault.scan.engine import Engine
from devvault.scan.repository import find_top
from devvault.scan.sources import (
    STDIN_NAME,
    Text,
    from_history,
    from_index,
    from_paths,
    from_push,
    from_stream,
    from_tree,
)

FORMATS = ("text", "json", "sarif", "github")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Look for secrets in clear: values that a vault of this folder holds, whatever they look\n"
        "like and however they are encoded, and what looks secret by itself. Without arguments:\n"
        "the work tree. Exit codes: 0 none, 1 findings, 2 could not look."
    )
    parser.epilog = (
        "example: devvault check --staged\n"
        "         devvault check --install\n"
        "         devvault check .env config/ --fix\n"
        "         kubectl get cm app -o yaml | devvault check -\n"
        "see also: devvault help check"
    )
    what = parser.add_argument_group("what to look at")
    what.add_argument("--staged", action="store_true", help="what is staged for the next commit")
    what.add_argument("--all", action="store_true", help="the work tree: all that git would take")
    what.add_argument("--history", action="store_true", help="every commit of every branch")
    what.add_argument("--range", metavar="A..B", help="what the commits of a range added")
    what.add_argument("--push", action="store_true", help="what is pushed, as a pre-push hook")
    what.add_argument("paths", nargs="*", metavar="PATH", help="files, folders, or - for stdin")
    do = parser.add_argument_group("what to do about it")
    do.add_argument("--fix", action="store_true", help="move what is found into the vault")
    do.add_argument("--yes", action="store_true", help="with --fix: do it without asking")
    do.add_argument("--vault", help="with --fix: the vault (default: the project's)")
    do.add_argument("--install", action="store_true", help="make it git's hook in this repository")
    do.add_argument("--uninstall", action="store_true", help="take the hook out again")
    do.add_argument("--accept", metavar="REASON", help="put what is found into the baseline")
    do.add_argument("--expires", metavar="TIME", help="with --accept: a date, or a span like 90d")
    how = parser.add_argument_group("how")
    how.add_argument("--format", choices=FORMATS, default="text", help="of the report")
    how.add_argument(
        "--baseline", metavar="FILE", help="accepted findings (default: the project's)"
    )
    how.add_argument("--require-values", action="store_true",
                     help="end with 2 where values of vaults could not be compared")  # fmt: skip
    how.add_argument("--no-inline-allow", action="store_true",
                     help="marks `devvault: allow` in the texts do not count")  # fmt: skip
    how.add_argument("--report-allowed", action="store_true", help="show what was allowed too")


def main(args: argparse.Namespace) -> int:
    """Look, report, and end with 0, 1 or 2."""
    _check_use(args)
    if args.install or args.uninstall:
        from devvault.cli import hooks

        return hooks.install(Path.cwd()) if args.install else hooks.uninstall(Path.cwd())
    place = open_place()
    if args.fix and not _is_chosen(args):
        args.staged = _is_anything_staged(place)
    matcher = find_matcher(place.folder)
    baseline = find_baseline(args.baseline, place, may_be_new=args.accept is not None)
    report = _checked(args, place, matcher, baseline)
    if args.fix and report.found:
        from devvault.cli.fixing import fix

        if fix(report, place, staged=args.staged, vault=args.vault, is_agreed=args.yes):
            report = _checked(args, place, matcher, baseline)
    if args.accept is not None:
        return _accept(args, place, baseline, report)
    _show(report, args)
    _tell(report, place, baseline)
    if args.paths and not args.push and not report.size:
        raise Unavailable("nothing was read of what was named", hint="devvault check --help")
    if matcher is not None and matcher.failure is not None:
        say.tell(f"devvault: error: values of vaults were not checked: {matcher.failure.message}")
        say.hint(matcher.failure.hint or "devvault doctor")
        return 2
    if args.require_values and (matcher is None or report.failed or not report.complete):
        say.tell(
            "devvault: error: values of vaults were not compared, or not all (--require-values)"
        )
        return 2
    return 1 if report.found else 0


def _check_use(args: argparse.Namespace) -> None:
    chosen = [
        word
        for word, is_set in (
            ("--staged", args.staged),
            ("--all", args.all),
            ("--history", args.history),
            ("--range", args.range is not None),
            ("--push", args.push),
        )
        if is_set
    ]
    if len(chosen) > 1:
        raise WrongUse(f"{' and '.join(chosen)} are two things", hint="devvault check --help")
    if chosen and args.paths and not args.push:
        looks = "looks at the index" if args.staged else "looks at the repository"
        raise WrongUse(f"{chosen[0]} {looks}, and takes no names", hint="devvault check --help")
    if args.fix and (
        args.history or args.range is not None or args.push or STDIN_NAME in args.paths
    ):
        raise WrongUse(
            "what is committed or piped cannot be repaired in place",
            hint="change the secret where it is used, then: devvault set KEY",
        )
    if args.fix and args.accept is not None:
        raise WrongUse("--fix and --accept are two things", hint="devvault check --help")
    if args.expires is not None and args.accept is None:
        raise WrongUse("--expires goes with --accept", hint="devvault check --help")


def _is_chosen(args: argparse.Namespace) -> bool:
    return bool(args.staged or args.all or args.paths)


def _is_anything_staged(place: Place) -> bool:
    from devvault.scan.repository import git

    if find_top(place.folder) != place.folder:
        return False
    return bool(git(place.folder, "diff", "--cached", "--name-only", "--diff-filter=d"))


def _checked(
    args: argparse.Namespace, place: Place, matcher: Matcher | None, baseline: Accepted | None
) -> Report:
    globs = _globs(place)
    options = Options(
        plain=place.project.plain,
        is_excluded=lambda name: any(fnmatch.fnmatch(name, glob) for glob in globs),
        inline_allow=not args.no_inline_allow,
        baseline=None if args.accept is not None else baseline,
        fix=_fix_command(args),
    )
    what = "files looked at" if not (args.history or args.range) else "changes looked at"
    with Progress(what) as drawn, Crew(_engine(place)) as crew:
        return check(drawn.count(_texts(args, place)), crew, matcher, options)


def _engine(place: Place) -> Engine:
    """Return the engine with the rules that the project adds.

    Raises:
        WrongUse: one of its rules is none: nothing is checked by half of them.
    """
    listed = place.project.check.get("rules", ())
    if not listed or place.file is None:
        return Engine()
    from devvault.scan.rule import load_rules, read_rules

    names = (listed,) if isinstance(listed, str) else listed
    try:
        more = [
            rule
            for name in names
            for rule in read_rules(name, read_settings(place.file.parent / name, place.folder))
        ]
        load_rules(more)
    except (Invalid, NotFound) as error:
        raise WrongUse(error.message, hint="devvault help check") from error
    return Engine(more)


def _globs(place: Place) -> tuple[str, ...]:
    excluded = place.project.check.get("exclude", ())
    return (excluded,) if isinstance(excluded, str) else excluded


def _fix_command(args: argparse.Namespace) -> str:
    if args.staged:
        return "devvault check --fix"
    return "devvault check --fix --all" if not args.paths else "devvault check --fix PATH"


def _texts(args: argparse.Namespace, place: Place) -> Iterator[Text]:
    needs_git = args.staged or args.history or args.range is not None or args.push
    if needs_git and find_top(place.folder) != place.folder:
        raise WrongUse("there is no git repository here", hint="devvault check PATH")
    if args.staged:
        yield from from_index(place.folder)
    elif args.history:
        yield from from_history(place.folder, ("--all",))
    elif args.range is not None:
        yield from from_history(place.folder, (args.range,))
    elif args.push:
        yield from _pushed(place, args.paths)
    elif args.paths:
        yield from _named(args.paths)
    else:
        yield from from_tree(place.folder)


def _pushed(place: Place, names: Sequence[str]) -> Iterator[Text]:
    """Return what is pushed, as git tells a pre-push hook, or as pre-commit's own does."""
    given = os.environ
    if "PRE_COMMIT_TO_REF" in given:
        known = given.get("PRE_COMMIT_FROM_REF", "") or "0" * 40
        refs: Iterable[str] = [f"x {given['PRE_COMMIT_TO_REF']} x {known}"]
        remote = given.get("PRE_COMMIT_REMOTE_NAME", "")
    else:
        refs = sys.stdin if sys.stdin is not None and not sys.stdin.isatty() else []
        remote = names[0] if names else ""
    yield from from_push(place.folder, remote, refs)


def _named(paths: Sequence[str]) -> Iterator[Text]:
    for name in paths:
        if name != STDIN_NAME:
            yield from from_paths([name])
        elif sys.stdin is not None:
            yield from from_stream(STDIN_NAME, sys.stdin.buffer)


def find_baseline(name: str | None, place: Place, *, may_be_new: bool = False) -> Accepted | None:
    """Return the baseline that was named, else the project's; None where there is none.

    Raises:
        WrongUse: it is no baseline of ours, or was named and is not there.
    """
    from devvault.clock import SystemClock
    from devvault.scan.baseline import new_baseline, read_baseline

    path = baseline_path(name, place)
    today = SystemClock().now().date()
    if path is None:
        if may_be_new:
            raise WrongUse(
                "there is no baseline to put it into",
                hint='devvault check --accept "why" --baseline .devvault-baseline',
            )
        return None
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        if may_be_new:
            return new_baseline(today)
        raise WrongUse(f"there is no baseline {path}", hint="devvault help check") from error
    return read_baseline(str(path), data, today)


def baseline_path(name: str | None, place: Place) -> Path | None:
    """Return where the baseline is: as named, else where the project says."""
    if name is not None:
        return Path(name)
    kept = place.project.check.get("baseline")
    if not isinstance(kept, str) or place.file is None:
        return None
    return place.file.parent / kept


def _accept(
    args: argparse.Namespace, place: Place, baseline: Accepted | None, report: Report
) -> int:
    from devvault.cli.accepting import accept

    path = baseline_path(args.baseline, place)
    assert baseline is not None, "a new one was made"
    assert path is not None, "as above"
    return accept(path, baseline, report, args.accept, args.expires)


def _show(report: Report, args: argparse.Namespace) -> None:
    if args.format == "text":
        from devvault.scan.report import allowed_lines, lines

        for line in lines(report):
            say.line(line)
        if args.report_allowed:
            for line in allowed_lines(report):
                say.line(line)
        return
    from devvault.scan import formats

    if args.format == "json":
        say.put(formats.as_json(report, with_allowed=args.report_allowed))
    elif args.format == "sarif":
        from devvault import __version__

        say.put(formats.as_sarif(report, __version__, with_allowed=args.report_allowed))
    else:
        say.put(formats.as_github(report))


def _tell(report: Report, place: Place, baseline: Accepted | None) -> None:
    from devvault.scan.report import notes

    expired = tuple(baseline.expired) if baseline is not None else ()
    for line in notes(report, str(place.folder), expired):
        say.tell(line)
