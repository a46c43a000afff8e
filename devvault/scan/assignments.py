"""Settings in a text: a name, a value, and where the value stands. What it means is the judge's.

The kind of file says how it is read (`kinds/`). A lock file holds no settings, only digests.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from devvault.scan.kinds.base import Pair, Place, Span, Spans, find_kind, get_reader
from devvault.scan.text import Text

_LONG_LINE = 4096  # of a longer one, only what is near a word that says something
_NEAR = (512, 2048)
_WHOLE = 4 * 1024 * 1024  # characters; of more, only lines with such a word are read

# A setting that holds a secret has one of these in its name, or on its line.
WORDS = (
    "pass", "pwd", "secret", "token", "key", "cred", "conn", "auth", "salt", "pepper", "bearer",
    "jwt", "sas", "psk", "dsn", "cookie", "signature", "_pat", "pat_", "pat=", "pat =", "pat:",
    'pat"', "pat'", "_pw", "pw_", "pw=", "pw =", "pw:", 'pw"', "devopspat", "contrase", "pfx",
    "identified by", "securestring", "hmac", "login", "webhook", "pin", "-u ", "cert", "otp",
    "seed", "mnemonic", "license", "storage", "redis", "session",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Assignment:
    """A value under a name; line and column (of the value) count from 1."""

    key: str
    value: str
    line: int
    column: int
    is_allowed: bool = False
    end_line: int = 0
    end: int = 0

    def __repr__(self) -> str:
        """Leave the value out: it may be what is looked for."""
        return f"Assignment({self.key!r}, line {self.line})"


class Lines:
    """Where the lines of a text begin, found when first asked."""

    __slots__ = ("_starts", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: list[int] | None = None

    def place(self, at: int) -> tuple[int, int]:
        """Return the line and the column, from 1, of a character."""
        if self._starts is None:
            starts = [0]
            found = self._text.find("\n")
            while found >= 0:
                starts.append(found + 1)
                found = self._text.find("\n", found + 1)
            self._starts = starts
        line = bisect_right(self._starts, at)
        return line, at - self._starts[line - 1] + 1


@cache
def _allow() -> re.Pattern[str]:
    return re.compile(r"devvault:\s*allow\b[^\S\n]+\S")


@cache
def _locks() -> re.Pattern[str]:
    return re.compile(
        r"(?i)(?:^|[-_.])lock(?:file)?(?:[-_.]|$)|\.sum$|shrinkwrap|\.lockb?$|package\.resolved$"
        r"|\.terraform\.lock\.hcl$|^pnpm-lock|checksums?(?:\.|$)|^sha\d+sums|\.tfplan$"
    )


def is_lock_file(name: str) -> bool:
    """Say whether a file of this name holds digests of packages and no settings."""
    return _locks().search(name.replace("\\", "/").rpartition("/")[2]) is not None


@cache
def _examples() -> re.Pattern[str]:
    return re.compile(r"(?i)(?:^|[-_.])(?:examples?|samples?|templates?|tmpl|tpl|dist)(?:[-_.]|$)")


def is_example_file(name: str) -> bool:
    """Say whether a file of this name is there to be copied and filled in: `.env.example`."""
    return _examples().search(name.replace("\\", "/").rpartition("/")[2]) is not None


def is_env_file(name: str) -> bool:
    """Say whether a file of this name is read as an env file."""
    return find_kind(name) == "dotenv"


def assignments(text: Text) -> Iterator[Assignment]:
    """Return the settings of a text, by the kind of file that its name says."""
    body = text.text
    lines = Lines(body)
    for pair in pairs(text.name, body, [(0, len(body))]):
        line, column = lines.place(pair.start)
        end_line, end = lines.place(pair.end)
        stop = body.find("\n", pair.end)
        written = body[pair.start - column + 1 : stop if stop >= 0 else len(body)]
        is_allowed = _allow().search(written) is not None
        yield Assignment(pair.key, pair.value, line, column, is_allowed, end_line, end)


def pairs(name: str, body: str, spans: Spans) -> Iterator[Pair]:
    """Return the pairs of a text, of which `spans` are the lines that may hold a secret's name."""
    if is_lock_file(name):
        return
    kind = find_kind(name, body[:4096])
    if len(body) > _WHOLE and kind in ("json", "yaml", "xml", "toml", "hcl", "notebook", "ini"):
        kind = "text"  # made by a machine
    yield from get_reader(kind)(body, spans)


# Kinds of which a line that names a secret always has a quote on it, or below it.
_SOURCES = frozenset({"python", "javascript", "csharp", "java", "go", "ruby", "php", "c"})


def is_source(name: str, body: str) -> bool:
    """Say whether a text is source code, of which nothing but literals is read."""
    return find_kind(name, body[:4096]) in _SOURCES


def spans_of(body: str, hits: list[int]) -> list[Span]:
    """Return the lines, sorted and apart, that some characters stand on; of a long one a part."""
    found: list[Span] = []
    done = -1
    for at in hits:
        if at < done and (done - at > _NEAR[0] or body.find("\n", at, done) >= 0):
            continue
        if at < done and (done >= len(body) or body[done] == "\n"):
            continue
        first = body.rfind("\n", 0, at) + 1
        last = body.find("\n", at)
        last = len(body) if last < 0 else last
        next_line = body[last + 1 : last + 80].lower()
        if "value" in next_line or "default" in next_line:
            # {name: "X",
            #  value: "Y"}
            further = body.find("\n", last + 1)
            last = len(body) if further < 0 else further
        if last - first > _LONG_LINE:
            first, last = max(first, at - _NEAR[0], done), min(last, at + _NEAR[1])
        if found and first <= done:
            found[-1] = (found[-1][0], max(last, done))
        else:
            found.append((first, last))
        done = found[-1][1]
    return found


__all__ = [
    "WORDS",
    "Assignment",
    "Lines",
    "Place",
    "assignments",
    "is_env_file",
    "is_example_file",
    "is_lock_file",
    "pairs",
    "spans_of",
]
