"""Settings that stand in a tree: their keys, their places, and putting new values there.

The formats that nest (JSON, YAML, TOML) find entries; this turns them into settings and back into
bytes. A key is the path with `:` between its parts, as .NET's configuration names it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from devvault.errors import Conflict, Invalid, NotFound
from devvault.settingsfiles.base import Setting, find_key_error

BOM = b"\xef\xbb\xbf"
DEPTH_LIMIT = 100

_ALLOW = re.compile(r"(?:#|//|/\*)\s*devvault:\s*allow(?:[^\S\n]+(.*?))?\s*(?:\*/.*)?$")


@dataclass(frozen=True, slots=True)
class Entry:
    """A text value in a file: its key, and its place in the text (not in bytes), quotes included.

    `kept` is what is written before the value within the same token (`KEY=` in a YAML list).
    `is_fixed` entries can be read and not rewritten, `note` says why. `start` counts from the
    beginning of the text without a byte order mark.
    """

    key: str
    value: str | None
    start: int
    end: int
    quote: str = ""
    kept: str = ""
    note: str | None = None
    is_fixed: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A file's text, and the way from its characters to its lines and bytes."""

    text: str
    head: int  # bytes of the byte order mark
    line_starts: tuple[int, ...]

    @classmethod
    def of(cls, data: bytes) -> Document:
        """Decode a file.

        Raises:
            Invalid: it is not UTF-8, or holds a NUL.
        """
        body = data.removeprefix(BOM)
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError as error:
            line = body[: error.start].count(b"\n") + 1
            raise Invalid(f"line {line} is not valid UTF-8") from error
        if "\0" in text:
            raise Invalid(f"line {text.count(chr(10), 0, text.index(chr(0))) + 1} holds a NUL byte")
        starts = (0, *(match.end() for match in re.finditer(r"\n", text)))
        return cls(text, len(data) - len(body), starts)

    def line_at(self, char: int) -> int:
        """Return the line (from 1) that a character stands on."""
        return bisect_right(self.line_starts, char)

    def line_end(self) -> str:
        """Return the file's own line end."""
        return "\r\n" if "\r\n" in self.text else "\n"

    def spliced(self, changes: Iterable[tuple[int, int, str]]) -> bytes:
        """Return the file's bytes with some stretches of text replaced; they do not overlap."""
        pieces: list[str] = []
        done = 0
        for start, end, new in sorted(changes):
            pieces += [self.text[done:start], new]
            done = end
        text = "".join([*pieces, self.text[done:]])
        return BOM[: self.head] + text.encode()


def to_settings(document: Document, entries: Sequence[Entry]) -> list[Setting]:
    """Return the settings of a file, in its order."""
    found = []
    byte, char = document.head, 0
    last = {entry.key.lower(): entry for entry in entries}
    for entry in sorted(entries, key=lambda one: one.start):
        # Entries come in order, so that the bytes before them are counted once.
        byte += len(document.text[char : entry.start].encode())
        char = entry.start
        size = len(document.text[entry.start : entry.end].encode())
        reason, note = _allowed(document, entry)
        line = document.line_at(entry.start)
        winner = last[entry.key.lower()]
        if winner is not entry:
            at = document.line_at(winner.start)
            note = note or f"the same name is set again on line {at}, and that one counts"
        found.append(
            Setting(
                key=entry.key,
                value=entry.value,
                line=line,
                offset_start=byte,
                offset_end=byte + size,
                quote=entry.quote,
                allow_reason=reason,
                error=find_key_error(entry.key),
                note=entry.note or note,
                is_fixed=entry.is_fixed,
            )
        )
    return found


def rewritten(
    data: bytes,
    changes: Mapping[str, str],
    find: Callable[[Document], list[Entry]],
    write: Callable[[Entry, str], str],
) -> bytes:
    """Return the bytes with the values of some keys replaced; what is written must read back.

    Raises:
        Invalid: the format cannot hold a value, or a value stands where it cannot be rewritten.
        NotFound: a key that the file does not set.
    """
    document = Document.of(data)
    entries = [one for one in find(document) if find_key_error(one.key) is None]
    missing = changes.keys() - {one.key for one in entries}
    if missing:
        raise NotFound(f"the file does not set {', '.join(sorted(missing))}")
    chosen = [one for one in entries if one.key in changes]
    fixed = next((one for one in chosen if one.is_fixed), None)
    if fixed is not None:
        why = fixed.note or "it cannot be rewritten"
        raise Invalid(f"line {document.line_at(fixed.start)}: {why}")
    if not chosen:
        return data
    check_texts(changes.values())
    result = document.spliced((one.start, one.end, write(one, changes[one.key])) for one in chosen)
    wanted = [changes.get(one.key, one.value) for one in entries]
    check_reads(result, wanted, find)
    return result


def check_reads(
    data: bytes, wanted: Sequence[str | None], find: Callable[[Document], list[Entry]]
) -> None:
    """Make sure that a file reads as these values, in this order.

    Raises:
        Invalid: it does not.
    """
    try:
        found = find(Document.of(data))
    except Invalid as error:
        raise Invalid("the change would break the file") from error
    if [one.value for one in found if find_key_error(one.key) is None] != list(wanted):
        raise Invalid("the change would alter other settings of the file")


def check_new(key: str, value: str, entries: Iterable[Entry]) -> None:
    """Refuse what cannot be added.

    Raises:
        Invalid: the key is no variable's name, or the value no text.
        Conflict: the key is set already.
    """
    error = find_key_error(key)
    if error is not None:
        raise Invalid(error)
    check_texts([value])
    if any(one.key.lower() == key.lower() for one in entries):
        raise Conflict("the file sets this key already")


def check_texts(values: Iterable[str]) -> None:
    """Refuse what no settings file holds.

    Raises:
        Invalid: a value has a NUL, or half a surrogate pair.
    """
    for value in values:
        if "\0" in value:
            raise Invalid("a value with a NUL cannot stand in a settings file")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Invalid("a value that is not text cannot stand in a settings file") from error


def _allowed(document: Document, entry: Entry) -> tuple[str | None, str | None]:
    """Return the reason of an allow mark behind a value, and a note where it has none."""
    end = document.text.find("\n", entry.end)
    rest = document.text[entry.end : len(document.text) if end < 0 else end].rstrip("\r")
    mark = _ALLOW.search(rest)
    if mark is None:
        return None, None
    reason = (mark[1] or "").strip()
    return reason or None, None if reason else "the allow mark has no reason, so it does not count"
