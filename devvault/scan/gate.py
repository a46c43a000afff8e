"""The fast way to say no: all rules over a whole text at once, with Hyperscan where it is there.

A gate tells which rules may match in a text, and on which of its lines a name that may be a
secret's stands before a literal. It never decides: what passes is looked at by the engine as ever.
Its database is compiled once and kept in the home; one that is not ours alone is not loaded.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from devvault.errors import Unavailable, WrongUse
from devvault.paths import check_private, default_home, make_private_folder
from devvault.scan.kinds.code import WORDS_OF_NAMES
from devvault.scan.rule import Rule

# A name and a literal on one line, or on the line below an open assignment.
_ASSIGNED = (
    rf"(?i)(?:{WORDS_OF_NAMES})(?:[^\n]{{0,100}}[\"'`]"
    r"|[A-Za-z0-9_$.\x2d]{0,60}[\"'`)\]]{0,3}[ \t]{0,8}[=:(][ \t]{0,8}\n[ \t]{0,60}[\"'`])"
)
_DIGEST = 32


class Gate:
    """A compiled database of rules. It keeps no text."""

    def __init__(self, rules: Sequence[Rule], folder: Path | None = None) -> None:
        """Load the database of these rules, or compile and keep it.

        `folder` is where databases are kept, the home's by default.

        Raises:
            Unavailable: Hyperscan is not installed here.
        """
        try:
            import hyperscan
        except ImportError as error:
            raise Unavailable(
                "Hyperscan is not installed", hint="pip install 'devvault[fast]'"
            ) from error
        self._hyperscan: Any = hyperscan
        try:
            self._linear: Any = import_module("re2")
        except ImportError:
            self._linear = re
        self._patterns: dict[str, Any] = {}
        self._rules = tuple(rules)
        patterns = [rule.pattern.encode() for rule in rules]
        self._database = self._loaded([*patterns, _ASSIGNED.encode()], folder)

    def find(self, body: str) -> tuple[frozenset[str], list[int]] | None:
        """Return the ids of rules that may match, and places of assignments to literals.

        None where the text's bytes are not its characters: then look at everything.
        """
        if not body.isascii():
            return None
        matched: set[int] = set()
        ends: list[int] = []
        last = len(self._rules)

        def on_match(index: int, _start: int, end: int, _flags: int, _context: object) -> None:
            if index == last:
                ends.append(end - 1)
            else:
                matched.add(index)

        self._database.scan(body.encode(), match_event_handler=on_match)
        return frozenset(self._rules[index].id for index in matched), ends

    def search(
        self, source: str, body: str, first: int, last: int
    ) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Look for a pattern in a part of a text: where its value is, and the whole match.

        With RE2, which takes linear time whatever the text, where it is there.
        """
        pattern = self._patterns.get(source)
        if pattern is None:
            pattern = self._patterns[source] = self._linear.compile(source)
        match = pattern.search(body[first:last])
        if match is None:
            return None
        value, whole = match.span(1 if pattern.groups else 0), match.span()
        return (value[0] + first, value[1] + first), (whole[0] + first, whole[1] + first)

    def _loaded(self, patterns: list[bytes], folder: Path | None) -> Any:
        version = self._hyperscan.info() if hasattr(self._hyperscan, "info") else ""
        named = hashlib.sha256(b"\0".join([str(version).encode(), *patterns])).hexdigest()
        folder = folder or default_home().root / "cache"
        path = folder / f"rules-{named[:32]}.hs"
        with suppress(OSError, WrongUse, Unavailable, ValueError, self._hyperscan.HyperscanError):
            return self._read(path)
        database = self._compile(patterns)
        with suppress(OSError, WrongUse, Unavailable):
            self._keep(path, database)
        return database

    def _read(self, path: Path) -> Any:
        check_private(path.parent, folder=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            check_private(path, folder=False)
            held = file.read()
        digest, data = held[:_DIGEST], held[_DIGEST:]
        if hashlib.sha256(data).digest() != digest:
            raise ValueError("the database is damaged")
        database = self._hyperscan.loadb(data, mode=self._hyperscan.HS_MODE_BLOCK)
        database.scratch = self._hyperscan.Scratch(database)
        return database

    def _compile(self, patterns: list[bytes]) -> Any:
        hyperscan = self._hyperscan
        once = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_MULTILINE
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(
            expressions=patterns,
            ids=list(range(len(patterns))),
            elements=len(patterns),
            flags=[*([once] * (len(patterns) - 1)), 0],
        )
        return database

    def _keep(self, path: Path, database: Any) -> None:
        make_private_folder(path.parent.parent)
        make_private_folder(path.parent)
        data = self._hyperscan.dumpb(database)
        fresh = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(hashlib.sha256(data).digest() + data)
            fresh.replace(path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        for old in path.parent.glob("rules-*.hs"):
            if old != path:
                old.unlink(missing_ok=True)


def find_gate(rules: Sequence[Rule]) -> Gate | None:
    """Return a gate for these rules, None where this machine has no Hyperscan."""
    try:
        return Gate(rules)
    except Unavailable:
        return None
