"""A diff or a log that git prints, as files: for each its path, its new lines, and which are added.

Only content lines begin with a blank, a sign or a backslash once a hunk is open, and names with
line breaks are quoted, so no content and no name can be taken for a header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

MARK = b"\x01"
_HUNK = re.compile(rb"@@+ (?:-\d+(?:,(\d+))? )+\+(\d+)(?:,(\d+))? @@")
_RAW = re.compile(rb":(\d{6}) (\d{6}) ([0-9a-f]+) ([0-9a-f]+) ([A-Z])(\d*)\t(.*)")
_ESCAPES = {
    b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r",
    b'"': b'"', b"\\": b"\\",
}  # fmt: skip
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)


@dataclass(slots=True)
class Entry:
    """One line of `--raw`: what the index or a commit has at a path."""

    mode: str
    id: str
    old: str
    status: str
    path: bytes

    @property
    def is_file(self) -> bool:
        """Whether it is a file, and neither a link nor a submodule."""
        return self.mode in ("100644", "100755")


@dataclass(slots=True)
class Change:
    """The new side of one file of a diff. With full context `lines` is the whole file."""

    commit: bytes = b""
    path: bytes | None = None
    lines: list[bytes] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    added: set[int] = field(default_factory=set)
    is_binary: bool = False

    @property
    def data(self) -> bytes:
        """The lines as they stand in the file."""
        return b"".join(self.lines)


def changes(lines: Iterable[bytes], entries: list[Entry] | None = None) -> Iterator[Change]:
    """Go through a diff or log, file by file; lines of `--raw` are put into `entries`."""
    commit = b""
    now: Change | None = None
    in_hunk = is_new = False
    width, number = 1, 0
    rest = iter(lines)
    for line in rest:
        first = line[:1]
        if in_hunk and now is not None and first in b" +-\\" and first:
            columns = line[:width]
            if first == b"\\":  # no line feed behind the line before, on whichever side it is
                if is_new:
                    now.lines[-1] = now.lines[-1].removesuffix(b"\n")
                continue
            is_new = b"-" not in columns
            if not is_new:
                continue
            now.lines.append(line[width:])
            now.numbers.append(number)
            if b"+" in columns:
                now.added.add(number)
            number += 1
        elif first == b"@":
            found = _HUNK.match(line)
            in_hunk = found is not None
            if found is not None:
                number = int(found[2])
                width = len(line) - len(line.lstrip(b"@")) - 1
                if width == 1 and now is not None:
                    is_new = _hunk(rest, now, int(found[1] or 1), number, int(found[3] or 1))
        elif line.startswith(b"diff "):
            if now is not None:
                yield now
            now, in_hunk = Change(commit), False
        elif line.startswith(b"+++ ") and now is not None:
            now.path = _path(line[4:])
        elif line.startswith(b"Binary files ") and now is not None:
            now.is_binary = True
            now.path = _path(line[13:].rpartition(b" and ")[2].removesuffix(b" differ\n"))
        elif first == MARK:
            if now is not None:
                yield now
            now, in_hunk, commit = None, False, line[1:].rstrip(b"\n")
        elif first == b":" and entries is not None:
            entry = _entry(line.rstrip(b"\n"))
            if entry is not None:
                entries.append(entry)
    if now is not None:
        yield now


def _hunk(rest: Iterator[bytes], now: Change, old: int, number: int, new: int) -> bool:
    """Read a hunk of two sides, of so many lines; say whether its last line is on the new side."""
    now.numbers += range(number, number + new)
    if not old:  # a new file, mostly: nothing but new lines
        now.lines += [line[1:] for line in islice(rest, new)]
        now.added.update(range(number, number + new))
        del now.numbers[len(now.lines) :]  # git ended in the middle: what comes of it says so
        return True
    is_new = False
    last = number + new
    while (number < last or old) and (line := next(rest, b"")):
        first = line[:1]
        if first == b" " or line == b"\n":  # diff.suppressBlankEmpty leaves the blank out
            now.lines.append(line[1:] or line)
            number += 1
            old -= 1
            is_new = True
        elif first == b"+":
            now.lines.append(line[1:])
            now.added.add(number)
            number += 1
            is_new = True
        elif first == b"-":
            old -= 1
            is_new = False
        elif is_new:  # no line feed behind the line before
            now.lines[-1] = now.lines[-1].removesuffix(b"\n")
    del now.numbers[len(now.lines) :]
    return is_new


def _entry(line: bytes) -> Entry | None:
    found = _RAW.fullmatch(line)
    if found is None:
        return None
    path = found[7].rpartition(b"\t")[2]  # a rename names the old path first
    return Entry(
        found[2].decode(), found[4].decode(), found[3].decode(), found[5].decode(), unquoted(path)
    )


def _path(word: bytes) -> bytes | None:
    name = unquoted(word.rstrip(b"\n").removesuffix(b"\t"))
    return None if name == b"/dev/null" else name.removeprefix(b"b/")


def unquoted(word: bytes) -> bytes:
    """Return a path as git writes it, without the quotes that odd names get."""
    if len(word) < 2 or word[:1] != b'"' or word[-1:] != b'"':
        return word
    return _ESCAPE.sub(
        lambda m: bytes((int(m[1], 8) & 255,)) if m[1].isdigit() else _ESCAPES.get(m[1], m[1]),
        word[1:-1],
    )
