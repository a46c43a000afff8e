"""JSON, with comments and trailing commas too: each string under the name that it stands under.

Of `{"name": "X", "value": "Y"}` the name is X; of a parameter's `{"value": "Y"}` the parameter's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from devvault.scan.kinds.base import Pair, Place, Spans
from devvault.scan.kinds.code import unescaped

_MOST_DEEP = 200
_NAMES = frozenset({"name", "key", "variable", "setting", "slotsettingname", "secretname"})
_VALUES = frozenset({"value", "defaultvalue", "default", "secretvalue", "plaintext", "val"})
# Members of these are secrets whatever they are called.
HOLDERS = re.compile(
    r"(?i)(?:secrets?|passwords?|tokens?|credentials?|(?:function|system|master|host|api)_?keys?)"
)


@cache
def _tokens() -> re.Pattern[str]:
    return re.compile(
        r"\"((?:[^\"\\\n]|\\.){0,65536})\"(\s*:)?|([{}\[\]])|//[^\n]*|/\*[\s\S]{0,4096}?\*/"
        r"|:\s*(\d{4,32})\b"
    )


@dataclass(slots=True)
class _Frame:
    """An object or a list that is open."""

    key: str
    is_list: bool
    name: str | None = None
    held: list[Pair] = field(default_factory=list)


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the strings of a JSON file with their names; see `base.Read`."""
    del spans
    frames = [_Frame("", is_list=False)]
    key = ""
    for match in _tokens().finditer(text):
        bracket = match[3]
        if bracket is not None:
            if bracket in "{[":
                if len(frames) < _MOST_DEEP:
                    frames.append(_Frame(key or frames[-1].key, is_list=bracket == "["))
                key = ""
            elif len(frames) > 1:
                yield from _closed(frames.pop())
                key = ""
            continue
        if match[1] is None:
            if match[4] is not None and key:
                yield Pair(key, match[4], match.start(4), match.end(4))
            continue
        frame = frames[-1]
        if match[2] is not None and not frame.is_list:
            key = match[1]
            continue
        raw = match[1]
        value = unescaped(raw) if "\\" in raw else raw
        start, end = match.span(1)
        if frame.is_list:
            yield from _item(frame.key, value, start, end)
            continue
        lowered = key.lower()
        if lowered in _NAMES:
            frame.name = value
        if lowered in _VALUES or (lowered == "text" and frame.name is not None):
            frame.held.append(Pair(key, value, start, end))
        else:
            yield Pair(under(frame.key, key), value, start, end)
    while frames:
        yield from _closed(frames.pop())


def under(holder: str, key: str) -> str:
    """Return the name of a member, with its holder's where that says what it is."""
    return f"{holder}:{key}" if holder and HOLDERS.fullmatch(holder) else key


def _closed(frame: _Frame) -> Iterator[Pair]:
    for pair in frame.held:
        key = under(frame.key, frame.name) if frame.name else frame.key or pair.key
        yield Pair(key, pair.value, pair.start, pair.end)


def _item(key: str, value: str, start: int, end: int) -> Iterator[Pair]:
    name, equals, rest = value.partition("=")
    if equals and name.replace("_", "a").isalnum() and len(name) < 80:
        yield Pair(name, rest, start + len(name) + 1, end)  # "KEY=value", as docker lists it
    else:
        yield Pair(key, value, start, end, Place.SETTINGS)
