"""The check's one journey: texts -> vault values, rules and the judge -> findings, with repairs.

Two layers. Values: does a text hold a value that a vault holds? The daemon says so, and no value
comes here. Rules: does something look secret? The engine says so, right here. What is allowed in
the text or known to the baseline is no finding, and is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from devvault.scan.finding import Finding, Severity
from devvault.scan.text import Text
from devvault.secretvalue import SecretValue

if TYPE_CHECKING:
    from devvault.scan.allow import Allows

VALUE_RULE = "vault-value"
_BATCH = 2 * 1024 * 1024  # with what is made of it, a check of any size stays under 150 MiB
_TEXTS = 2000
_ASIDE = 512 * 1024  # bytes that are worth a thread to ask with


@dataclass(frozen=True, slots=True)
class Hit:
    """A vault's value in a text, as the daemon tells it: where, whose, and in what form.

    `text` is the text's number in what was asked; `start` and `end` are byte offsets in its data.
    `state` is "", "an older version" or "deleted"; `part` says what of the value it is ("": all).
    """

    text: int
    line: int
    column: int
    start: int
    end: int
    vault: str
    secret: str
    version: str = ""
    form: str = ""
    state: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True)
class Matches:
    """The daemon's answer: hits, how many values it compared, and whether all of them."""

    hits: tuple[Hit, ...] = ()
    values: int = 0
    complete: bool = True
    failed: bool = False


Matcher = Callable[[Sequence[Text]], Matches]


class Scanner(Protocol):
    """What `Engine` and `Crew` are: texts in, findings out."""

    def scan_all(self, texts: Sequence[Text]) -> list[list[Finding]]:
        """Return what looks secret in each text, in their order."""
        ...


class Known(Protocol):
    """What a baseline is: it knows findings that somebody accepted."""

    def find(self, finding: Finding) -> str | None:
        """Return why a finding was accepted, None where it was not."""
        ...


@dataclass(frozen=True, slots=True)
class Repaired:
    """A finding, what to type about it, and the vault's value that it is, if it is one.

    `allowed` is why it counts as none: the reason of a mark in the text, or of the baseline.
    """

    finding: Finding
    repair: str
    hit: Hit | None = None
    allowed: str = ""
    commit: str = ""


@dataclass(slots=True)
class Report:
    """What a check found, and what it looked at; `values` is None where none were compared."""

    found: list[Repaired] = field(default_factory=list)
    allowed: list[Repaired] = field(default_factory=list)
    files: int = 0
    size: int = 0
    binary: int = 0
    skipped: list[Text] = field(default_factory=list)
    values: int | None = None
    complete: bool = True
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """What a check is told.

    `plain` names settings that the project says are no secrets; a vault's value is one anyway.
    `is_excluded` says of which paths nothing but vaults' values is looked for.
    """

    plain: Collection[str] = ()
    is_excluded: Callable[[str], bool] = lambda _name: False
    inline_allow: bool = True
    baseline: Known | None = None
    fix: str = "devvault check --fix"


def check(
    texts: Iterable[Text], scanner: Scanner, matcher: Matcher | None, options: Options | None = None
) -> Report:
    """Check texts, `matcher` being the way to the vaults' values (None: they are not compared)."""
    work = _Work(scanner, matcher, options or Options())
    batch: list[Text] = []
    size = 0
    for text in texts:
        if text.skipped is not None:
            work.report.skipped.append(text)
            continue
        batch.append(text)
        size += len(text.data)
        if size >= _BATCH or len(batch) >= _TEXTS:
            work.take(batch)
            batch, size = [], 0
    work.take(batch)
    return work.done()


class _Work:
    """A check on its way: batches in, a report out."""

    def __init__(self, scanner: Scanner, matcher: Matcher | None, options: Options) -> None:
        self.report = Report(values=None if matcher is None else 0)
        self._scanner = scanner
        self._matcher = matcher
        self._options = options
        self._seen: set[tuple[str, str, int, int, str]] = set()

    def take(self, batch: list[Text]) -> None:
        """Check some texts."""
        if not batch:
            return
        report = self.report
        report.files += sum(text.part == 0 for text in batch)
        report.size += sum(text.size for text in batch)
        report.binary += sum(text.is_binary and text.part == 0 for text in batch)
        judged = [number for number, text in enumerate(batch) if self._is_judged(text)]
        wanted = [batch[number] for number in judged]
        if sum(len(text.data) for text in batch) < _ASIDE:
            matches = self._compared(batch)
            found = self._scanner.scan_all(wanted)
        else:
            matches, found = self._both(batch, wanted)
        hits: dict[int, list[Hit]] = {}
        for hit in matches.hits:
            hits.setdefault(hit.text, []).append(hit)
        by_text = dict(zip(judged, found, strict=True))
        for number, text in enumerate(batch):
            self._check(text, hits.get(number, []), by_text.get(number, []))

    def _both(self, batch: list[Text], wanted: list[Text]) -> tuple[Matches, list[list[Finding]]]:
        """Let the daemon compare while we scan: it has a processor of its own, mostly."""
        from concurrent.futures import ThreadPoolExecutor  # small checks do without

        with ThreadPoolExecutor(1) as aside:
            asked = aside.submit(self._compared, batch)
            found = self._scanner.scan_all(wanted)
            return asked.result(), found

    def _is_judged(self, text: Text) -> bool:
        return not text.is_binary and not self._options.is_excluded(text.name)

    def _compared(self, batch: list[Text]) -> Matches:
        report = self.report
        if self._matcher is None or report.failed:
            return Matches()
        matches = self._matcher(batch)
        report.values = max(report.values or 0, matches.values)
        report.complete = report.complete and matches.complete
        report.failed = matches.failed
        return matches

    def _check(self, text: Text, hits: list[Hit], found: list[Finding]) -> None:
        if not hits and not found:
            return
        from devvault.scan.allow import Allows  # most texts have no finding

        allows = Allows(text.text if self._options.inline_allow else "")
        taken: set[int] = set()
        for hit in hits:
            if _counts(text, hit.line, hit.line):
                taken.add(hit.line)
                near = [one for one in found if one.line == hit.line]
                self._add(text, _value_finding(text, hit, near), hit, allows)
        for one in found:
            if one.line in taken or not _counts(text, one.line, one.end_line or one.line):
                continue
            if one.key not in self._options.plain:
                self._add(text, one, None, allows)

    def _add(self, text: Text, finding: Finding, hit: Hit | None, allows: Allows) -> None:
        line, column = text.place(finding.line, finding.column)
        identity = (text.commit, text.name, line, column, finding.rule)
        if identity in self._seen:
            return
        self._seen.add(identity)
        allowed = allows.find(finding.line, finding.rule, is_value=hit is not None)
        shift = column - finding.column
        end_line = text.place(finding.end_line or finding.line, 1)[0]
        placed = replace(
            finding,
            line=line,
            column=column,
            end=finding.end + shift if finding.end and end_line == line else finding.end,
            end_line=end_line,
        )
        if allowed is None and self._options.baseline is not None:
            allowed = self._options.baseline.find(placed)
        one = Repaired(
            placed, _repair(placed, hit, self._options.fix), hit, allowed or "", text.commit
        )
        (self.report.found if allowed is None else self.report.allowed).append(one)

    def done(self) -> Report:
        """Return the report, findings in the order of their places."""
        for found in (self.report.found, self.report.allowed):
            found.sort(
                key=lambda one: (one.finding.path, one.commit, one.finding.line, one.finding.column)
            )
        return self.report


def _value_finding(text: Text, hit: Hit, near: Sequence[Finding]) -> Finding:
    state = f" ({hit.state})" if hit.state else ""
    form = f", {hit.form}" if hit.form else ""
    what = hit.part or "the value of"
    why = f"{what} the secret {hit.secret}{state} in the vault {hit.vault}{form}"
    written = text.data[hit.start : hit.end].decode("utf-8", "replace")
    return Finding(
        text.name,
        hit.line,
        hit.column,
        next((one.key for one in near if one.key), ""),
        VALUE_RULE,
        why,
        severity=Severity.CRITICAL,
        end=hit.column + len(written) if "\n" not in written else 0,
        held=SecretValue(written),
    )


def _repair(finding: Finding, hit: Hit | None, fix: str) -> str:
    from devvault.references.appservice import format_reference  # as above
    from devvault.scan.lookups import lookup, setting_name
    from devvault.settingsfiles.base import find_format, find_key_error

    if find_format(finding.path) is not None:
        return fix
    key = finding.key or (hit.secret if hit is not None else "")
    code = lookup(finding.path, setting_name(key)) if key else None
    if code is not None:
        stored = "" if hit is not None else f"; the value: devvault set {setting_name(key)}"
        return f"write {code} instead{stored}"
    if hit is not None and not hit.form and not hit.state and not hit.part:
        return f"write {format_reference(hit.vault, hit.secret)} instead"
    name = key if key and find_key_error(key) is None else "KEY"
    return f"devvault set {name}"


def _counts(text: Text, first: int, last: int) -> bool:
    return text.lines is None or any(line in text.lines for line in range(first, last + 1))
