"""Env files, by their own parser; lines that it refuses or that are commented out, one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from devvault.errors import Invalid
from devvault.scan.kinds import ini
from devvault.scan.kinds.base import Pair, Place, Spans
from devvault.settingsfiles.base import get_format

_MOST = 1024 * 1024  # characters; what is longer is no env file that a program reads


@cache
def _commented() -> re.Pattern[str]:
    return re.compile(
        r"^[^\S\n]*#[^\S\n]*(?:export[^\S\n]+)?([A-Za-z_][\w.]{0,120})=([\"']?)([^\s\"']{4,4096})\2"
        r"[^\S\n]*$",
        re.MULTILINE,
    )


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the settings of an env file; see `base.Read`."""
    if len(text) > _MOST:
        yield from ini.read(text, spans)
        return
    data = text.encode("utf-8", "replace").replace(b"\0", b"?")
    try:
        settings = get_format("dotenv").read(data)
    except Invalid:
        yield from ini.read(text, spans)
        return
    plain = text.isascii()
    found = []
    for one in settings:
        if one.error is not None and one.value is None and not one.key:
            first = one.offset_start if plain else len(data[: one.offset_start].decode())
            last = one.offset_end if plain else len(data[: one.offset_end].decode())
            found += [
                Pair(p.key, p.value, p.start + first, p.end + first, Place.ENV)
                for p in ini.read(text[first:last], ())
            ]
        if one.value is None or one.error is not None:
            continue
        quote = len(one.quote)
        start, end = one.offset_start + quote, one.offset_end - quote
        if not plain:
            start = len(data[:start].decode("utf-8", "replace"))
            end = len(data[:end].decode("utf-8", "replace"))
        found.append(Pair(one.key, one.value, start, end, Place.ENV))
    if "#" in text:
        found += [
            Pair(match[1], match[3], match.start(3), match.end(3))
            for match in _commented().finditer(text)
        ]
    yield from sorted(found, key=lambda pair: pair.start)
