"""`devvault check --accept REASON`: what was found goes into the baseline, with the reason."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from devvault.cli import say
from devvault.cli.privatefile import replace_keeping_mode
from devvault.cli.times import find_span, find_time
from devvault.clock import SystemClock
from devvault.errors import WrongUse
from devvault.scan.baseline import LEAST_BITS, Accepted
from devvault.scan.check import Report
from devvault.scan.report import finding_line


def accept(path: Path, baseline: Accepted, report: Report, reason: str, until: str | None) -> int:
    """Write the findings into the baseline; return 1 where one cannot be in it.

    Raises:
        WrongUse: the reason is empty, or the time is none.
    """
    expires = _expires(until)
    by_finding = {id(one.finding): one for one in report.found}
    changed, refused = baseline.accept([one.finding for one in report.found], reason, expires)
    added = len(changed.entries) - len(baseline.entries)
    if changed.entries != baseline.entries:
        is_new = not path.exists()
        replace_keeping_mode(path, changed.to_bytes())
        if is_new:
            path.chmod(0o644)  # it is for the repository, and betrays nothing
    say.tell(f"{path}: {added} accepted, {len(changed.entries)} in all")
    for finding in refused:
        say.line(finding_line(by_finding[id(finding)]))
    if refused:
        say.note(
            f"values that could be guessed (under {LEAST_BITS} bits) are in no baseline; on the"
            " line itself: devvault: allow[RULE] reason"
        )
    return 1 if refused else 0


def _expires(word: str | None) -> date | None:
    if word is None:
        return None
    span = find_span(word)
    found = find_time(word) if span is None else SystemClock().now() + span
    if found is None:
        raise WrongUse(
            f"--expires '{say.printable(word)}' is no time and no span",
            hint='devvault check --accept "why" --expires 90d',
        )
    return found.date()
