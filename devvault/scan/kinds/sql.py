"""SQL: passwords of logins and users, secrets of credentials, variables, columns that hold them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from devvault.scan.kinds.base import Pair, Place, Spans

_TEXT = r"[NEne]?'((?:[^'\n]|''){0,2048})'"


@cache
def _statements() -> re.Pattern[str]:
    return re.compile(
        r"(?i)(?:"
        r"identified\s+(?:with\s+[\w'\"]{1,60}\s+)?by\s+(?:password\s+)?"
        r"|(?<![\w])(?:encrypted\s+)?password\s*(?:=\s*|\s+|\(\s*)(?:hash\s+)?(?:password\s*\(\s*)?"
        r"|(?<![\w])(?P<name>[@:$]?[\w.\"\[\]`-]{1,80})\s*(?::?=|,|:)\s*"
        r"(?:\w{1,30}\s*\(\s*)?"
        r")" + _TEXT
    )


@cache
def _insert() -> re.Pattern[str]:
    return re.compile(r"(?i)insert\s+into\s+[\w.\"\[\]`]{1,120}\s*\(([^()]{1,2000})\)\s*values\s*")


@cache
def _row() -> re.Pattern[str]:
    return re.compile(r"\s*,?\s*\(((?:[^()']|'(?:[^'\n]|'')*'|\([^()]*\)){1,8192})\)")


@cache
def _cell() -> re.Pattern[str]:
    return re.compile(r"[NEne]?'((?:[^'\n]|'')*)'|[^,']+")


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the texts of a script that stand where a secret would; see `base.Read`."""
    found = []
    for first, last in spans:
        for match in _statements().finditer(text, first, last):
            if match[2] is None:
                continue
            key = (match["name"] or "password").strip('"[]`@:$')
            value = match[2].replace("''", "'")
            found.append(Pair(key, value, match.start(2), match.end(2), Place.SETTINGS))
    for match in _insert().finditer(text):
        names = [name.strip(' \t\r\n"[]`') for name in match[1].split(",")]
        at = match.end()
        while (row := _row().match(text, at)) is not None:
            cells = list(_cell().finditer(text, row.start(1), row.end(1)))
            cells = [cell for cell in cells if cell[1] is not None or cell[0].strip()]
            for name, cell in zip(names, cells, strict=False):
                if cell[1] is not None:
                    value = cell[1].replace("''", "'")
                    found.append(Pair(name, value, cell.start(1), cell.end(1), Place.SETTINGS))
            at = row.end()
    seen = {pair.start: pair for pair in found}
    yield from (seen[start] for start in sorted(seen))
