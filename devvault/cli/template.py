"""A template: text with references in it, each to be replaced by its value.

`{{ REFERENCE }}` takes every form; `@Microsoft.KeyVault(...)` and `akvs://...` may stand bare. What
else stands in double braces is another program's business, and stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from devvault.errors import Invalid
from devvault.references import base
from devvault.references.marks import has_mark

_START = re.compile(r"\{\{|@microsoft\.keyvault\(|akvs://", re.ASCII | re.IGNORECASE)
_APP_SERVICE = re.compile(r"[^()\r\n]{0,2000}\)?")
_AKVS = re.compile(r"[^\s\"'`<>(){}\[\],;@]*")
# Longer than any reference, so that braces of something else cost no time.
_LONGEST = 4000


class Hole(NamedTuple):
    """A reference in a template: where it stands, and its text without braces."""

    start: int
    end: int
    line: int
    text: str


def holes(text: str) -> list[Hole]:
    """Return the references in a text, well written or not, in its order."""
    found: list[Hole] = []
    if not has_mark(text):
        return found
    line = 1
    at = counted = 0
    while match := _START.search(text, at):
        if match[0] == "{{":
            end, inner = _braced(text, match.end())
        else:
            tail = _AKVS if match[0].lower() == "akvs://" else _APP_SERVICE
            rest = tail.match(text, match.end())
            end = rest.end() if rest else match.end()
            inner = text[match.start() : end]
        if inner:
            line += text.count("\n", counted, match.start())
            counted = match.start()
            found.append(Hole(match.start(), end, line, inner))
        at = max(end, match.end())
    return found


def filled(text: str, found: Sequence[Hole], values: Sequence[str]) -> str:
    """Return a text with its holes filled; a value is never looked into."""
    pieces: list[str] = []
    done = 0
    for hole, value in zip(found, values, strict=True):
        pieces += [text[done : hole.start], value]
        done = hole.end
    return "".join([*pieces, text[done:]])


def _braced(text: str, start: int) -> tuple[int, str]:
    """Return where braces end and the reference in them; "" where they hold none.

    A reference in JSON holds closing braces of its own, so that each end is tried.
    """
    claimed = (start, "")
    at = start
    while (end := text.find("}}", at, start + _LONGEST)) >= 0:
        inner = text[start:end].strip()
        if "{{" in inner:
            break
        if base.find(inner) is not None:
            if _is_good(inner):
                return end + 2, inner
            claimed = claimed if claimed[1] else (end + 2, inner)
        at = end + 1
    return claimed


def _is_good(inner: str) -> bool:
    try:
        base.parse(inner)
    except Invalid:
        return False
    return True
