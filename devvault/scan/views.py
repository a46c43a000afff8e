r"""A text as a program would read it: escapes undone, pieces of strings joined, folds taken out.

A view is a text of its own, and knows where in the original each of its bytes came from. Views are
made only where there is something to undo.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Undo = Callable[[re.Match[bytes]], bytes]

_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_BACKSLASH = re.compile(
    rb"(?:\\u[0-9A-Fa-f]{4})+|\\x([0-9A-Fa-f]{2})|\\([0-3][0-7]{2})|\\([^\r\n])|`([$\"'`])"
)
_ENTITY = re.compile(rb"&(?:#(\d{1,7})|#[xX]([0-9A-Fa-f]{1,6})|(amp|lt|gt|quot|apos));")
# A string's end and the next one's beginning, with or without a sign between them.
_JOIN = re.compile(
    rb"""["'`]\)?(?:[ \t]*\\?\r?\n)?[ \t]*(?:\+|\.\.?|&|\|\||<>|,|\\)?[ \t]*(?:\\?\r?\n[ \t]*)?"""
    rb"""[fFrRbBuULS$@]{0,2}["'`]"""
    rb"""|["'`];?[ \t]*\r?\n[ \t]*[$\w.]{1,64}[ \t]*(?:\+|\.|\.\.|&)=[ \t]*[fFrRbBu$@]{0,2}["'`]"""
)
# A line's end before a line that is one token, or behind a backslash. What stands before is looked
# at afterwards: a pattern that begins with one letter is found four times as fast.
_FOLD = re.compile(
    rb"\n[ \t]*(?:(?:#|//|\*|>|\|)[ \t]*)?"
    rb"(?=[\w+/=.!@#$%^&*~-]+([\"'`\\,;)\]}]*[ \t]*\r?(?:\n|\Z))?)"
)
_CONTINUED = re.compile(rb"\\\r?\n[ \t]*")
_TOKEN_END = re.compile(rb"[\w+/=.!@$%^&*~-]{3}[ \t]*\r?\Z")
_LONG_END = re.compile(rb"[\w+/=-]{12}\r?\Z")  # the next line need not be one token then
_LETTERS = {
    b"n": b"\n", b"t": b"\t", b"r": b"\r", b"0": b"\0", b"b": b"\b", b"f": b"\f", b"a": b"\a",
    b"v": b"\v", b"e": b"\x1b",
}  # fmt: skip
_NAMED = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}


@dataclass(slots=True)
class View:
    """A text with some of its bytes undone, of the original only what is near those.

    `mine` and `theirs` are offsets that belong together: in the view, and in the original.
    """

    what: str
    text: bytes
    mine: list[int] = field(default_factory=lambda: [0])
    theirs: list[int] = field(default_factory=lambda: [0])

    def origin(self, at: int) -> int:
        """Return where in the original a byte of the view stands."""
        index = bisect_right(self.mine, at) - 1
        return self.theirs[index] + at - self.mine[index]

    def __repr__(self) -> str:
        """Leave the text out."""
        return f"View({self.what!r})"


def views(text: bytes) -> Iterator[View]:
    """Return the text, and every other reading of it that there is."""
    yield View("", text)
    for what, undo, sites in (
        ("URL-encoded", _percent, _sites(text, b"%", _PERCENT)),
        ("escaped", _backslash, _sites(text, b"\\`", _BACKSLASH)),
        ("escaped", _entity, _sites(text, b"&", _ENTITY)),
        ("split", _nothing, _sites(text, b"\"'`", _JOIN)),
        ("folded", _nothing, _folds(text)),
    ):
        if sites:
            yield _view(what, text, sites, undo)


def _sites(text: bytes, marks: bytes, pattern: re.Pattern[bytes]) -> list[re.Match[bytes]]:
    if not any(mark in text for mark in (marks[at : at + 1] for at in range(len(marks)))):
        return []
    return list(pattern.finditer(text))


def _folds(text: bytes) -> list[re.Match[bytes]]:
    """Return the line ends that fold a value; each begins at the line feed, or at a backslash."""
    found = list(_CONTINUED.finditer(text)) if b"\\" in text else []
    taken = {match.end() for match in found}
    plain = [
        match
        for match in _FOLD.finditer(text)
        if (_LONG_END if match[1] is None else _TOKEN_END).search(
            text[max(0, match.start() - 16) : match.start()]
        )
        and match.end() not in taken
    ]
    return sorted([*found, *plain], key=lambda match: match.start()) if found else plain


def _view(what: str, text: bytes, sites: list[re.Match[bytes]], undo: Undo) -> View:
    out: list[bytes] = []
    mine, theirs = [0], [0]
    here = 0
    done = window_end = -1
    for match in sites:
        start, end = match.span()
        if start < done:
            continue
        if start > window_end:
            if done >= 0:  # the rest of the last window, and a gap that no value spans
                rest = text[done:window_end]
                out += [rest, b"\0\n"]
                here += len(rest) + 2
            done = text.rfind(b"\n", 0, start) + 1
            mine.append(here)
            theirs.append(done)
        before = text[done:start].removesuffix(b"\r") if undo is _nothing else text[done:start]
        undone = undo(match)
        out += [before, undone]
        mine.append(here + len(before))
        theirs.append(start)
        here += len(before) + len(undone)
        mine.append(here)
        theirs.append(end)
        done = end
        window_end = max(window_end, _line_end(text, end))
    out.append(text[done:window_end])
    return View(what, b"".join(out), mine, theirs)


def _line_end(text: bytes, at: int) -> int:
    found = text.find(b"\n", at)
    return len(text) if found < 0 else found


def _nothing(_match: re.Match[bytes]) -> bytes:
    return b""


def _percent(match: re.Match[bytes]) -> bytes:
    return bytes((int(match[1], 16),))


def _backslash(match: re.Match[bytes]) -> bytes:
    if match[1] is not None:
        return bytes((int(match[1], 16),))
    if match[2] is not None:
        return bytes((int(match[2], 8),))
    if match[3] is not None:
        return _LETTERS.get(match[3], match[3])
    if match[4] is not None:
        return match[4]
    wide = bytes.fromhex(match[0].replace(b"\\u", b"").decode())
    return wide.decode("utf-16-be", "replace").encode()


def _entity(match: re.Match[bytes]) -> bytes:
    if match[3] is not None:
        return _NAMED[match[3]]
    code = int(match[1]) if match[1] is not None else int(match[2], 16)
    return chr(code).encode("utf-8", "replace") if code < 0x110000 else match[0]
