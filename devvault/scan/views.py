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
# Each begins with a letter of its own: such a pattern is found many times as fast as one that may
# begin in several ways.
_BACKSLASH = re.compile(
    rb"\\(?:u([0-9A-Fa-f]{4}(?:\\u[0-9A-Fa-f]{4})*)|x([0-9A-Fa-f]{2})|([0-3][0-7]{2})|([^\r\n]))"
)
_BACKTICK = re.compile(rb"`([$\"'`])")
_ENTITY = re.compile(rb"&(?:#(\d{1,7})|#[xX]([0-9A-Fa-f]{1,6})|(amp|lt|gt|quot|apos));")
# A string's end and the next one's beginning, with or without a sign between them. An empty string
# joins nothing: it begins behind what no value ends with. What is looked ahead for says no early.
_JOIN = re.compile(
    rb"""["'`](?=[)\s\\+.&|<>,fFrRbBuULS$@]{0,200}["'`])"""
    rb"""(?:(?<![\s(=,\[{:"'`]["'`])|(?!["'`]))"""
    rb"""\)?(?:[ \t]*\\?\r?\n)?[ \t]*(?:\+|\.\.?|&|\|\||<>|,|\\)?[ \t]*(?:\\?\r?\n[ \t]*)?"""
    rb"""[fFrRbBuULS$@]{0,2}["'`]"""
)
_APPENDED = re.compile(
    rb"""["'`];?[ \t]*\r?\n[ \t]*[$\w.]{1,64}[ \t]*(?:\+|\.|\.\.|&)=[ \t]*[fFrRbBu$@]{0,2}["'`]"""
)
# A line's end behind a long token, or between two lines that are one token each, or behind a
# backslash. A line that ends with blanks is looked at afterwards.
_INDENT = rb"[ \t]*(?:(?:#|//|\*|>|\|)[ \t]*)?"
_FOLD = re.compile(
    rb"\n(?<=[\w+/=.!@$%^&*~\t\r -]\n)(?:(?:(?<=[\w+/=-]{12}\n)|(?<=[\w+/=-]{12}\r\n))"
    + _INDENT
    + rb"(?=[\w+/=.!@#$%^&*~-])"
    rb"|(?:(?<=[\w+/=.!@$%^&*~-]{3}\n)|(?<=[ \t\r]\n))"
    + _INDENT
    + rb"(?=[\w+/=.!@#$%^&*~-]+[\"'`\\,;)\]}]*[ \t]*\r?(?:\n|\Z)))"
)
_CONTINUED = re.compile(rb"\\\r?\n[ \t]*")
_TOKEN_END = re.compile(rb"[\w+/=.!@$%^&*~-]{3}[ \t]*\r?\Z")
_GAP = b"\0\n"
_LETTERS = {
    b"n": b"\n", b"t": b"\t", b"r": b"\r", b"0": b"\0", b"b": b"\b", b"f": b"\f", b"a": b"\a",
    b"v": b"\v", b"e": b"\x1b",
}  # fmt: skip
_NAMED = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}


@dataclass(slots=True)
class View:
    """A text with some of its bytes undone, of the original only what is near those.

    `outer` is the view that this one was made of, None for the original.
    """

    what: str
    text: bytes
    outer: View | None = None
    sites: list[re.Match[bytes]] = field(default_factory=list)
    undo: Undo | None = None
    _pairs: tuple[list[int], list[int]] | None = None

    def origin(self, at: int) -> int:
        """Return where in the original a byte of the view stands."""
        if self.outer is None:
            return at
        if self._pairs is None:  # few views hold anything: where their bytes came from is not kept
            self._pairs = _places(self.outer.text, self.sites, self.undo)
        mine, theirs = self._pairs
        index = bisect_right(mine, at) - 1
        return self.outer.origin(theirs[index] + at - mine[index])

    def __repr__(self) -> str:
        """Leave the text out."""
        return f"View({self.what!r})"


def views(text: bytes) -> Iterator[View]:
    """Return the text, and every other reading of it that there is, two steps deep."""
    whole = View("", text)
    yield whole
    for view in _further(whole):
        yield view
        for deeper in _further(view):
            yield deeper
            if deeper.what == "split and escaped":  # a notebook: code as a list of JSON strings
                joins = _joins(deeper.text)
                if joins:
                    yield _view(deeper.what, deeper, joins, None)


def _further(view: View) -> Iterator[View]:
    """Return the readings of a view, one step deeper."""
    for what, sites, undo in _readings(view.text):
        if what == view.what and undo is None:
            continue  # what is joined is joined
        both = f"{view.what} and {what}" if view.what and view.what != what else what
        yield _view(both, view, sites, undo)


def _readings(text: bytes) -> Iterator[tuple[str, list[re.Match[bytes]], Undo | None]]:
    """Return what can be undone in a text: what it is, where, and what to (None: nothing)."""
    for what, undo, sites in (
        ("URL-encoded", _percent, _sites(text, b"%", _PERCENT)),
        ("escaped", _backslash, _sites(text, b"\\", _BACKSLASH)),
        ("escaped", _backtick, _sites(text, b"`", _BACKTICK)),
        ("escaped", _entity, _sites(text, b"&", _ENTITY)),
        ("split", None, _joins(text)),
        ("folded", None, _folds(text)),
    ):
        if sites:
            yield what, sites, undo


def _sites(text: bytes, mark: bytes, pattern: re.Pattern[bytes]) -> list[re.Match[bytes]]:
    return list(pattern.finditer(text)) if mark in text else []


def _joins(text: bytes) -> list[re.Match[bytes]]:
    """Return what stands between two strings that are one."""
    found = list(_JOIN.finditer(text))
    if any(sign in text for sign in (b"+=", b".=", b"&=")):
        appended = list(_APPENDED.finditer(text))
        if appended:
            return sorted([*found, *appended], key=lambda match: match.start())
    return found


def _folds(text: bytes) -> list[re.Match[bytes]]:
    """Return the line ends that fold a value; each begins at the line feed, or at a backslash."""
    found = list(_CONTINUED.finditer(text)) if b"\\" in text else []
    taken = {match.end() for match in found}
    plain = [
        match
        for match in _FOLD.finditer(text)
        if match.end() not in taken
        and (
            text[match.start() - 1] not in b" \t\r"
            or _TOKEN_END.search(text[max(0, match.start() - 16) : match.start()])
        )
    ]
    return sorted([*found, *plain], key=lambda match: match.start()) if found else plain


def _view(what: str, outer: View, sites: list[re.Match[bytes]], undo: Undo | None) -> View:
    text = outer.text
    out: list[bytes] = []
    done = window_end = -1
    for match in sites:
        start, end = match.span()
        if start < done:
            continue
        if start > window_end:
            if done >= 0:  # the rest of the last window, and a gap that no value spans
                out += (text[done:window_end], _GAP)
            done = text.rfind(b"\n", 0, start) + 1
            window_end = start
        if undo is None:
            out.append(text[done:start].removesuffix(b"\r"))
        else:
            out += (text[done:start], undo(match))
        done = end
        if end >= window_end:
            window_end = _line_end(text, end)
    out.append(text[done:window_end])
    return View(what, b"".join(out), outer, sites, undo)


def _places(
    text: bytes, sites: list[re.Match[bytes]], undo: Undo | None
) -> tuple[list[int], list[int]]:
    """Return offsets that belong together, in a view that `_view` makes and in its text."""
    mine, theirs = [0], [0]
    here = 0
    done = window_end = -1
    for match in sites:
        start, end = match.span()
        if start < done:
            continue
        if start > window_end:
            if done >= 0:
                here += window_end - done + len(_GAP)
            done = text.rfind(b"\n", 0, start) + 1
            window_end = start
            mine.append(here)
            theirs.append(done)
        before, undone = text[done:start], b""
        if undo is None:
            before = before.removesuffix(b"\r")
        else:
            undone = undo(match)
        mine += (here + len(before), here + len(before) + len(undone))
        theirs += (start, end)
        here = mine[-1]
        done = end
        if end >= window_end:
            window_end = _line_end(text, end)
    return mine, theirs


def _line_end(text: bytes, at: int) -> int:
    found = text.find(b"\n", at)
    return len(text) if found < 0 else found


def _percent(match: re.Match[bytes]) -> bytes:
    return bytes((int(match[1], 16),))


def _backslash(match: re.Match[bytes]) -> bytes:
    if match[4] is not None:
        return _LETTERS.get(match[4], match[4])
    if match[2] is not None:
        return bytes((int(match[2], 16),))
    if match[3] is not None:
        return bytes((int(match[3], 8),))
    wide = bytes.fromhex(match[1].replace(b"\\u", b"").decode())
    return wide.decode("utf-16-be", "replace").encode()


def _backtick(match: re.Match[bytes]) -> bytes:
    return match[1]


def _entity(match: re.Match[bytes]) -> bytes:
    if match[3] is not None:
        return _NAMED[match[3]]
    code = int(match[1]) if match[1] is not None else int(match[2], 16)
    return chr(code).encode("utf-8", "replace") if code < 0x110000 else match[0]
