"""The vaults and role assignments of the home, opened once and kept until one of them changes.

Every decision needs both, and both change rarely. A change is announced twice: inside its
transaction and again after the commit, so that no reader keeps what it read in between.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from devvault.access.rbac import Assignment
from devvault.model.names import fold
from devvault.model.vault import Vault
from devvault.store.base import LIVE, Reading
from devvault.vault.codecs import unpack_assignment, unpack_vault
from devvault.vault.records import ASSIGNMENT, VAULT, Records

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What decisions rest on, at one moment."""

    vaults: dict[str, Vault]
    assignments: tuple[Assignment, ...]

    def find_vault(self, name: str) -> Vault | None:
        """Return the live vault of this name, or None."""
        return self.vaults.get(fold(name))


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
        vaults: dict[str, Vault] = {}
        after = ""
        while rows := reading.page(VAULT, "", state=LIVE, after=after, limit=_PAGE):
            for row in rows:
                vaults[row.name] = unpack_vault(self._records.open(row))
            after = rows[-1].name
        assignments: list[Assignment] = []
        after = ""
        while rows := reading.page(ASSIGNMENT, "", state=LIVE, after=after, limit=_PAGE):
            assignments.extend(unpack_assignment(row.name, self._records.open(row)) for row in rows)
            after = rows[-1].name
        return Snapshot(vaults, tuple(assignments))
