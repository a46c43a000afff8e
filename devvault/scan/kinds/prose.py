"""Text for people, and what has no kind of its own: `name: value` in a sentence, list or table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from devvault.scan.keyname import KeyKind, kind_of
from devvault.scan.kinds.base import Pair, Place, Spans
from devvault.scan.kinds.code import JAVASCRIPT, WORDS_OF_NAMES, read_code


@cache
def _said() -> re.Pattern[str]:
    return re.compile(
        r"(?P<name>[A-Za-z_][\w-]{0,60})[`*_\"')\]]{0,4}"
        r"(?:\s{0,4}(?::=|=>|=|:|\|)|[^\S\n]is(?:[^\S\n]set[^\S\n]to)?[^\S\n])\s{0,4}[`*\"'(]{0,3}"
        r"(?P<value>[^\s`\"'|<>,]{4,2048})"
    )


@cache
def _word() -> re.Pattern[str]:
    return re.compile(
        f"(?:{WORDS_OF_NAMES})(?=[\\w-]{{0,60}}[`*_\"')\\]]{{0,4}}[ \t]{{0,4}}(?:[:=|]|is ))"
    )


def _words(text: str, first: int, last: int) -> Iterator[int]:
    lowered = text[first:last].lower()
    if len(lowered) != last - first:
        lowered = text[first:last]
    return (first + match.start() for match in _word().finditer(lowered))


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return what is said to be something; see `base.Read`."""
    for first, last in spans:
        found = [
            replace(p, place=Place.PROSE) for p in read_code(text, [(first, last)], JAVASCRIPT)
        ]
        taken = {pair.start for pair in found}
        for word in _words(text, first, last):
            match = _said().match(text, word, last)
            if match is None:
                continue
            at = word
            while at > first and (text[at - 1].isalnum() or text[at - 1] in "_.-"):
                at -= 1
            name = text[at : match.end("name")]
            value = match["value"].rstrip(".;:!)*")
            start = match.start("value")
            if value and start not in taken and kind_of(name) is not KeyKind.NEUTRAL:
                taken.add(start)
                found.append(Pair(name, value, start, start + len(value), Place.PROSE))
        yield from sorted(found, key=lambda pair: pair.start)
