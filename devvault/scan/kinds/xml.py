"""XML: attributes and elements' text; publish profiles, web.config, project and settings files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from devvault.scan.kinds.base import Pair, Place, Spans

_NAMES = ("key", "name", "id", "Key", "Name")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


@cache
def _tags() -> re.Pattern[str]:
    return re.compile(
        r"<!--[\s\S]{0,4096}?-->|<!\[CDATA\[[\s\S]{0,16384}?\]\]>"
        r"|<([A-Za-z_][\w.:-]{0,80})((?:\s+[\w.:-]{1,80}\s*=\s*(?:\"[^\"<]{0,8192}\"|'[^'<]{0,8192}'))*)"
        r"\s*(/?)>(?:([^<]{1,16384})</)?"
    )


@cache
def _attributes() -> re.Pattern[str]:
    return re.compile(r"([\w.:-]{1,80})\s*=\s*(?:\"([^\"<]{0,8192})\"|'([^'<]{0,8192})')")


@cache
def _entities() -> re.Pattern[str]:
    return re.compile(r"&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#[xX]([0-9A-Fa-f]{1,6}));")


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the attributes and texts of an XML file; see `base.Read`."""
    del spans
    name = ""
    for match in _tags().finditer(text):
        tag = match[1]
        if tag is None:
            inside = match[0]
            if inside.startswith("<!--") and "<" in inside[4:]:
                at = match.start() + 4
                for pair in read(inside[4:], ()):
                    yield Pair(pair.key, pair.value, pair.start + at, pair.end + at)
            continue
        attributes = [
            (
                one[1],
                one[2] if one[2] is not None else one[3],
                one.start(2 if one[2] is not None else 3),
            )
            for one in _attributes().finditer(text, match.start(2), match.end(2))
        ]
        named = next((value for key, value, _ in attributes if key in _NAMES), "")
        for key, value, start in attributes:
            shown = named if named and key.lower() in ("value", "connectionstring") else key
            yield Pair(shown, _plain(value), start, start + len(value), Place.SETTINGS)
        inside = match[4]
        if inside is not None and inside.strip():
            start = match.start(4) + len(inside) - len(inside.lstrip())
            body = inside.strip()
            key = (named or name) if tag.lower() in ("value", "string") else named or tag
            if tag.rpartition(":")[2].lower() not in ("name", "key"):
                yield Pair(key, _plain(body), start, start + len(body), Place.SETTINGS)
            else:
                named = body
        if named or tag.lower() not in ("value", "string"):
            name = named


def _plain(value: str) -> str:
    """Return a text with its entities undone."""
    if "&" not in value:
        return value

    def undo(match: re.Match[str]) -> str:
        if match[1]:
            return _ENTITIES[match[1]]
        number = int(match[2]) if match[2] else int(match[3], 16)
        return chr(number) if number < 0x110000 else match[0]

    return _entities().sub(undo, value)
