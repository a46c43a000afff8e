"""Vaults, principals, roles, assignments and folder trust of a home, opened once and kept.

Every decision needs them, and they change rarely. A change is announced twice: inside its
transaction and again after the commit, so that no reader keeps what it read in between.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

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
T = TypeVar("T")


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
        # What each row was last opened to: after a change most rows are as they were.
        self._opened: dict[tuple[str, str], tuple[Row, object]] = {}

    def changed(self) -> None:
        """Forget the snapshot: something it holds is changing or has changed."""
        with self._lock:
            self._turn += 1
            self._kept = None

    def at(self, reading: Reading) -> Snapshot:
        """Return the snapshot, reading it through this view where none is kept.

        For the first question of a view alone: what a view began to show before the last change
        must not be kept as the newest. Later in a view, ask `within`.
        """
        with self._lock:
            if self._kept is not None:
                return self._kept
            turn = self._turn
        found = self.read(reading)
        with self._lock:
            if turn == self._turn:
                self._kept = found
        return found

    def within(self, reading: Reading) -> Snapshot:
        """Return a snapshot for whoever has asked this view before; it is not kept."""
        return self.kept() or self.read(reading)

    def kept(self) -> Snapshot | None:
        """Return the snapshot if one is kept."""
        return self._kept  # one look at one name: no lock would add to it

    def read(self, reading: Reading) -> Snapshot:
        """Read it anew, as a transaction that changes it must."""
        vaults = dict(self._each(reading, VAULT, lambda _name, body: unpack_vault(body)))
        found = self._each(reading, ASSIGNMENT, unpack_assignment)
        assignments = tuple(assignment for _, assignment in found)
        roles = [role for _, role in self._each(reading, ROLE, unpack_role)]
        trust: dict[str, set[str]] = {}
        for row in _all(reading, TRUST):
            body = self._records.open(row)
            trust.setdefault(body["folder"], set()).add(fold(body["vault"]))
        kept = {folder: frozenset(names) for folder, names in trust.items()}
        principals = dict(self._each(reading, PRINCIPAL, unpack_principal))
        return Snapshot(vaults, assignments, kept, principals, Grants(assignments, roles))

    def _each(
        self, reading: Reading, kind: str, unpack: Callable[[str, dict[str, Any]], T]
    ) -> list[tuple[str, T]]:
        """Return (name, object) of every row of a kind, opening those alone that are new."""
        found: list[tuple[str, T]] = []
        fresh: dict[tuple[str, str], tuple[Row, object]] = {}
        for row in _all(reading, kind):
            known = self._opened.get((kind, row.name))
            if known is not None and known[0] == row:
                made = cast("T", known[1])
            else:
                made = unpack(row.name, self._records.open(row))
            fresh[kind, row.name] = row, made
            found.append((row.name, made))
        with self._lock:
            self._opened = {
                **{place: one for place, one in self._opened.items() if place[0] != kind},
                **fresh,
            }
        return found


def _all(reading: Reading, kind: str) -> Iterator[Row]:
    after = ""
    while rows := reading.page(kind, "", state=LIVE, after=after, limit=_PAGE):
        yield from rows
        after = rows[-1].name
