"""Text: what is checked, a file or a part of one, and how bytes become it.

What is no text is not judged, but its bytes are compared with the vaults' values all the same. A
large file comes in parts that overlap, so that no value falls between two of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

SIZE_LIMIT = 128 * 1024 * 1024
PART = 4 * 1024 * 1024
_OVERLAP = 32 * 1024
_LOOKED_AT = 8192
_LEAST_WIDE = 12  # bytes of UTF-16 without a mark that are told from chance

Read = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Text:
    """One text: its name for reports, what it holds, and which lines count (None: all).

    `skipped` says why there is no text; `size` is in bytes as read, what parts share once.
    `data` is the text in UTF-8, or the bytes of what is no text (`is_binary`). `line` and `column`
    are where in the file its first character stands; `numbers`, where it is made of some of a
    file's lines, says which. `commit` is the commit that it was read from.
    """

    name: str
    text: str = ""
    size: int = 0
    lines: frozenset[int] | None = None
    skipped: str | None = None
    data: bytes = b""
    is_binary: bool = False
    part: int = 0
    line: int = 1
    column: int = 1
    numbers: Sequence[int] | None = None
    commit: str = ""

    def __repr__(self) -> str:
        """Leave the text out: it may hold what is looked for."""
        return f"Text({self.name!r}, {self.size} bytes)"

    def place(self, line: int, column: int) -> tuple[int, int]:
        """Return where in its file a place of this text is."""
        if self.numbers is not None:
            known = 0 < line <= len(self.numbers)
            return (self.numbers[line - 1] if known else line), column
        if line == 1:
            return self.line, column + self.column - 1
        return line + self.line - 1, column


def from_bytes(
    name: str,
    data: bytes,
    lines: frozenset[int] | None = None,
    *,
    commit: str = "",
    numbers: Sequence[int] | None = None,
) -> Text:
    """Return the text of some bytes that are a whole file; what is too large is skipped."""
    if len(data) > SIZE_LIMIT:
        return Text(name, skipped=too_large(), commit=commit)
    text = decoded(data)
    if text is None:
        return Text(name, size=len(data), data=data, is_binary=True, commit=commit)
    return Text(
        name, text, len(data), lines, data=_encoded(text, data), commit=commit, numbers=numbers
    )


def decoded(data: bytes) -> str | None:
    """Return bytes as text, None where they are none: UTF-8, UTF-16, else as good as it goes."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    head = data[:_LOOKED_AT]
    if b"\0" in head:
        return _wide(data, head)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Latin-1 and its kin: a value's own letters are ASCII nearly always.
        return data.decode("utf-8", "replace").replace("\0", "\ufffd")


def _wide(data: bytes, head: bytes) -> str | None:
    """Return the text of UTF-16 without a mark: every second byte of what looks at it is NUL."""
    if len(data) < _LEAST_WIDE:
        return None
    for name, of in (("utf-16-le", 1), ("utf-16-be", 0)):
        zeros, others = head[of::2].count(0), head[1 - of :: 2].count(0)
        if zeros * 10 >= len(head[of::2]) * 8 and others * 50 < max(1, len(head) // 2):
            return data.decode(name, "replace")
    return None


def _encoded(text: str, data: bytes) -> bytes:
    """Return a text in UTF-8, the bytes that it came from where they are that."""
    if text.isascii() and len(text) == len(data):
        return data
    return text.encode("utf-8", "replace")


def too_large() -> str:
    """Return why a file is not read."""
    return f"larger than {SIZE_LIMIT // (1024 * 1024)} MiB"


def in_parts(name: str, read: Read) -> Iterator[Text]:
    """Return the parts of a file that is read by and by; most files have one."""
    data = read(PART + 1)
    if len(data) <= PART:
        yield from_bytes(name, data)
        return
    yield from _parts(name, data, read)


def _parts(name: str, data: bytes, read: Read) -> Iterator[Text]:
    is_text = decoded(data[:_LOOKED_AT]) is not None
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff")) or (is_text and b"\0" in data[:_LOOKED_AT])
    if wide:  # rare, and lines cannot be told in its bytes
        rest = read(SIZE_LIMIT)
        yield from_bytes(name, data + rest)
        return
    number, line, column, fresh = 0, 1, 1, len(data)
    total = fresh
    while True:
        more = read(PART)
        cut = len(data) if not more else _cut(data)
        piece = data[:cut]
        text = piece.decode("utf-8-sig" if number == 0 else "utf-8", "replace") if is_text else ""
        yield Text(
            name,
            text,
            fresh,
            data=text.encode() if is_text else piece,
            is_binary=not is_text,
            part=number,
            line=line,
            column=column,
        )
        if not more:
            return
        total += len(more)
        if total > SIZE_LIMIT:
            yield Text(name, skipped=f"{too_large()}; the rest of it")
            return
        keep = data.rfind(b"\n", max(0, cut - _OVERLAP), cut - 1) + 1 or max(0, cut - _OVERLAP)
        passed = data[:keep]
        breaks = passed.count(b"\n")
        line += breaks
        tail = passed[passed.rfind(b"\n") + 1 :] if breaks else passed
        column = len(tail.decode("utf-8", "replace")) + (1 if breaks else column)
        data, fresh, number = data[keep:] + more, len(more), number + 1


def _cut(data: bytes) -> int:
    """Return where a part ends: behind a line if one ends near, never within a character."""
    found = data.rfind(b"\n", len(data) - _OVERLAP) + 1
    if found:
        return found
    at = len(data)
    while at > len(data) - 4 and data[at - 1] & 0xC0 == 0x80:
        at -= 1
    return at - 1 if at and data[at - 1] >= 0xC0 else at
