"""The home at a glance: its vaults, what expires, what is deleted, what was refused; and names.

One view and one record in the trail for the whole home; no value is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from devvault.access.principals import Caller
from devvault.audit.record import AuditRecord
from devvault.model import operations as op
from devvault.model.names import fold
from devvault.model.secret import DeletedSecret, Secret, SecretVersion
from devvault.model.vault import Vault
from devvault.store.base import DELETED, LIVE, Reading
from devvault.vault.codecs import unpack_secret, unpack_vault
from devvault.vault.gate import CHALLENGE, Gate, Target
from devvault.vault.records import SECRET, VAULT
from devvault.vault.secrets import current_of, deleted_of

# Refusals of a right, of a folder's trust, of an unknown caller; a typo is none.
_REFUSED = frozenset({401, 403})
_PAGE = 500
_TRAIL_LIMIT = 5000


@dataclass(frozen=True, slots=True)
class VaultFacts:
    """One live vault, how many secrets it has, and how many deleted ones it keeps."""

    vault: Vault
    secrets: int
    deleted: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What `devvault status` tells. `refused` has the newest record first."""

    vaults: tuple[VaultFacts, ...]
    expiring: tuple[SecretVersion, ...]
    deleted: tuple[DeletedSecret, ...]
    deleted_vaults: tuple[Vault, ...]
    refused: tuple[tuple[int, AuditRecord], ...]


def overview(gate: Gate, caller: Caller, *, until: datetime, since: datetime) -> Overview:
    """Return the home at a glance.

    `until` bounds what expires (expired secrets included), soonest first; `since` bounds what was
    refused, of which at most the newest 5000 records of the trail are searched.
    """
    gate.store.flush()

    def act(reading: Reading) -> Overview:
        facts: list[VaultFacts] = []
        expiring: list[tuple[datetime, SecretVersion]] = []
        deleted: list[DeletedSecret] = []
        for vault in _vaults(gate, reading):
            count = 0
            for secret in _secrets(gate, reading, vault, LIVE):
                count += 1
                current = current_of(gate, reading, vault, secret)
                expires = current.attributes.exp
                if expires is not None and expires <= until and current.attributes.enabled:
                    expiring.append((expires, current))
            before = len(deleted)
            deleted += [
                deleted_of(gate, reading, vault, secret)
                for secret in _secrets(gate, reading, vault, DELETED)
            ]
            facts.append(VaultFacts(vault, count, len(deleted) - before))
        return Overview(
            tuple(facts),
            tuple(one for _, one in sorted(expiring, key=lambda pair: pair[0])),
            tuple(sorted(deleted, key=lambda one: one.purge_at)),
            tuple(
                unpack_vault(gate.records.open(row))
                for row in reading.page(VAULT, "", state=DELETED, limit=_PAGE)
            ),
            tuple(_refused(gate, reading, since)),
        )

    return gate.read(caller, op.READ_OVERVIEW, Target(f"/devvault/homes/{gate.home}"), act)


def names(gate: Gate, caller: Caller, vault_name: str = "") -> dict[str, tuple[str, ...]]:
    """Return the names of the live secrets of each vault, or of one vault; for completion."""

    def act(reading: Reading) -> dict[str, tuple[str, ...]]:
        return {
            vault.name: tuple(one.name for one in _secrets(gate, reading, vault, LIVE))
            for vault in _vaults(gate, reading)
            if not vault_name or fold(vault.name) == fold(vault_name)
        }

    return gate.read(caller, op.LIST_NAMES, Target(f"/devvault/homes/{gate.home}"), act)


def _vaults(gate: Gate, reading: Reading) -> list[Vault]:
    return sorted(
        gate.directory.within(reading).vaults.values(), key=lambda vault: fold(vault.name)
    )


def _secrets(gate: Gate, reading: Reading, vault: Vault, state: int) -> Iterator[Secret]:
    after = ""
    while rows := reading.page(SECRET, fold(vault.name), state=state, after=after, limit=_PAGE):
        for row in rows:
            yield unpack_secret(vault.name, gate.records.open(row))
        after = rows[-1].name


def _refused(gate: Gate, reading: Reading, since: datetime) -> Iterator[tuple[int, AuditRecord]]:
    before: int | None = None
    searched = 0
    while searched < _TRAIL_LIMIT:
        page = gate.trail.page(reading, before=before, after=None, limit=_PAGE)
        for seq, record in page:
            if record.time < since:
                return
            if record.status in _REFUSED and CHALLENGE not in record.extra:
                yield seq, record
        if len(page) < _PAGE:
            return
        searched += len(page)
        before = page[-1][0]
