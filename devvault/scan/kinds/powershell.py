"""PowerShell: variables, parameters, hash tables, and texts that become secure strings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from devvault.scan.kinds.base import Pair, Place, Spans
from devvault.scan.kinds.code import POWERSHELL, read_code


@cache
def _secure() -> re.Pattern[str]:
    return re.compile(
        r"(?i)ConvertTo-SecureString\s+(?:-\w+\s+){0,3}(?:\"([^\"\n]{1,512})\"|'([^'\n]{1,512})')"
    )


@cache
def _bare() -> re.Pattern[str]:
    return re.compile(
        r"(?<![\w-])--?([A-Za-z][\w-]{2,60})(?:[^\S\n]+|[:=])([^\s\"'$@({|;-][^\s\"'|;]{2,512})"
    )


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return what a script sets and passes; see `base.Read`."""
    found = [replace(pair, place=Place.SETTINGS) for pair in read_code(text, spans, POWERSHELL)]
    for first, last in spans:
        for match in _secure().finditer(text, first, last):
            group = 1 if match[1] is not None else 2
            found.append(Pair("password", match[group], match.start(group), match.end(group)))
        for match in _bare().finditer(text, first, last):
            place = match.span(2)
            found.append(Pair(match[1], match[2], *place, Place.SETTINGS))
    seen: dict[int, Pair] = {}
    for pair in found:
        if pair.start not in seen or pair.key == "password":
            seen[pair.start] = pair
    yield from (seen[start] for start in sorted(seen))
