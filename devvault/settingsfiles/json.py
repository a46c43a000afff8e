"""`local.settings.json` and `appsettings*.json`: JSON with comments and trailing commas.

Reads what .NET's configuration reads: the text values, their keys joined by `:`. Numbers and
switches are no settings of ours. In `local.settings.json` what stands in `Values` has no prefix.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

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

_VALUES = "Values"
_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_SCALAR = re.compile(
    r"(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![\w.+-])"
)


class JsonFile:
    """The format `json`. It has no state."""

    section = ""

    def read(self, data: bytes) -> list[Setting]:
        """Return every text value; see `SettingsFile.read`."""
        document = Document.of(data)
        return to_settings(document, self._entries(document))

    def rewrite(self, data: bytes, changes: Mapping[str, str]) -> bytes:
        """Replace the values of some keys; see `SettingsFile.rewrite`."""
        return rewritten(data, changes, self._entries, lambda _, value: _quoted(value))

    def append(self, data: bytes, key: str, value: str) -> bytes:
        """Add a member to the outermost object, or to `Values`; see `SettingsFile.append`."""
        document = Document.of(data)
        scanned = _Scan(document).whole()
        entries = self._entries(document)
        check_new(key, value, entries)
        place = scanned.objects.get(self.section)
        if place is None:
            raise Invalid(f"the file has no object {self.section} to add to")
        member = f"{_quoted(key)}: {_quoted(value)}"
        text, end = document.text, document.line_end()
        if place.last is None:
            new = (place.open, place.open, member)
        else:
            start = text.rfind("\n", 0, place.first) + 1
            lead = text[start : place.first]
            gap = f"{end}{lead}" if not lead.strip() and start > place.open else " "
            new = (place.last, place.last, f",{gap}{member}")
        result = document.spliced([new])
        wanted = [one.value for one in entries]
        at = sum(one.start < new[0] for one in entries)
        check_reads(result, [*wanted[:at], value, *wanted[at:]], self._entries)
        return result

    def _entries(self, document: Document) -> list[Entry]:
        return _Scan(document).whole().entries


class LocalSettingsFile(JsonFile):
    """The format `localsettings`: Azure Functions' own file."""

    section = _VALUES

    def _entries(self, document: Document) -> list[Entry]:
        prefix = f"{_VALUES}:"
        return [
            replace(one, key=one.key.removeprefix(prefix)) for one in super()._entries(document)
        ]


def entries_of(document: Document) -> list[Entry]:
    """Return every text of a file by its path.

    Raises:
        Invalid: it is no JSON; the message names the line.
    """
    return _Scan(document).whole().entries


@dataclass(frozen=True, slots=True)
class _Object:
    """Where an object opens (behind its brace), its first member begins and its last one ends."""

    open: int
    first: int
    last: int | None


@dataclass(slots=True)
class _Scanned:
    entries: list[Entry]
    objects: dict[str, _Object]


class _Scan:
    """Goes through a text once; raises Invalid with the line where it is no JSON."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._text = document.text
        self._at = 0
        self._found = _Scanned([], {})

    def whole(self) -> _Scanned:
        self._blank()
        if not self._text[self._at :]:
            self._fail("the file is empty")
        if self._text[self._at] != "{":
            self._fail("the outermost thing must be an object")
        self._value((), 0)
        self._blank()
        if self._at != len(self._text):
            self._fail("something follows the outermost object")
        return self._found

    def _value(self, path: tuple[str, ...], depth: int) -> None:
        if depth > DEPTH_LIMIT:
            self._fail("it is nested too deeply")
        char = self._text[self._at : self._at + 1]
        if char == "{":
            self._object(path, depth)
        elif char == "[":
            for number in self._items("]"):
                self._value((*path, str(number)), depth + 1)
        elif char == '"':
            start = self._at
            value = self._string()
            if path:
                self._found.entries.append(Entry(":".join(path), value, start, self._at, '"'))
        else:
            scalar = _SCALAR.match(self._text, self._at)
            if scalar is None:
                self._fail("this is no JSON value")
            self._at = scalar.end()

    def _object(self, path: tuple[str, ...], depth: int) -> None:
        opened = self._at + 1
        first, last = opened, None
        for number in self._items("}"):
            if number == 0:
                first = self._at
            if self._text[self._at] != '"':
                self._fail("a member's name must be in double quotes")
            name = self._string()
            self._blank()
            if self._text[self._at : self._at + 1] != ":":
                self._fail("a colon is missing behind a member's name")
            self._at += 1
            self._blank()
            self._value((*path, name), depth + 1)
            last = self._at
        self._found.objects.setdefault(":".join(path), _Object(opened, first, last))

    def _items(self, close: str) -> Iterator[int]:
        """Stand at each item of a list or object in turn, and behind its bracket at the end."""
        self._at += 1
        number = 0
        while True:
            self._blank()
            if self._text[self._at : self._at + 1] == close:
                self._at += 1
                return
            if self._at >= len(self._text):
                self._fail("a bracket does not close")
            yield number
            number += 1
            self._blank()
            following = self._text[self._at : self._at + 1]
            if following == ",":
                self._at += 1
            elif following != close:
                self._fail("a comma or a bracket is missing")

    def _string(self) -> str:
        match = _STRING.match(self._text, self._at)
        if match is None:
            self._fail("the quotes do not close, or something in them is no JSON")
        value: str = json.loads(match[0])
        try:
            value.encode()
        except UnicodeEncodeError:
            self._fail("half a character stands in a text")
        self._at = match.end()
        return value

    def _blank(self) -> None:
        match = _BLANK.match(self._text, self._at)
        assert match is not None, "it matches nothing, too"
        self._at = match.end()

    def _fail(self, why: str) -> NoReturn:
        at = min(self._at, max(len(self._text) - 1, 0))
        raise Invalid(f"line {self._document.line_at(at)} cannot be read as JSON: {why}")


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
