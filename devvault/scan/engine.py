"""Is there a secret in this text? Shapes that betray themselves, and settings named like secrets.

One text in, its findings out, in the order of their places. Whether a line counts, is allowed or
is known already is for check.py to say. A rule is tried on a line only where one of its keywords
stands: never on a whole file.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING

from devvault.scan import harmless
from devvault.scan.assignments import (
    WORDS,
    Lines,
    is_example_file,
    is_lock_file,
    is_source,
    pairs,
    spans_of,
)
from devvault.scan.checks import CHECKS
from devvault.scan.finding import Finding, Severity, shown_part
from devvault.scan.judge import judge
from devvault.scan.keyname import KeyKind, kind_of
from devvault.scan.kinds.base import Pair, Place
from devvault.scan.rule import SIDES, Rule, load_rules
from devvault.scan.shapes import entropy, is_random
from devvault.scan.text import Text
from devvault.secretvalue import SecretValue

if TYPE_CHECKING:
    from devvault.scan.gate import Gate

_LONG_LINE = 8192  # of a longer one, only what is near the keyword
_NEAR = (1024, 8192)
_LONG_PART = 2048  # characters; through more RE2 goes, where it is there
_LEFT = 2048  # characters that must be left of such a part for a keyword to be seen in it
_SMALL = 1024 * 1024  # characters, in all texts: so many are searched before the quick one is made

# Verdicts on a whole value that hold for whatever shape is found inside.
_CLEARS = frozenset(
    {"reference", "lookup", "emulator-key", "app-insights", "public", "placeholder"}
)


@dataclass(frozen=True, slots=True)
class _Shape:
    """A rule's match."""

    start: int
    end: int
    rule: Rule


class _Keywords:
    """Finds keywords in a text, all at once where the automaton is to be had.

    The first few texts are searched with one that is made at once; for more it is worth a while to
    make the quick one.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._seen = 0

    @cached_property
    def _library(self) -> ModuleType | None:
        try:
            import ahocorasick_rs
        except ImportError:  # no wheel for this machine
            return None
        return ahocorasick_rs

    @cached_property
    def _small(self) -> object:
        return self._automaton("NoncontiguousNFA")

    @cached_property
    def _large(self) -> object:
        return self._automaton("DFA")

    def _automaton(self, kind: str) -> object:
        library = self._library
        assert library is not None, "it was asked for first"
        return library.AhoCorasick(
            self._words,
            matchkind=library.MatchKind.Standard,
            implementation=getattr(library.Implementation, kind),
            store_patterns=False,
        )

    def find(self, lowered: str) -> list[tuple[int, int]]:
        """Return (index of the word, where it begins) for each place of each word."""
        self._seen += len(lowered)
        if self._library is not None:
            automaton = self._small if self._seen < _SMALL else self._large
            find = automaton.find_matches_as_indexes  # type: ignore[attr-defined]  # no stubs
            return [(index, start) for index, start, _ in find(lowered, overlapping=True)]
        found = []
        for index, word in enumerate(self._words):
            at = lowered.find(word)
            while at >= 0:
                found.append((index, at))
                at = lowered.find(word, at + 1)
        found.sort(key=lambda hit: hit[1])
        return found


class Engine:
    """Finds secrets by rules and by the judge. It keeps what it compiled, and no text.

    `more` are a project's own rules.

    Raises:
        Invalid: a rule of `more` has the id of one of ours.
    """

    def __init__(self, more: Iterable[Rule] = ()) -> None:
        self.more = tuple(more)
        self._compiled: dict[str, re.Pattern[str]] = {}
        self._gate: Gate | None = None

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, ours first."""
        return load_rules(self.more)

    @cached_property
    def _table(self) -> tuple[_Keywords, list[tuple[Rule, ...]]]:
        """The keywords, and the rules of each; a word of assignments has none of its own."""
        by_word: dict[str, list[Rule]] = {word: [] for word in WORDS}
        for rule in self.rules:
            for word in rule.keywords:
                by_word.setdefault(word, []).append(rule)
        return _Keywords(list(by_word)), [tuple(rules) for rules in by_word.values()]

    def use_gate(self) -> None:
        """Make ready for many texts: with Hyperscan, where the extra `fast` is installed."""
        from devvault.scan.gate import find_gate

        self._gate = find_gate(self.rules)

    def scan_all(self, texts: Sequence[Text]) -> list[list[Finding]]:
        """Return what looks secret in each of some texts, in their order."""
        return [self.scan(text) for text in texts]

    def scan(self, text: Text) -> list[Finding]:
        """Return what looks secret in a text. Never raises; time grows with its length."""
        body = text.text
        if not body:
            return []
        passed = self._gate.find(body) if self._gate is not None else None
        is_code = passed is not None and is_source(text.name, body)
        if passed is not None and not passed[0] and is_code and not passed[1]:
            return []
        keywords, rules_of = self._table
        lowered = _lowered(body)
        hits: list[tuple[int, int]] = []
        if passed is None or passed[0] or not is_code:
            hits = keywords.find(lowered)
        if not hits and not is_code:
            return []
        allowed = None if passed is None else passed[0]
        shapes = self._shapes(body, lowered, hits, rules_of, allowed)
        words = len(WORDS)
        if passed is not None and is_code:
            places = [_line_before(body, at) for at in set(passed[1])]
        else:
            places = [at for index, at in hits if index < words]
        places += [shape.start for shape in shapes]  # to learn under which name it stands
        spans = spans_of(body, sorted(places))
        found = _Found(text.name, body)
        if not is_lock_file(text.name):
            is_example = is_example_file(text.name)
            for pair in pairs(text.name, body, spans):
                _weigh(pair, body, shapes, found, is_example=is_example)
        for shape in shapes:
            found.add_shape(shape)
        return found.findings()

    def _shapes(
        self,
        body: str,
        lowered: str,
        hits: list[tuple[int, int]],
        rules_of: list[tuple[Rule, ...]],
        allowed: frozenset[str] | None = None,
    ) -> list[_Shape]:
        found: dict[tuple[int, int], _Shape] = {}
        tried: set[tuple[str, int]] = set()
        first = last = -1
        is_part = False
        for index, at in hits:
            rules = rules_of[index]
            if not rules:
                continue
            if not first <= at < last or (is_part and at > last - _LEFT):
                first = body.rfind("\n", 0, at) + 1
                last = body.find("\n", at)
                last = len(body) if last < 0 else last
                is_part = last - first > _LONG_LINE
                if is_part:
                    first, last = max(first, at - _NEAR[0]), min(last, at + _NEAR[1])
            for rule in rules:
                if (rule.id, first) in tried or (allowed is not None and rule.id not in allowed):
                    continue
                tried.add((rule.id, first))
                if rule.near and not any(lowered.find(w, first, last) >= 0 for w in rule.near):
                    continue
                for shape in self._matches(rule, body, first, min(len(body), last + rule.reach)):
                    place = (shape.start, shape.end)
                    known = found.get(place)
                    if known is None or _weight(rule) > _weight(known.rule):
                        found[place] = shape
        return sorted(found.values(), key=lambda shape: (shape.start, -shape.end))

    def _matches(self, rule: Rule, body: str, first: int, last: int) -> Iterable[_Shape]:
        at = first
        while (spans := self._search(rule.pattern, body, at, last)) is not None:
            (start, end), (whole_start, whole_end) = spans
            if self._is_one(rule, body, start, end):
                yield _Shape(start, end, rule)
                at = max(whole_end, whole_start + 1)
            else:
                at = whole_start + 1

    def _search(
        self, source: str, body: str, first: int, last: int
    ) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Return the place of a pattern's value, and of the whole match."""
        if self._gate is not None and last - first > _LONG_PART:
            return self._gate.search(source, body, first, last)
        pattern = self._pattern(source)
        match = pattern.search(body, first, last)
        if match is None:
            return None
        return match.span(1 if pattern.groups else 0), match.span()

    def _is_one(self, rule: Rule, body: str, start: int, end: int) -> bool:
        for side, at in ((rule.before, start - 1), (rule.after, end)):
            if not SIDES[side] or not 0 <= at < len(body):
                continue
            # `=` behind a token is its padding; before it, an assignment.
            if self._pattern(SIDES[side]).match(body, at) and (body[at] != "=" or at >= end):
                return False
        value = body[start:end]
        if rule.entropy and entropy(value) < rule.entropy:
            return False
        if rule.check and not CHECKS[rule.check](body, value, start, end):
            return False
        if harmless.is_emulator_key(value) or harmless.is_shown(value):
            return False
        return not harmless.is_filler(value)

    def _pattern(self, source: str) -> re.Pattern[str]:
        known = self._compiled.get(source)
        if known is None:
            known = self._compiled[source] = re.compile(source, re.ASCII)
        return known


def _line_before(body: str, at: int) -> int:
    """Return a place on the line that an assignment begins on, whose literal stands at `at`."""
    first = body.rfind("\n", 0, at) + 1
    return first - 1 if first and not body[first:at].strip() else at


def _lowered(body: str) -> str:
    """Return a text in lower case, of the same length: only ASCII letters change."""
    if body.isascii():
        return body.lower()
    return body.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _weight(rule: Rule) -> tuple[bool, int]:
    """Say how much a rule tells; of two on one place the one that says more is reported."""
    order = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)
    return not rule.near, order.index(rule.severity)


class _Found:
    """The findings of one text so far; of several on one place, one."""

    def __init__(self, name: str, body: str) -> None:
        self._name = name
        self._lines = Lines(body)
        self._body = body
        self._taken: list[tuple[int, int]] = []
        self._all: list[tuple[int, Finding]] = []

    def add(
        self, start: int, end: int, key: str, rule: str, why: str, severity: Severity, value: str
    ) -> None:
        at = bisect_left(self._taken, (start, start))
        if at and self._taken[at - 1][1] > start:
            return
        if at < len(self._taken) and self._taken[at][0] < end:
            return
        self._taken.insert(at, (start, end))
        line, column = self._lines.place(start)
        end_line, stop = self._lines.place(end)
        finding = Finding(
            self._name, line, column, key, rule, why, shown_part(value), severity,
            end=stop, end_line=end_line, held=SecretValue(value),
        )  # fmt: skip
        self._all.append((start, finding))

    def clear(self, start: int, end: int) -> None:
        """Keep a place from being reported: what stands there is known to be no secret."""
        insort(self._taken, (start, end))

    def add_shape(self, shape: _Shape) -> None:
        value = self._body[shape.start : shape.end]
        rule = shape.rule
        self.add(shape.start, shape.end, "", rule.id, rule.what, rule.severity, value)

    def findings(self) -> list[Finding]:
        return [finding for _, finding in sorted(self._all, key=lambda one: one[0])]


_SEVERITIES = {
    "name-key": Severity.MEDIUM,
    "name-connection": Severity.MEDIUM,
    "random": Severity.LOW,
}


def _weigh(
    pair: Pair, body: str, shapes: list[_Shape], found: _Found, *, is_example: bool = False
) -> None:
    """Judge one pair, with the shape that was found inside it, if any."""
    at = bisect_left(shapes, pair.start, key=lambda shape: shape.start)
    if at and shapes[at - 1].end > pair.start:
        at -= 1
    shape = shapes[at] if at < len(shapes) and shapes[at].start < pair.end else None
    kind = kind_of(pair.key)
    if (
        shape is None
        and kind in (KeyKind.NEUTRAL, KeyKind.LABEL)
        and pair.place is not Place.ENV
        and (pair.end - pair.start == len(pair.value) and body.startswith(pair.value, pair.start))
    ):
        return
    verdict = judge(pair.key, pair.value, pair.place)
    if verdict.rule in _CLEARS:
        if shape is not None:
            found.clear(pair.start, pair.end)
        return
    is_line = body.find("\n", pair.start, pair.end) < 0
    if shape is not None and is_line:
        rule = shape.rule
        found.add(pair.start, pair.end, pair.key, rule.id, rule.what, rule.severity, pair.value)
    elif shape is None and verdict.secret:
        if is_example and verdict.rule.startswith("name-") and not is_random(pair.value, 16):
            return  # somebody's idea of a password, to be replaced
        severity = _SEVERITIES.get(verdict.rule, Severity.HIGH)
        found.add(pair.start, pair.end, pair.key, verdict.rule, verdict.why, severity, pair.value)
