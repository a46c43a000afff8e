"""Markdown: each fenced block as the language that it names, the rest as prose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from devvault.scan.kinds import prose
from devvault.scan.kinds.base import Pair, Place, Spans, find_kind, get_reader

_LANGUAGES = {
    "python": "py", "javascript": "js", "typescript": "ts", "csharp": "cs", "c#": "cs",
    "powershell": "ps1", "pwsh": "ps1", "console": "sh", "shell": "sh", "azurecli": "sh",
    "bash": "sh", "terraform": "tf", "dotenv": "env", "yaml": "yml", "dockerfile": "dockerfile",
    "golang": "go", "ruby": "rb", "kotlin": "kt", "azurepowershell": "ps1", "sh-session": "sh",
    "xml": "xml", "ini": "ini", "hcl": "tf", "shell-session": "sh", "zsh": "sh", "cmd": "bat",
}  # fmt: skip


@cache
def _fences() -> re.Pattern[str]:
    return re.compile(
        r"^[^\S\n]{0,12}(`{3,}|~{3,})[^\S\n]*([\w#+.-]{0,24})[^\n]*\n([\s\S]*?)^[^\S\n]{0,12}\1[^\S\n]*$",
        re.MULTILINE,
    )


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the pairs of a document; see `base.Read`."""
    done = 0
    for block in _fences().finditer(text):
        yield from _prose(text, spans, done, block.start())
        language = block[2].lower()
        suffix = _LANGUAGES.get(language, language)
        kind = find_kind(
            "dockerfile" if suffix == "dockerfile" else f"x.{suffix or 'txt'}", block[3]
        )
        if kind == "markdown":
            kind = "text"
        at = block.start(3)
        inside = block[3]
        own = [
            (max(a - at, 0), min(b - at, len(inside)))
            for a, b in spans
            if b > at and a < block.end(3)
        ]
        for pair in get_reader(kind)(inside, own):
            place = Place.CODE if pair.place is Place.CODE else Place.PROSE
            yield replace(pair, start=pair.start + at, end=pair.end + at, place=place)
        done = block.end()
    yield from _prose(text, spans, done, len(text))


def _prose(text: str, spans: Spans, first: int, last: int) -> Iterator[Pair]:
    own = [(max(a, first), min(b, last)) for a, b in spans if b > first and a < last]
    yield from prose.read(text, own)
