"""Java properties: as INI, and a value may go on behind a backslash at a line's end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from devvault.scan.kinds.base import Pair, Place, Spans


@cache
def _lines() -> re.Pattern[str]:
    return re.compile(
        r"^[^\S\n]*(?:[#!][^\S\n]?)?(?P<name>(?:[^\s\\=:#!]|\\.){1,160})(?:[^\S\n]*[=:][^\S\n]*|[^\S\n]+)"
        r"(?P<value>(?:[^\\\n]|\\\r?\n|\\.){1,8192})$",
        re.MULTILINE,
    )


@cache
def _folds() -> re.Pattern[str]:
    return re.compile(r"\\(?:\r?\n[^\S\n]*|(.))")


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the settings of a properties file; see `base.Read`."""
    del spans
    for match in _lines().finditer(text):
        value = match["value"].rstrip()
        end = match.start("value") + len(value)
        if "\\" in value:
            value = _folds().sub(lambda fold: fold[1] or "", value)
        key = match["name"].replace("\\", "")
        yield Pair(key, value, match.start("value"), end, Place.SETTINGS)
