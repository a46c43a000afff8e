"""Is this one of my secrets? Looks for the vaults' own values in a text, in memory only.

The values stay here: what leaves is where a value stands and whose it is. Short values count only
as whole words, so that `test` in a sentence is not a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from devvault.access.principals import Caller
from devvault.model import operations as op
from devvault.model.names import fold
from devvault.store.base import DELETED, LIVE, Reading
from devvault.vault.codecs import unpack_secret, unpack_version
from devvault.vault.gate import Gate, Target
from devvault.vault.records import SECRET, SECRET_VERSION

VALUES_LIMIT = 20_000
_SHORTEST = 4
_SURE = 10
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Match:
    """A value of a vault stands in a text: from character `start` to `end` (exclusive)."""

    text: int
    start: int
    end: int
    vault: str
    secret: str
    version: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found, how many values were looked for, and whether that was all of them."""

    matches: tuple[Match, ...]
    values: int
    complete: bool


@dataclass(frozen=True, slots=True)
class _Needle:
    value: str
    vault: str
    secret: str
    version: str


def find_values(gate: Gate, caller: Caller, vaults: Iterable[str], texts: Sequence[str]) -> Scan:
    """Look for every value of these vaults, live and deleted, in the texts; one audit record."""
    names = sorted(fold(name) for name in vaults)
    target = Target(f"/devvault/homes/{gate.home}", extra={"vaults": ",".join(names)})

    def act(reading: Reading) -> Scan:
        needles, complete = _needles(gate, reading, names)
        matches = [
            Match(
                number,
                start,
                start + len(needle.value),
                needle.vault,
                needle.secret,
                needle.version,
            )
            for number, text in enumerate(texts)
            for needle in needles
            for start in _places(needle.value, text)
        ]
        return Scan(tuple(matches), len(needles), complete)

    return gate.read(caller, op.SCAN_VALUES, target, act)


def _needles(gate: Gate, reading: Reading, vaults: Sequence[str]) -> tuple[list[_Needle], bool]:
    found: dict[str, _Needle] = {}
    for name in vaults:
        vault = gate.directory.at(reading).find_vault(name)
        if vault is None:
            continue
        for state in (LIVE, DELETED):
            after = ""
            while rows := reading.page(SECRET, name, state=state, after=after, limit=_PAGE):
                for row in rows:
                    secret = unpack_secret(vault.name, gate.records.open(row))
                    for kept in reading.versions(SECRET_VERSION, name, row.name, limit=_PAGE):
                        version = unpack_version(
                            vault, secret.name, kept.version, gate.records.open(kept), value=True
                        )
                        value = version.value or ""
                        if len(value) >= _SHORTEST:
                            found.setdefault(
                                value, _Needle(value, vault.name, secret.name, kept.version)
                            )
                        if len(found) >= VALUES_LIMIT:
                            return list(found.values()), False
                after = rows[-1].name
    return list(found.values()), True


def _places(value: str, text: str) -> Iterable[int]:
    if value not in text:
        return
    if len(value) < _SURE:
        pattern = re.compile(rf"(?<![\w-]){re.escape(value)}(?![\w-])")
        yield from (match.start() for match in pattern.finditer(text))
        return
    start = text.find(value)
    while start >= 0:
        yield start
        start = text.find(value, start + len(value))
