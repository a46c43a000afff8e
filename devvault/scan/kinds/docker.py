"""Dockerfiles: `ENV` and `ARG` of both syntaxes, and the commands of `RUN` as a shell has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from devvault.scan.kinds import shell
from devvault.scan.kinds.base import Pair, Place, Spans


@cache
def _old() -> re.Pattern[str]:
    return re.compile(
        r"^[^\S\n]*ENV[^\S\n]+([A-Za-z_]\w{0,80})[^\S\n]+([^=\s][^\n]{0,2048})$",
        re.MULTILINE | re.IGNORECASE,
    )


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the variables of an image's recipe; see `base.Read`."""
    found = list(shell.read(text, spans))
    for match in _old().finditer(text):
        value = match[2].rstrip()
        if value[0] in "'\"" and value[-1] == value[0]:
            value = value[1:-1]
        start = text.index(value, match.start(2))
        found.append(Pair(match[1], value, start, start + len(value), Place.SETTINGS))
    yield from sorted(found, key=lambda pair: pair.start)
