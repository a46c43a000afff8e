"""Soft-deleted secrets: get, list, recover, purge, and the purge that falls due by itself."""

from __future__ import annotations

from dataclasses import replace

from devvault.access.principals import Caller
from devvault.model import operations as op
from devvault.model.deletion import check_may_purge, no_deleted_secret
from devvault.model.due import is_purge_due
from devvault.model.names import check_object_name, fold
from devvault.model.page import PAGE_LIMIT, Page
from devvault.model.secret import DeletedSecret, Secret, SecretVersion
from devvault.model.vault import Vault
from devvault.store.base import DELETED, Reading, Writing
from devvault.vault.codecs import unpack_secret, unpack_vault
from devvault.vault.gate import Gate, Target
from devvault.vault.records import SECRET, SECRET_VERSION, VAULT
from devvault.vault.secrets import (
    current_of,
    deleted_of,
    find_secret,
    live_vault,
    target,
    write_secret,
)
from devvault.vault.vaults import purge_vault

_BATCH = 100


def get_deleted(gate: Gate, caller: Caller, vault_name: str, name: str) -> DeletedSecret:
    """Return a deleted secret, without its value.

    Raises:
        NotFound: no deleted secret has this name.
    """
    vault = live_vault(gate, vault_name)
    check_object_name(name)

    def act(reading: Reading) -> DeletedSecret:
        return deleted_of(gate, reading, vault, _deleted(gate, reading, vault, name))

    return gate.read(caller, op.GET_DELETED_SECRET, target(vault, name), act)


def list_deleted(
    gate: Gate, caller: Caller, vault_name: str, *, after: str = "", limit: int = PAGE_LIMIT
) -> Page[DeletedSecret]:
    """Return a page of deleted secrets by name."""
    vault = live_vault(gate, vault_name)

    def act(reading: Reading) -> Page[DeletedSecret]:
        rows = reading.page(SECRET, fold(vault.name), state=DELETED, after=after, limit=limit + 1)
        items = tuple(
            deleted_of(gate, reading, vault, unpack_secret(vault.name, gate.records.open(row)))
            for row in rows[:limit]
        )
        return Page(items, rows[limit - 1].name if len(rows) > limit else None)

    where = Target(vault.id, vault, vault.uri + "deletedsecrets")
    return gate.read(caller, op.LIST_DELETED_SECRETS, where, act)


def recover(gate: Gate, caller: Caller, vault_name: str, name: str) -> SecretVersion:
    """Bring a deleted secret back with all its versions; return the current one's metadata.

    Raises:
        NotFound: no deleted secret has this name.
    """
    vault = live_vault(gate, vault_name)
    check_object_name(name)

    def act(writing: Writing) -> SecretVersion:
        secret = _deleted(gate, writing, vault, name)
        write_secret(gate, writing, replace(secret, deleted=None, purge_at=None))
        return current_of(gate, writing, vault, secret)

    return gate.write(caller, op.RECOVER_SECRET, target(vault, name), act)


def purge(gate: Gate, caller: Caller, vault_name: str, name: str) -> None:
    """Remove a deleted secret for good; nothing of it stays in the database files.

    Raises:
        NotFound: no deleted secret has this name.
        Forbidden: the vault is purge protected.
    """
    vault = live_vault(gate, vault_name)
    check_object_name(name)

    def act(writing: Writing) -> None:
        secret = _deleted(gate, writing, vault, name)
        check_may_purge(vault)
        _remove(writing, vault, secret)

    gate.write(caller, op.PURGE_SECRET, target(vault, name), act)
    gate.erase()
    gate.secure_point()


def purge_due(gate: Gate, caller: Caller) -> int:
    """Purge every secret and vault whose scheduled purge has come; return how many.

    The service does this by itself, so purge protection does not stand in the way.
    """
    now = gate.clock.now()
    until = int(now.timestamp())
    done = 0
    with gate.store.read() as reading:
        vault_rows = reading.due(VAULT, until, _BATCH)
        secret_rows = reading.due(SECRET, until, _BATCH)
    for row in vault_rows:
        dead = unpack_vault(gate.records.open(row))
        if is_purge_due(dead, now):
            purge_vault(gate, caller, dead.name, due=True)
            done += 1
    for row in secret_rows:
        vault = gate.find_vault(row.scope)
        if vault is None:
            continue
        secret = unpack_secret(vault.name, gate.records.open(row))
        if is_purge_due(secret, now):
            _purge_one(gate, caller, vault, secret)
            done += 1
    if done:
        gate.erase()
        gate.secure_point()
    return done


def next_due(gate: Gate, horizon: int) -> int | None:
    """Return when the next scheduled purge up to `horizon` is, in seconds since 1970, or None."""
    with gate.store.read() as reading:
        rows = [*reading.due(VAULT, horizon, 1), *reading.due(SECRET, horizon, 1)]
    return min((row.due for row in rows if row.due is not None), default=None)


def _purge_one(gate: Gate, caller: Caller, vault: Vault, secret: Secret) -> None:
    def act(writing: Writing) -> None:
        again = find_secret(gate, writing, vault, secret.name)
        if again is not None and again.purge_at == secret.purge_at:
            _remove(writing, vault, secret)

    gate.write(caller, op.PURGE_SECRET, target(vault, secret.name), act)


def _remove(writing: Writing, vault: Vault, secret: Secret) -> None:
    writing.drop_name(SECRET_VERSION, fold(vault.name), fold(secret.name))
    writing.drop(SECRET, fold(vault.name), fold(secret.name))


def _deleted(gate: Gate, reading: Reading, vault: Vault, name: str) -> Secret:
    secret = find_secret(gate, reading, vault, name)
    if secret is None or secret.deleted is None:
        raise no_deleted_secret(name)
    return secret
