"""TOML: every text, its key the path of tables and names joined by `:`.

`tomllib` reads; where a text stands is found here, and compared with what `tomllib` says. A text in
a list or an inline table is read and not rewritten; its note says so.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

from devvault.errors import Invalid
from devvault.settingsfiles.base import Setting
from devvault.settingsfiles.places import (
    DEPTH_LIMIT,
    Document,
    Entry,
    check_new,
    check_reads,
    rewritten,
    to_settings,
)

_FIXED = "a text in a list or an inline table is not rewritten; give it a line of its own"
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_TEXT = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{1,2}(?!"))?|\'\'\'.*?\'\'\'(?:\'{1,2}(?!\'))?'
    r'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_PART = re.compile(r'[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_OTHER = re.compile(r"[^#\n]*")
_INSIDE = re.compile(r"[^\"'#\[\]{}]+|#[^\n]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# The parser's time grows with the square of a dotted key's parts.
DEEP = re.compile(r"(?<![\"'\w-])(?:[\"'\w-]++[ \t]*+\.[ \t]*+){100}")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class TomlFile:
    """The format `toml`. It has no state."""

    def read(self, data: bytes) -> list[Setting]:
        """Return every text; see `SettingsFile.read`."""
        document = Document.of(data)
        return to_settings(document, _entries(document))

    def rewrite(self, data: bytes, changes: Mapping[str, str]) -> bytes:
        """Replace the values of some keys; see `SettingsFile.rewrite`."""
        return rewritten(
            data, changes, _entries, lambda entry, value: _quoted(value, prefer=entry.quote)
        )

    def append(self, data: bytes, key: str, value: str) -> bytes:
        """Add a line above the first table; see `SettingsFile.append`."""
        document = Document.of(data)
        scan = _Scan(document)
        entries = scan.entries
        check_new(key, value, entries)
        name = key if _BARE_KEY.fullmatch(key) else _quoted(key)
        end = document.line_end()
        line = f"{name} = {_quoted(value)}"
        text, at = document.text, scan.first_table
        if at is not None or not text or text.endswith("\n"):
            new = f"{line}{end}"
        else:
            new = f"{end}{line}"
        at = len(text) if at is None else at
        result = document.spliced([(at, at, new)])
        before = sum(one.start < at for one in entries)
        wanted = [one.value for one in entries]
        check_reads(result, [*wanted[:before], value, *wanted[before:]], _entries)
        return result


def _entries(document: Document) -> list[Entry]:
    return _Scan(document).entries


class _Scan:
    """Finds the places in a text that `tomllib` has read already, so that it may trust it."""

    def __init__(self, document: Document) -> None:
        self._text = document.text
        tree = _parsed(document)
        self._at = 0
        self._counts: dict[tuple[str, ...], int] = {}
        self.first_table: int | None = None
        self.entries = list(self._statements())
        found = sorted((one.key, one.value) for one in self.entries)
        if found != sorted(_texts(tree, ())):
            raise Invalid("the places of the file's texts cannot be told apart")

    def _statements(self) -> Iterator[Entry]:
        table: tuple[str, ...] = ()
        while True:
            self._skip(_BLANK)
            if self._at >= len(self._text):
                return
            if self._text[self._at] == "[":
                if self.first_table is None:
                    self.first_table = self._text.rfind("\n", 0, self._at) + 1
                table = self._header()
                continue
            path = (*table, *self._key())
            self._at += 1  # the equals sign
            self._skip(_SPACE)
            yield from self._value(path)

    def _header(self) -> tuple[str, ...]:
        is_list = self._text.startswith("[[", self._at)
        self._at += 2 if is_list else 1
        path = self._counted(self._key(), is_list=is_list)
        self._at += 2 if is_list else 1
        return path

    def _counted(self, parts: tuple[str, ...], *, is_list: bool) -> tuple[str, ...]:
        """Return the path of a table, with the number of each list of tables on the way."""
        path: tuple[str, ...] = ()
        for depth, part in enumerate(parts, 1):
            path = (*path, part)
            is_last = depth == len(parts)
            if is_list and is_last:
                self._counts[path] = self._counts.get(path, -1) + 1
            if path in self._counts:
                path = (*path, str(self._counts[path]))
        return path

    def _key(self) -> tuple[str, ...]:
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            match = _PART.match(self._text, self._at)
            if match is None:
                raise Invalid("the places of the file's texts cannot be told apart")
            parts.append(next(iter(tomllib.loads(f"{match[0]} = 0"))))
            self._at = match.end()
            self._skip(_SPACE)
            if self._text[self._at : self._at + 1] != ".":
                return tuple(parts)
            self._at += 1

    def _value(self, path: tuple[str, ...]) -> Iterator[Entry]:
        start = self._at
        char = self._text[start : start + 1]
        if char in ('"', "'"):
            match = _TEXT.match(self._text, start)
            if match is None:
                raise Invalid("the places of the file's texts cannot be told apart")
            self._at = match.end()
            value = tomllib.loads(f"x = {match[0]}")["x"]
            yield Entry(":".join(path), value, start, self._at, char)
        elif char in ("[", "{"):
            self._bracket()
            inside = tomllib.loads(f"x = {self._text[start : self._at]}")["x"]
            for key, value in _texts(inside, path):
                yield Entry(key, value, start, self._at, note=_FIXED, is_fixed=True)
        else:
            self._skip(_OTHER)

    def _bracket(self) -> None:
        depth = 0
        while True:
            char = self._text[self._at : self._at + 1]
            if char in ("[", "{"):
                depth += 1
                self._at += 1
            elif char in ("]", "}"):
                depth -= 1
                self._at += 1
                if depth == 0:
                    return
            else:
                match = (_TEXT if char in ("'", '"') else _INSIDE).match(self._text, self._at)
                if match is None:
                    raise Invalid("the places of the file's texts cannot be told apart")
                self._at = match.end()

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        assert match is not None, "it matches nothing, too"
        self._at = match.end()


def _parsed(document: Document) -> dict[str, object]:
    deep = DEEP.search(document.text)
    if deep is not None:
        line = document.line_at(deep.start())
        raise Invalid(f"line {line} cannot be read as TOML: a name of over 100 parts")
    try:
        return tomllib.loads(document.text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at (?:line (\d+)|[^()]*)[^()]*\)$", str(error))
        where = f"line {place[1]}" if place and place[1] else "the end of the file"
        raise Invalid(f"{where} cannot be read as TOML") from error
    except (RecursionError, ValueError) as error:
        raise Invalid("the file cannot be read as TOML") from error


def _texts(value: object, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if len(path) > DEPTH_LIMIT:
        raise Invalid("the file is nested too deeply")
    if isinstance(value, str):
        yield ":".join(path), value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, (*path, str(number)))


def _quoted(value: str, *, prefer: str = "") -> str:
    if prefer == "'" and "'" not in value and value.isprintable():
        return f"'{value}'"
    return '"' + "".join(_escaped(char) for char in value) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
