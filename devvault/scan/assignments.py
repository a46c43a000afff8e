"""Settings in a text: a name, a value, and where the value stands. What it means is the judge's.

Env files are read by their own parser. Other settings files are read line by line, and source code
for quoted values alone: enough for a first check, and never a guess about a whole language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from devvault.errors import Invalid
from devvault.scan.sources import Text
from devvault.settingsfiles.base import get_format

_SETTINGS = frozenset(
    {
        ".cfg", ".conf", ".config", ".ini", ".json", ".jsonc", ".properties", ".tfvars", ".toml",
        ".yaml", ".yml",
    }
)  # fmt: skip
_CODE = frozenset(
    {
        ".bash", ".bicep", ".cs", ".go", ".java", ".js", ".jsx", ".kt", ".php", ".ps1", ".py",
        ".rb", ".rs", ".sh", ".tf", ".ts", ".tsx", ".zsh",
    }
)  # fmt: skip
_LOCKS = re.compile(r"(?i)(?:^|[-_.])lock(?:[-_.]|$)|\.sum$|shrinkwrap")
_ALLOW = re.compile(r"devvault:\s*allow\b[^\S\n]+\S")
_HEAD = (
    r"""(?:^|[\s,{(\[;])(?:export\s+)?["']?([A-Za-z_][\w.:-]{0,127}?)["']?\s*(?::=|=>|[:=])\s*"""
)
_QUOTED = re.compile(_HEAD + r"""(?:"((?:[^"\\\n]|\\.){1,4096})"|'((?:[^'\\\n]|\\.){1,4096})')""")
_BARE = re.compile(r"""^\s*(?:-\s+)?([A-Za-z_][\w.-]{0,127})\s*[:=]\s*([^\s"'#;][^\n]{0,4096})$""")


@dataclass(frozen=True, slots=True)
class Assignment:
    """A value under a name; line and column (of the value) count from 1."""

    key: str
    value: str
    line: int
    column: int
    is_allowed: bool = False

    def __repr__(self) -> str:
        """Leave the value out: it may be what is looked for."""
        return f"Assignment({self.key!r}, line {self.line})"


def assignments(text: Text) -> Iterator[Assignment]:
    """Return the settings of a text, by the kind of file that its name says."""
    path = PurePosixPath(text.name.replace("\\", "/"))
    name = path.name.lower()
    if _LOCKS.search(path.stem.lower()) or _LOCKS.search(name):
        return
    if is_env_file(name) or name == "-":
        yield from _dotenv(text)
    elif path.suffix.lower() in _SETTINGS:
        yield from _lines(text, bare=path.suffix.lower() not in (".json", ".jsonc"))
    elif path.suffix.lower() in _CODE:
        yield from _lines(text, bare=False)


def is_env_file(name: str) -> bool:
    """Say whether a file of this name is read as an env file."""
    lowered = name.lower()
    return lowered == ".env" or lowered.startswith(".env.") or lowered.endswith(".env")


def _dotenv(text: Text) -> Iterator[Assignment]:
    data = text.text.encode("utf-8", "replace").replace(b"\0", b"?")
    try:
        settings = get_format("dotenv").read(data)
    except Invalid:
        yield from _lines(text, bare=True)
        return
    for one in settings:
        if one.value is None or one.error is not None:
            continue
        before = data[: one.offset_start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        line = before.count(b"\n") + 1
        quote = len(one.quote)
        yield Assignment(one.key, one.value, line, column + quote, one.allow_reason is not None)


def _lines(text: Text, *, bare: bool) -> Iterator[Assignment]:
    for number, line in enumerate(text.text.splitlines(), 1):
        if len(line) > 20_000:
            continue  # made by a machine: a bundle, a map
        is_allowed = _ALLOW.search(line) is not None
        seen = False
        for match in _QUOTED.finditer(line):
            group = 2 if match[2] is not None else 3
            seen = True
            yield Assignment(match[1], match[group], number, match.start(group) + 1, is_allowed)
        whole = _BARE.match(line) if bare and not seen else None
        if whole is not None:
            value = whole[2].split(" #", 1)[0].rstrip().rstrip(",")
            yield Assignment(whole[1], value, number, whole.start(2) + 1, is_allowed)
