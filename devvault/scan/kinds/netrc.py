"""Files of log-ins: .netrc, .pgpass, password files; in .git-credentials they are URLs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from devvault.scan.kinds.base import Pair, Place, Spans


@cache
def _logins() -> re.Pattern[str]:
    return re.compile(
        r"(?:(?<!\S)(?:password|account)\s+(\S{1,512}))"
        r"|(?:^[^\s:#]{1,200}:(?:\d{1,5}|\*):[^\s:]{1,100}:[^\s:]{1,100}:((?:[^\s:\\]|\\.){1,512})$)"
        r"|(?:^[\w.@-]{1,80}:([^\s:]{4,200})(?::\S*)?$)",
        re.MULTILINE,
    )


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the passwords of such a file; see `base.Read`."""
    del spans
    for match in _logins().finditer(text):
        group = next(n for n in (1, 2, 3) if match[n] is not None)
        yield Pair("password", match[group], match.start(group), match.end(group), Place.SETTINGS)
