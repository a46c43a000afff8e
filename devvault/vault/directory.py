"""Vaults, principals, roles, assignments and folder trust of a home, opened once and kept.

Every decision needs them, and they change rarely. A change is announced twice: inside its
transaction and again after the commit, so that no reader keeps what it read in between.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from devvault.access.principals import Principal
from devvault.access.rbac import Assignment, Grants
from devvault.model.names import fold
from devvault.model.vault import Vault
from devvault.store.base import LIVE, Reading, Row
from devvault.vault.codecs import (
    unpack_assignment,
    unpack_principal,
    unpack_role,
    unpack_vault,
)
from devvault.vault.records import ASSIGNMENT, PRINCIPAL, ROLE, TRUST, VAULT, Records

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What decisions rest on, at one moment."""

    vaults: dict[str, Vault]
    assignments: tuple[Assignment, ...]
    trust: dict[str, frozenset[str]]
    principals: dict[str, Principal]
    grants: Grants

    def find_vault(self, name: str) -> Vault | None:
        """Return the live vault of this name, or None."""
        return self.vaults.get(fold(name))

    def trusted_vaults(self, folder: str) -> frozenset[str]:
        """Return the folded names of the vaults that a folder (real path) may resolve from."""
        return self.trust.get(folder, frozenset())


class Directory:
    """Keeps one snapshot; thread-safe."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._lock = threading.Lock()
        self._turn = 0
        self._kept: Snapshot | None = None

    def changed(self) -> None:
        """Forget the snapshot: something it holds is changing or has changed."""
        with self._lock:
            self._turn += 1
            self._kept = None

    def at(self, reading: Reading) -> Snapshot:
        """Return the snapshot, reading it through this view where none is kept."""
        with self._lock:
            if self._kept is not None:
                return self._kept
            turn = self._turn
        found = self.read(reading)
        with self._lock:
            if turn == self._turn:
                self._kept = found
        return found

    def kept(self) -> Snapshot | None:
        """Return the snapshot if one is kept."""
        with self._lock:
            return self._kept

    def read(self, reading: Reading) -> Snapshot:
        """Read it anew, as a transaction that changes it must."""
        vaults = {row.name: unpack_vault(self._records.open(row)) for row in _all(reading, VAULT)}
        assignments = tuple(
            unpack_assignment(row.name, self._records.open(row))
            for row in _all(reading, ASSIGNMENT)
        )
        roles = [unpack_role(row.name, self._records.open(row)) for row in _all(reading, ROLE)]
        trust: dict[str, set[str]] = {}
        for row in _all(reading, TRUST):
            body = self._records.open(row)
            trust.setdefault(body["folder"], set()).add(fold(body["vault"]))
        kept = {folder: frozenset(names) for folder, names in trust.items()}
        principals = {
            row.name: unpack_principal(row.name, self._records.open(row))
            for row in _all(reading, PRINCIPAL)
        }
        return Snapshot(vaults, assignments, kept, principals, Grants(assignments, roles))


def _all(reading: Reading, kind: str) -> Iterator[Row]:
    after = ""
    while rows := reading.page(kind, "", state=LIVE, after=after, limit=_PAGE):
        yield from rows
        after = rows[-1].name
