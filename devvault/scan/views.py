r"""A text as a program would read it: escapes undone, pieces of strings joined, folds taken out.

A view is a text of its own, and knows where in the original each of its bytes came from. Views are
made only where there is something to undo.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

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
    rb"\n(?:(?:(?<=[\w+/=-]{12}\n)|(?<=[\w+/=-]{12}\r\n))" + _INDENT + rb"(?=[\w+/=.!@#$%^&*~-])"
    rb"|(?:(?<=[\w+/=.!@$%^&*~-]{3}\n)|(?<=[ \t\r]\n))"
    + _INDENT
    + rb"(?=[\w+/=.!@#$%^&*~-]+[\"'`\\,;)\]}]*[ \t]*\r?(?:\n|\Z)))"
)
_CONTINUED = re.compile(rb"\\\r?\n[ \t]*")
_TOKEN_END = re.compile(rb"[\w+/=.!@$%^&*~-]{3}[ \t]*\r?\Z")
_LETTERS = {
    b"n": b"\n", b"t": b"\t", b"r": b"\r", b"0": b"\0", b"b": b"\b", b"f": b"\f", b"a": b"\a",
    b"v": b"\v", b"e": b"\x1b",
}  # fmt: skip
_NAMED = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}


@dataclass(slots=True)
class View:
    """A text with some of its bytes undone, of the original only what is near those.

    `mine` and `theirs` are offsets that belong together: in the view, and in the original; or in
    `outer`, the view that this one was made of.
    """

    what: str
    text: bytes
    mine: list[int] = field(default_factory=lambda: [0])
    theirs: list[int] = field(default_factory=lambda: [0])
    outer: View | None = None

    def origin(self, at: int) -> int:
        """Return where in the original a byte of the view stands."""
        index = bisect_right(self.mine, at) - 1
        found = self.theirs[index] + at - self.mine[index]
        return found if self.outer is None else self.outer.origin(found)

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
                    yield replace(_view(deeper.what, deeper.text, joins, _nothing), outer=deeper)


def _further(view: View) -> Iterator[View]:
    """Return the readings of a view, one step deeper."""
    for what, sites, undo in _readings(view.text):
        if what == view.what and undo is _nothing:
            continue  # what is joined is joined
        both = f"{view.what} and {what}" if view.what and view.what != what else what
        yield replace(_view(both, view.text, sites, undo), outer=view)


def _readings(text: bytes) -> Iterator[tuple[str, list[re.Match[bytes]], Undo]]:
    """Return what can be undone in a text: what it is, where, and how."""
    for what, undo, sites in (
        ("URL-encoded", _percent, _sites(text, b"%", _PERCENT)),
        ("escaped", _backslash, _sites(text, b"\\", _BACKSLASH)),
        ("escaped", _backtick, _sites(text, b"`", _BACKTICK)),
        ("escaped", _entity, _sites(text, b"&", _ENTITY)),
        ("split", _nothing, _joins(text)),
        ("folded", _nothing, _folds(text)),
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
