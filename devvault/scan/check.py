"""The check's one journey: texts -> vault values and the judge -> findings, each with its repair.

Two layers. Values: does a text hold a value that a vault holds? The daemon says so, and no value
comes here. Names and shapes: does a setting's value look secret? The judge says so, right here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from devvault.references.appservice import format_reference
from devvault.scan.assignments import Assignment, assignments
from devvault.scan.finding import Finding, shown_part
from devvault.scan.judge import judge
from devvault.scan.sources import Text
from devvault.settingsfiles.base import find_key_error

VALUE_RULE = "vault-value"
_BATCH = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Hit:
    """A vault's value in a text, as the daemon tells it: where, and whose."""

    name: str
    line: int
    column: int
    vault: str
    secret: str
    form: str = "raw"


@dataclass(frozen=True, slots=True)
class Matches:
    """The daemon's answer: hits, how many values it compared, and whether all of them."""

    hits: tuple[Hit, ...] = ()
    values: int = 0
    complete: bool = True


Matcher = Callable[[Sequence[Text]], Matches]


@dataclass(frozen=True, slots=True)
class Repaired:
    """A finding, and what to type about it."""

    finding: Finding
    repair: str


@dataclass(slots=True)
class Report:
    """What a check found, and what it looked at; `values` is None where none were compared."""

    found: list[Repaired] = field(default_factory=list)
    files: int = 0
    size: int = 0
    skipped: list[Text] = field(default_factory=list)
    values: int | None = None
    complete: bool = True


def check(texts: Iterable[Text], matcher: Matcher | None, *, plain: Collection[str] = ()) -> Report:
    """Check texts, `matcher` being the way to the vaults' values (None: they are not compared).

    `plain` names settings that the project says are no secrets; a vault's value is one anyway.
    """
    report = Report(values=None if matcher is None else 0)
    batch: list[Text] = []
    size = 0
    for text in texts:
        if text.skipped is not None:
            report.skipped.append(text)
            continue
        batch.append(text)
        size += text.size
        if size >= _BATCH:
            _check_batch(batch, matcher, plain, report)
            batch, size = [], 0
    _check_batch(batch, matcher, plain, report)
    report.found.sort(key=lambda one: (one.finding.path, one.finding.line, one.finding.column))
    return report


def _check_batch(
    batch: list[Text], matcher: Matcher | None, plain: Collection[str], report: Report
) -> None:
    if not batch:
        return
    report.files += len(batch)
    report.size += sum(text.size for text in batch)
    matches = matcher(batch) if matcher is not None else Matches()
    if matcher is not None:
        report.values = max(report.values or 0, matches.values)
        report.complete = report.complete and matches.complete
    by_name: dict[str, list[Hit]] = {}
    for hit in matches.hits:
        by_name.setdefault(hit.name, []).append(hit)
    for text in batch:
        report.found += _check_text(text, by_name.get(text.name, []), plain)


def _check_text(text: Text, hits: list[Hit], plain: Collection[str]) -> list[Repaired]:
    settings = list(assignments(text))
    by_line: dict[int, Assignment] = {one.line: one for one in settings}
    found: list[Repaired] = []
    taken: set[int] = set()
    for hit in hits:
        if not _counts(text, hit.line):
            continue
        taken.add(hit.line)
        key = by_line[hit.line].key if hit.line in by_line else ""
        found.append(_value_found(text, hit, key))
    for one in settings:
        if one.line in taken or one.is_allowed or one.key in plain or not _counts(text, one.line):
            continue
        verdict = judge(one.key, one.value)
        if verdict.secret:
            finding = Finding(
                text.name,
                one.line,
                one.column,
                one.key,
                verdict.rule,
                verdict.why,
                shown_part(one.value),
            )
            found.append(Repaired(finding, _set_command(one.key)))
    return found


def _value_found(text: Text, hit: Hit, key: str) -> Repaired:
    form = "" if hit.form in ("", "raw") else f", {hit.form}"
    why = f"the value of the secret {hit.secret} in the vault {hit.vault}{form}"
    finding = Finding(text.name, hit.line, hit.column, key, VALUE_RULE, why)
    return Repaired(finding, f"write {format_reference(hit.vault, hit.secret)} instead")


def _set_command(key: str) -> str:
    name = key if key and find_key_error(key) is None else "KEY"
    return f"devvault set {name}"


def _counts(text: Text, line: int) -> bool:
    return text.lines is None or line in text.lines
