"""Does a text hold one of these values, in whatever disguise? Places and owners, never a value.

Strong values are found by an automaton over every view of a text; weak ones (short, or words that
anybody writes) are compared with whole values beside secret-like names, and nothing else.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

import ahocorasick_rs

from devvault.scan.keyname import KeyKind, kind_of
from devvault.scan.needles import Held, Needle, needles, pieces, proved
from devvault.scan.views import View, views
from devvault.scan.weakvalue import SHORTEST, is_weak

_MOST = 1000  # findings in one text
_LONGEST_LINE = 4096
_DEEP = 1000  # values; of more, fewer forms are looked for
_NAME = re.compile(
    rb"""([A-Za-z_][\w.:-]{0,120}?)["'\])]{0,2}[ \t]*(?:=>|:=|=|:)[ \t]*"""
    rb"""(?:[@$]?(["'`])(.{1,256}?)\2|([^\s"'`#;,][^\r\n]{0,256}))""",
)
# A name that stands in one attribute, and its value in the next: XML, Kubernetes, compose lists.
_PAIR = re.compile(
    rb"""(?i)\b(?:key|name)["']?[ \t]*[:=][ \t]*["']?([A-Za-z_][\w.:-]{0,120})"""
    rb"""["']?[ \t]*,?\s{0,80}"""
    rb"""["']?value["']?[ \t]*[:=][ \t]*(?:(["'])(.{1,256}?)\2|([^\s"'#;,>][^\r\n>]{0,256}))"""
)
_ENDS = re.compile(rb"[\s;,&]")
_SECRETLIKE = re.compile(
    rb"(?i)pass|pwd|\bpw|secret|token|key|cred|conn|dsn|\bpat\b|auth|sas|salt|pepper|psk|otp"
)
_KINDS = frozenset({KeyKind.PASSWORD, KeyKind.SECRET, KeyKind.CONNECTION, KeyKind.KEY})


class Place(NamedTuple):
    """A value in a text: where (line and column in characters, from 1), whose, in what form.

    `start` and `end` are byte offsets of the form as it is written.
    """

    line: int
    column: int
    start: int
    end: int
    owner: Held
    form: str
    part: str

    def __repr__(self) -> str:
        """Leave the value out."""
        return f"Place(line {self.line}, {self.owner!r})"


class ValueIndex:
    """The values to look for, made ready once. Immutable; any thread may ask."""

    def __init__(self, values: Iterable[Held], *, complete: bool = True) -> None:
        self.complete = complete
        self.count = 0
        self._weak: dict[bytes, Held] = {}
        self._entries: list[list[tuple[Needle, Held, str]]] = []
        seen: set[str] = set()
        index: dict[bytes, int] = {}
        listed = list(values)
        deep = len(listed) <= _DEEP
        for held in listed:
            self.count += 1
            for piece, part in pieces(held.value):
                if piece in seen or len(piece) < SHORTEST:
                    continue
                seen.add(piece)
                if is_weak(piece):
                    self._add_weak(piece, held)
                    continue
                for needle in needles(piece, deep=deep):
                    at = index.setdefault(needle.anchor, len(self._entries))
                    if at == len(self._entries):
                        self._entries.append([])
                    self._entries[at].append((needle, held, part))
        self._automaton = _automaton(index)
        self._weak_automaton = _automaton(self._weak)

    def __repr__(self) -> str:
        """Leave the values out."""
        return f"ValueIndex({self.count} values)"

    def places(self, text: bytes) -> list[Place]:
        """Return where values stand in a text, in its order; one place a line and secret."""
        if not self.count:
            return []
        found = _Places(text)
        for view in views(text):
            for start, end, needle, held, part in self._strong(view):
                first, last = view.origin(start), view.origin(end - 1) + 1
                form = view.what if needle.form == "raw" else needle.form
                found.add(first, max(first, last), held, form, part)
            if found.are_many:
                break
        for first, last, held, form in self._beside_names(text):
            found.add(first, last, held, form, "")
        return found.in_order()

    def _strong(self, view: View) -> Iterable[tuple[int, int, Needle, Held, str]]:
        if self._automaton is None:
            return
        text = view.text
        proofs: set[tuple[int, int, int]] = set()
        for at, start, _ in self._automaton.find_matches_as_indexes(text, overlapping=True):
            for number, (needle, held, part) in enumerate(self._entries[at]):
                span = proved(text, start, needle)
                if span is not None and (at, number, span[0]) not in proofs:
                    proofs.add((at, number, span[0]))
                    yield *span, needle, held, part

    def _beside_names(self, text: bytes) -> Iterable[tuple[int, int, Held, str]]:
        """Return weak values that are the whole value of a secret-like name."""
        if self._weak_automaton is None:
            return
        done = -1
        for _, at, _ in self._weak_automaton.find_matches_as_indexes(text):
            if at < done:
                continue
            # The line, and the one before it: a name may stand there.
            start = text.rfind(b"\n", 0, at) + 1
            above = text.rfind(b"\n", 0, max(0, start - 1)) + 1
            end = text.find(b"\n", at)
            done = len(text) if end < 0 else end
            if done - above > _LONGEST_LINE:
                above, start = max(above, at - 512), max(start, at - 512)
                done = min(done, at + 512)
            if _SECRETLIKE.search(text, above, done) is None:
                continue
            yield from self._in_lines(text, _NAME, start, done)
            yield from self._in_lines(text, _PAIR, above, done)

    def _in_lines(
        self, text: bytes, pattern: re.Pattern[bytes], start: int, end: int
    ) -> Iterable[tuple[int, int, Held, str]]:
        while (match := pattern.search(text, start, end)) is not None:
            name = match[1]
            start = match.end(1) + 1  # what was taken for a value may hold another name
            if _SECRETLIKE.search(name) is None:
                continue
            group = 3 if match[3] is not None else 4
            written = match[group]
            for one in (written, *(_ENDS.split(written, maxsplit=1)[:1] if group == 4 else ())):
                bare = one.rstrip(b" \t,;)\"'")
                held = self._weak.get(bare)
                if held is not None and kind_of(name.decode("utf-8", "replace")) in _KINDS:
                    form = "" if bare == held.value.encode("utf-8", "replace") else "encoded"
                    at = match.start(group)
                    yield at, at + len(bare), held, form
                    break

    def _add_weak(self, piece: str, held: Held) -> None:
        plain = piece.encode("utf-8", "surrogatepass")
        for form in (plain, base64.b64encode(plain), plain.hex().encode()):
            self._weak.setdefault(form, held)


def _automaton(words: Iterable[bytes]) -> ahocorasick_rs.BytesAhoCorasick | None:
    listed = list(words)
    return ahocorasick_rs.BytesAhoCorasick(listed) if listed else None


class _Places:
    """The places of one text: of a secret one a line, the whole value rather than a part of it."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._starts: list[int] = []
        self._found: dict[tuple[int, str, str], Place] = {}

    @property
    def are_many(self) -> bool:
        """Whether more would tell nobody more."""
        return len(self._found) > _MOST

    def add(self, first: int, last: int, held: Held, form: str, part: str) -> None:
        """Keep a place, unless its line has one as good: a line may hold a value many times."""
        if not self._starts:
            self._starts = _line_starts(self._text)
        line = bisect_right(self._starts, first)
        key = (line, held.vault, held.secret)
        old = self._found.get(key)
        if old is not None and (bool(old.part), bool(old.form)) <= (bool(part), bool(form)):
            return
        before = self._text[self._starts[line - 1] : first]
        column = len(before.decode("utf-8", "replace")) + 1
        self._found[key] = Place(line, column, first, last, held, form, part)

    def in_order(self) -> list[Place]:
        """Return them in the order of the text."""
        return sorted(self._found.values(), key=lambda place: (place.start, place.end))


def _line_starts(text: bytes) -> list[int]:
    """Return where each line begins."""
    starts = [0]
    at = text.find(b"\n")
    while at >= 0:
        starts.append(at + 1)
        at = text.find(b"\n", at + 1)
    return starts
