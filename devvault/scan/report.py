"""A check's report as text: `file:line:column`, the value masked, why, and what to type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from devvault.scan.check import Repaired, Report

if TYPE_CHECKING:
    from devvault.scan.baseline import Entry

_SKIPPED_SHOWN = 20


def lines(report: Report) -> Iterator[str]:
    """Return the findings, two lines each, in the order of files and lines."""
    for one in report.found:
        yield finding_line(one)
        yield f"  repair: {printable(one.repair)}"


def allowed_lines(report: Report) -> Iterator[str]:
    """Return what was allowed, a line each, with the reason."""
    for one in report.allowed:
        yield f"allowed: {finding_line(one)}: {printable(one.allowed)}"


def finding_line(one: Repaired) -> str:
    """Return the line of one finding; of the value it shows four characters at most."""
    finding = one.finding
    key = f"{printable(finding.key)}=" if finding.key else ""
    commit = f"{one.commit}:" if one.commit else ""
    place = f"{commit}{printable(finding.path)}:{finding.line}:{finding.column}"
    rule = f"[{printable(finding.rule)}, {finding.severity.value}]"
    return f"{place}: {key}{printable(finding.shown)}**** is {printable(finding.why)} {rule}"


def summary(report: Report) -> str:
    """Return one sentence on what was looked at and found."""
    found = len(report.found)
    files = f"{report.files} file{'' if report.files == 1 else 's'}"
    result = "no secrets" if not found else f"{found} finding{'' if found == 1 else 's'}"
    allowed = f", {len(report.allowed)} allowed" if report.allowed else ""
    return f"checked {files}, {report.size} bytes: {result}{allowed}"


def notes(report: Report, folder: str, expired: Iterable[Entry] = ()) -> Iterator[str]:
    """Return the lines for stderr: what was not looked at, what was compared, and the summary."""
    for entry in expired:
        reason = printable(entry.reason)
        yield f"devvault: note: accepted until {entry.expires}, and not any more: {reason}"
    for one in report.skipped[:_SKIPPED_SHOWN]:
        yield f"devvault: note: not checked: {printable(one.name)}: {one.skipped}"
    more = len(report.skipped) - _SKIPPED_SHOWN
    if more > 0:
        yield f"devvault: note: not checked: {more} more files"
    is_compared = report.values is not None and not report.failed
    if report.binary:
        files = "1 file is" if report.binary == 1 else f"{report.binary} files are"
        compared = "compared with vaults' values alone" if is_compared else "not checked"
        yield f"devvault: note: {files} no text: {compared}"
    if is_compared and report.files:
        values = f"compared with {report.values} values of vaults"
        yield f"devvault: note: {values} that {printable(folder)} was given"
    if not report.complete:
        newest = f": only the newest {report.values}" if is_compared else ""
        yield f"devvault: warning: not all values of vaults were compared{newest}"
    yield f"devvault: {summary(report)}"


def printable(text: str) -> str:
    """Return text in which no character moves a terminal's cursor."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
