"""HCL and its values' files: attributes, defaults of variables, blocks of a name and a value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from devvault.scan.kinds.base import Pair, Place, Spans
from devvault.scan.kinds.code import HCL, read_code

_MOST_OPEN = 8


@cache
def _variable() -> re.Pattern[str]:
    return re.compile(r"(?:variable|output)\s+\"([\w-]{1,80})\"\s*\{[^{}]{0,1000}\Z")


@cache
def _heredoc() -> re.Pattern[str]:
    return re.compile(r"([A-Za-z_][\w-]{0,80})\s{0,8}=\s{0,8}<<[-~]?\"?(\w{1,40})\"?[^\S\n]{0,8}\n")


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the attributes of an HCL file; see `base.Read`."""
    del spans
    for pair in read_code(text, [(0, len(text))], HCL):
        key = pair.key
        if key == "default":
            before = _variable().search(text, max(0, pair.start - 1200), pair.start)
            key = before[1] if before is not None else key
        yield replace(pair, key=key, place=Place.SETTINGS)
    yield from _heredocs(text)


def _heredocs(text: str) -> Iterator[Pair]:
    at = 0
    open_ended: set[str] = set()  # marks that end nowhere; a file of many is no HCL
    while len(open_ended) < _MOST_OPEN and (match := _heredoc().search(text, at)) is not None:
        at = match.end()
        mark = match[2]
        if mark in open_ended:
            continue
        end = re.compile(rf"^[^\S\n]*{mark}\b", re.MULTILINE).search(text, at)
        if end is None:
            open_ended.add(mark)
            continue
        start = at
        body = text[start : end.start()].rstrip("\n")
        yield Pair(match[1], body, start, start + len(body), Place.SETTINGS)
        at = end.end()
