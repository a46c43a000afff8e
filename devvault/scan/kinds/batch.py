"""Windows batch files: `set` and `setx`, and commands as a shell has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from devvault.scan.kinds import shell
from devvault.scan.kinds.base import Pair, Place, Spans


@cache
def _set() -> re.Pattern[str]:
    return re.compile(
        r"(?i)(?<![\w-])set(?:x[^\S\n]+(?P<x>[A-Za-z_]\w{0,80})[^\S\n]+\"?(?P<later>[^\"\n]{1,2048})"
        r"|[^\S\n]+\"?(?P<name>[A-Za-z_]\w{0,80})=(?P<value>[^\"\n]{1,2048}))"
    )


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the variables that a batch file sets; see `base.Read`."""
    found = []
    for first, last in spans:
        for match in _set().finditer(text, first, last):
            group = "value" if match["name"] else "later"
            value = match[group].rstrip()
            start = match.start(group)
            key = match["name"] or match["x"]
            found.append(Pair(key, value, start, start + len(value), Place.SETTINGS))
    taken = {pair.start for pair in found}
    found += [pair for pair in shell.read(text, spans) if pair.start not in taken]
    yield from sorted(found, key=lambda pair: pair.start)
