"""HCL and its values' files: attributes, defaults of variables, blocks of a name and a value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from devvault.scan.kinds.base import Pair, Place, Spans
from devvault.scan.kinds.code import HCL, read_code


@cache
def _variable() -> re.Pattern[str]:
    return re.compile(r"(?:variable|output)\s+\"([\w-]{1,80})\"\s*\{[^{}]{0,1000}\Z")


@cache
def _heredoc() -> re.Pattern[str]:
    return re.compile(
        r"([A-Za-z_][\w-]{0,80})\s*=\s*<<[-~]?\"?(\w{1,40})\"?[^\S\n]*\n([\s\S]{0,16384}?)\n[^\S\n]*\2\b"
    )


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the attributes of an HCL file; see `base.Read`."""
    del spans
    for pair in read_code(text, [(0, len(text))], HCL):
        key = pair.key
        if key == "default":
            before = _variable().search(text, max(0, pair.start - 1200), pair.start)
            key = before[1] if before is not None else key
        yield replace(pair, key=key, place=Place.SETTINGS)
    for match in _heredoc().finditer(text):
        yield Pair(match[1], match[3], match.start(3), match.end(3), Place.SETTINGS)
