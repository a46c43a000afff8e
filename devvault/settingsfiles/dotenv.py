"""`.env` files, read by python-dotenv's parser and rewritten without touching another byte.

Reads what `dotenv_values` reads before interpolation, and adds what that drops: the quotes, the
bytes' places, what is wrong with a line. Interpolation is in interpolate.py, writing in quoting.py.
"""

from __future__ import annotations

import io
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from types import ModuleType
from typing import TYPE_CHECKING

from devvault.errors import Conflict, Invalid, NotFound, Unavailable
from devvault.settingsfiles.base import Setting, find_key_error
from devvault.settingsfiles.quoting import quoted

if TYPE_CHECKING:
    from dotenv.parser import Binding

BOM = b"\xef\xbb\xbf"

# Files up to this size are remembered, the last few of them.
_REMEMBERED = 64 * 1024
_LINE_END = re.compile(r"\r\n|\r|\n")
_ALLOW = re.compile(r"#\s*devvault:\s*allow(?:[^\S\n]+(.*))?$")
# The parser's time grows with the square of a run of blanks; half a kilobyte is harmless.
_BLANKS = re.compile(r"[^\S\n]{513}")
# The parser's own grammar up to the value (python-dotenv 1.2.4, parser.py), to find its place.
_HEAD = re.compile(r"\s*(export[^\S\n]+)?(?:'[^']+'|[^=#\s]+)[^\S\n]*(?:(=)([^\S\n]*))?")
_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
_OPEN_QUOTE = re.compile(r"\s*(?:export[^\S\n]+)?(?:'[^']+'|[^=#\s]+)[^\S\n]*=[^\S\n]*['\"]")


class DotenvFile:
    """The format `dotenv`. It has no state."""

    def read(self, data: bytes) -> list[Setting]:
        """Return every setting; see `SettingsFile.read`."""
        return list(_read_again(data) if len(data) <= _REMEMBERED else _read(data))

    def rewrite(self, data: bytes, changes: Mapping[str, str]) -> bytes:
        """Replace the values of some keys; see `SettingsFile.rewrite`."""
        settings = [s for s in self.read(data) if s.error is None]
        missing = changes.keys() - {s.key for s in settings}
        if missing:
            raise NotFound(f"the file does not set {', '.join(sorted(missing))}")
        pieces: list[bytes] = []
        done = 0
        for setting in settings:
            if setting.key not in changes:
                continue
            if setting.value is None:
                # Behind a bare name a comment needs no blank; behind a bare value it does.
                tight = data[setting.offset_end : setting.offset_end + 1] == b"#"
                new = "=" + quoted(changes[setting.key], prefer="'" if tight else "")
            else:
                new = quoted(changes[setting.key], prefer=setting.quote)
            pieces += [data[done : setting.offset_start], new.encode()]
            done = setting.offset_end
        result = b"".join([*pieces, data[done:]])
        wanted = [(s.key, changes.get(s.key, s.value)) for s in settings]
        self._check(result, wanted)
        return result

    def append(self, data: bytes, key: str, value: str) -> bytes:
        """Add a setting at the end; see `SettingsFile.append`."""
        error = find_key_error(key)
        if error is not None:
            raise Invalid(error)
        settings = [s for s in self.read(data) if s.error is None]
        if any(s.key == key for s in settings):
            raise Conflict("the file sets this key already")
        line_end = _line_end(data)
        text = data.removeprefix(BOM)
        line = f"{key}={quoted(value)}".encode()
        if not text or text.endswith((b"\n", b"\r")):
            result = data + line + line_end
        else:
            result = data + line_end + line
        self._check(result, [*((s.key, s.value) for s in settings), (key, value)])
        return result

    def _check(self, data: bytes, wanted: list[tuple[str, str | None]]) -> None:
        """Make sure that what is written reads back; an open quote elsewhere may swallow it."""
        if [(s.key, s.value) for s in self.read(data) if s.error is None] != wanted:
            raise Invalid(
                "the change would alter other settings of the file; an open quote in it may be why"
            )


@dataclass(frozen=True, slots=True)
class _Text:
    """A file's text with line ends as Python opens files, and the way back to its bytes."""

    text: str
    lines: list[str]
    char_starts: list[int]
    byte_starts: list[int]

    @classmethod
    def of(cls, data: bytes) -> _Text:
        if b"\0" in data:
            raise Invalid(f"line {_line_of(data, data.index(0))} holds a NUL byte")
        body = data.removeprefix(BOM)
        try:
            raw = body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Invalid(f"line {_line_of(body, error.start)} is not valid UTF-8") from error
        lines: list[str] = []
        char_starts: list[int] = []
        byte_starts: list[int] = []
        char, byte, done = 0, len(data) - len(body), 0
        while True:
            end = _LINE_END.search(raw, done)
            line = raw[done : end.start() if end else len(raw)]
            lines.append(line)
            char_starts.append(char)
            byte_starts.append(byte)
            if end is None:
                break
            char += len(line) + 1
            byte += len(line.encode()) + len(end[0])
            done = end.end()
        text = cls("\n".join(lines), lines, char_starts, byte_starts)
        blanks = _BLANKS.search(text.text)
        if blanks is not None:
            raise Invalid(f"line {text.line_at(blanks.start())} holds over 512 blanks in a row")
        return text

    def line_at(self, char: int) -> int:
        """Return the line (from 1) that a character stands on."""
        return bisect_right(self.char_starts, char)

    def byte_at(self, char: int) -> int:
        """Return the byte offset of a character."""
        index = self.line_at(char) - 1
        within = self.lines[index][: char - self.char_starts[index]]
        return self.byte_starts[index] + len(within.encode())


def _read(data: bytes) -> tuple[Setting, ...]:
    return tuple(_with_notes(list(_settings(_Text.of(data)))))


# The same few files come with every run.
_read_again = lru_cache(maxsize=8)(_read)


@cache
def _load_parser() -> ModuleType:
    """Load python-dotenv's parser by itself: the package's own start costs ten times as much."""
    package = find_spec("dotenv")
    if package is None or not package.submodule_search_locations:
        raise Unavailable(
            "python-dotenv is not installed", hint="pip install --force-reinstall devvault"
        )
    place = f"{package.submodule_search_locations[0]}/parser.py"
    spec = spec_from_file_location("devvault.settingsfiles.dotenv_parser", place)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _settings(text: _Text) -> Iterator[Setting]:
    parse_stream = _load_parser().parse_stream
    at = 0
    # The parser takes one byte order mark off. The file's own is off already.
    for binding in parse_stream(io.StringIO("\ufeff" + text.text)):
        original = binding.original.string
        start = at + len(original) - len(original.lstrip())
        if binding.error:
            if original.strip():
                yield _unreadable(text, start, original)
        elif binding.key is not None:
            yield _setting(text, at, binding)
        at += len(original)


def _setting(text: _Text, at: int, binding: Binding) -> Setting:
    key, value, original = binding.key, binding.value, binding.original.string
    head = _HEAD.match(original)
    assert key is not None, "a binding without a key is a comment"
    assert head is not None, "the parser found a key where its grammar has none"
    quote = ""
    if value is None:
        bare_end = len(original[: head.end()].rstrip())  # blanks behind the name stay there
        place = (bare_end, bare_end)
        rest = original[head.end() :]
    else:
        place, quote = _value_place(original, head, value)
        rest = original[place[1] :]
    mark = _ALLOW.search(rest.rstrip())
    reason = (mark[1] or "").strip() if mark else ""
    return Setting(
        key=key,
        value=value,
        line=text.line_at(at + len(original) - len(original.lstrip())),
        offset_start=text.byte_at(at + place[0]),
        offset_end=text.byte_at(at + place[1]),
        quote=quote,
        export=head[1] is not None,
        allow_reason=reason or None,
        error=find_key_error(key),
        note="the allow mark has no reason, so it does not count" if mark and not reason else None,
    )


def _value_place(original: str, head: re.Match[str], value: str) -> tuple[tuple[int, int], str]:
    start = head.end()
    if original[start : start + 1] in ("'", '"'):
        inside = _QUOTED.match(original, start)
        assert inside is not None, "the parser read a quoted value that does not end"
        return inside.span(), original[start]
    if not value:
        # Right behind "=", so that a blank before a comment stays one.
        return (head.end(2), head.end(2)), ""
    return (start, start + len(value)), ""


def _unreadable(text: _Text, start: int, original: str) -> Setting:
    line = text.line_at(start)
    if original.lstrip().startswith("="):
        why = "the name before the equals sign is missing"
    elif _OPEN_QUOTE.match(original):
        why = "the quotes do not close, or something other than a comment follows them"
    else:
        why = "this is not of the shape NAME=VALUE"
    first = text.byte_at(start)
    end = text.byte_at(start + len(original.strip()))
    return Setting("", None, line, first, end, error=f"line {line} cannot be read: {why}")


def _with_notes(settings: list[Setting]) -> list[Setting]:
    """Say of each setting that a later one overrules it."""
    last = {s.key: s.line for s in settings if s.error is None}
    return [
        replace(s, note=f"the same name is set again on line {last[s.key]}, and that one counts")
        if s.error is None and last[s.key] != s.line
        else s
        for s in settings
    ]


def _line_of(data: bytes, offset: int) -> int:
    before = data[:offset]
    return 1 + before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")


def _line_end(data: bytes) -> bytes:
    first = re.search(rb"\r\n|\r|\n", data)
    return first[0] if first else b"\n"
