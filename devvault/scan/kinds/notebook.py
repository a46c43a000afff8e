"""Notebooks: the cells' source, read as Python; the rest as the JSON that it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from devvault.scan.kinds import json, python
from devvault.scan.kinds.base import Pair, Spans
from devvault.scan.kinds.code import unescaped


@cache
def _lists() -> re.Pattern[str]:
    return re.compile(r"\"(?:source|text)\"\s*:\s*\[((?:\s*\"(?:[^\"\\\n]|\\.)*\"\s*,?)*)\s*\]")


@cache
def _items() -> re.Pattern[str]:
    return re.compile(r"\"((?:[^\"\\\n]|\\.)*)\"")


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the pairs of a notebook's cells; see `base.Read`."""
    found = list(json.read(text, spans))
    for cell in _lists().finditer(text):
        for item in _items().finditer(text, cell.start(1), cell.end(1)):
            line = unescaped(item[1])
            for pair in python.read(line, [(0, len(line))]):
                inside = pair.value.replace("\\", "\\\\").replace('"', '\\"')
                at = text.find(inside, item.start(1), item.end(1))
                start, end = (at, at + len(inside)) if at >= 0 else item.span(1)
                found.append(replace(pair, start=start, end=end))
    yield from sorted(found, key=lambda pair: pair.start)
