"""INI files and the many that are like them: a name, `=`, `:` or blanks, a value, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from devvault.scan.kinds.base import Pair, Place, Spans


@cache
def _lines() -> re.Pattern[str]:
    return re.compile(
        r"^[^\S\n]*(?:[#;]{1,2}[^\S\n]?)?(?:export[^\S\n]+|set[^\S\n]+|(?:Environment|SetEnv)[=\s]\s*\"?)?"
        r"(?:\"(?P<quoted>[^\"\n]{1,120})\"|(?P<name>[\w$./@-][\w$./@: -]{0,120}?))"
        r"[^\S\n]*(?::=|\+=|=>|=|:(?=\s))[^\S\n]*(?P<value>[^\n]{0,8192})$",
        re.MULTILINE,
    )


@cache
def _blank() -> re.Pattern[str]:
    return re.compile(
        r"^[^\S\n]*(?P<name>[A-Za-z][\w.-]{0,60})[^\S\n]+(?P<value>\"[^\"\n]{1,512}\"|[^\s\"=:]\S{0,512});?"
        r"[^\S\n]*$",
        re.MULTILINE,
    )


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the settings of such a file; see `base.Read`."""
    del spans
    found = list(_read(text, _lines()))
    found += list(_read(text, _blank()))
    yield from sorted(found, key=lambda pair: pair.start)


def _read(text: str, pattern: re.Pattern[str]) -> Iterator[Pair]:
    for match in pattern.finditer(text):
        value, start, end = bare(match["value"], match.start("value"))
        if not value:
            continue
        key = match["name"] or match["quoted"]
        if " " in key and len(key.split()) > 3:
            continue  # a sentence
        yield Pair(key.strip(), value, start, end, Place.SETTINGS)


def bare(value: str, at: int) -> tuple[str, int, int]:
    """Return a value without its quotes and the comment behind it, and its place."""
    value = value.rstrip()
    if value[:1] in ("'", '"'):
        close = value.find(value[0], 1)
        if close > 0:
            return value[1:close], at + 1, at + close
        return value, at, at + len(value)
    for mark in (" #", " ;", " //", "\t#"):
        value = value.split(mark, 1)[0]
    value = value.rstrip().rstrip(",;\\").rstrip()
    return value, at, at + len(value)
