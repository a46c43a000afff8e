"""Secret operations on live secrets: set, get, update, list, delete (specification: secrets)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from devvault.access.principals import NOWHERE, Caller
from devvault.errors import DevvaultError, Forbidden, NotFound
from devvault.model import operations as op
from devvault.model.attributes import (
    NO_CHANGE,
    NO_TAGS,
    Attributes,
    Change,
    check_content_type,
    check_tags,
)
from devvault.model.deletion import held, no_secret, purge_time
from devvault.model.names import check_object_name, fold, object_scope, vault_host
from devvault.model.page import PAGE_LIMIT, Page
from devvault.model.secret import DeletedSecret, Secret, SecretVersion, check_value
from devvault.model.vault import Vault
from devvault.store.base import DELETED, LIVE, Finding, Reading, Writing
from devvault.vault.codecs import (
    pack_secret,
    pack_version,
    seconds,
    unpack_secret,
    unpack_version,
)
from devvault.vault.fetched import Fetched, Glance
from devvault.vault.gate import Gate, Receipts, Target
from devvault.vault.records import SECRET, SECRET_VERSION


def set_secret(
    gate: Gate,
    caller: Caller,
    vault_name: str,
    name: str,
    value: str,
    *,
    content_type: str | None = None,
    tags: Mapping[str, str] = NO_TAGS,
    change: Change = NO_CHANGE,
) -> SecretVersion:
    """Make a new version, which becomes the current one; return it with its value.

    Raises:
        Invalid: a bad name, or a value or tags over the limits.
        Conflict: a deleted secret holds the name.
    """
    vault = live_vault(gate, vault_name)
    check_object_name(name)
    check_value(value)
    content_type = check_content_type(content_type)
    tags = check_tags(tags)

    def act(writing: Writing) -> SecretVersion:
        now = _whole(gate.clock.now())
        old = find_secret(gate, writing, vault, name)
        if old is not None and old.deleted is not None:
            raise held("Secret", old.name)
        version = SecretVersion(
            vault.name,
            name if old is None else old.name,
            uuid.uuid4().hex,
            Attributes(
                created=now,
                updated=now,
                enabled=change.enabled is not False,
                nbf=change.nbf,
                exp=change.exp,
            ),
            vault.recovery_level,
            vault.retention,
            content_type,
            tags,
            value,
        )
        write_version(gate, writing, version)
        created = now if old is None else old.created
        write_secret(gate, writing, Secret(vault.name, version.name, version.version, created))
        return version

    return gate.write(caller, op.SET_SECRET, target(vault, name), act)


def get_secret(
    gate: Gate, caller: Caller, vault_name: str, name: str, version: str = ""
) -> SecretVersion:
    """Return a version with its value; an empty `version` means the current one.

    Raises:
        NotFound: `SecretNotFound`; a deleted secret is not found.
        Forbidden: this version is disabled (inner `SecretDisabled`).
    """
    scope, folded, wanted = fold(vault_name), fold(name), fold(version)
    # All that the answer depends on besides the home; a change to that drops what is kept.
    key = (caller.at(NOWHERE), caller.origin.address, scope, folded, wanted)
    known = gate.look_again(caller, key)
    if known is not None:
        return cast("SecretVersion", known)
    where, act = _getting(gate, vault_name, name, version)

    def fetch() -> Finding:
        return Glance(gate.store, gate.guesses, scope, folded, wanted)

    return gate.look(
        caller, op.GET_SECRET, where, fetch, act, key, lambda found: len(found.value or "")
    )


def get_secrets(
    gate: Gate,
    caller: Caller,
    wanted: Sequence[tuple[str, str, str]],
    receipts: Receipts | None = None,
) -> list[SecretVersion | DevvaultError]:
    """Return several (vault, name, version) in one view, each with its value or its refusal.

    Raises:
        NotFound, Invalid: a vault that is not there, a name that is none.
    """
    asked = [_getting(gate, *each) for each in wanted]

    def fetch(reading: Reading) -> Finding:
        return Fetched(reading, gate.records, wanted)

    return gate.read_each(caller, op.GET_SECRET, asked, fetch, receipts)


def _getting(
    gate: Gate, vault_name: str, name: str, version: str
) -> tuple[Target, Callable[[Finding], SecretVersion]]:
    vault = live_vault(gate, vault_name)
    check_object_name(name)

    def act(reading: Finding) -> SecretVersion:
        found = read_version(gate, reading, vault, name, version, value=True)
        if not found.attributes.enabled:
            raise Forbidden(
                "Operation get is not allowed on a disabled secret.", inner="SecretDisabled"
            )
        return found

    return version_target(gate, vault, name, version), act


def update_secret(
    gate: Gate,
    caller: Caller,
    vault_name: str,
    name: str,
    version: str = "",
    *,
    content_type: str | None = None,
    tags: Mapping[str, str] | None = None,
    change: Change = NO_CHANGE,
) -> SecretVersion:
    """Change metadata of a version; members left None stay; the value never changes.

    Raises:
        NotFound: `SecretNotFound`.
    """
    vault = live_vault(gate, vault_name)
    check_object_name(name)
    content_type = check_content_type(content_type)

    def act(writing: Writing) -> SecretVersion:
        old = read_version(gate, writing, vault, name, version, value=True)
        at = old.attributes
        new = replace(
            old,
            content_type=old.content_type if content_type is None else content_type,
            tags=old.tags if tags is None else check_tags(tags),
            attributes=replace(
                at,
                enabled=at.enabled if change.enabled is None else change.enabled,
                nbf=change.nbf or at.nbf,
                exp=change.exp or at.exp,
                updated=_whole(gate.clock.now()),
            ),
        )
        write_version(gate, writing, new)
        return replace(new, value=None)

    return gate.write(caller, op.UPDATE_SECRET, version_target(gate, vault, name, version), act)


def list_secrets(
    gate: Gate, caller: Caller, vault_name: str, *, after: str = "", limit: int = PAGE_LIMIT
) -> Page[SecretVersion]:
    """Return a page of secrets by name, each with the metadata of its current version."""
    vault = live_vault(gate, vault_name)

    def act(reading: Reading) -> Page[SecretVersion]:
        rows = reading.page(SECRET, fold(vault.name), state=LIVE, after=after, limit=limit + 1)
        items = tuple(
            current_of(gate, reading, vault, unpack_secret(vault.name, gate.records.open(row)))
            for row in rows[:limit]
        )
        return Page(items, rows[limit - 1].name if len(rows) > limit else None)

    return gate.read(caller, op.LIST_SECRETS, Target(vault.id, vault, vault.uri + "secrets"), act)


def list_versions(
    gate: Gate,
    caller: Caller,
    vault_name: str,
    name: str,
    *,
    after: str = "",
    limit: int = PAGE_LIMIT,
) -> Page[SecretVersion]:
    """Return a page of the versions of a secret, by version; empty for an unknown name."""
    vault = live_vault(gate, vault_name)
    check_object_name(name)

    def act(reading: Reading) -> Page[SecretVersion]:
        secret = find_secret(gate, reading, vault, name)
        if secret is None or secret.deleted is not None:
            return Page(())
        rows = reading.versions(
            SECRET_VERSION, fold(vault.name), fold(name), after=after, limit=limit + 1
        )
        items = tuple(
            unpack_version(vault, secret.name, row.version, gate.records.open(row), value=False)
            for row in rows[:limit]
        )
        return Page(items, rows[limit - 1].version if len(rows) > limit else None)

    return gate.read(caller, op.LIST_SECRET_VERSIONS, target(vault, name, kind="list"), act)


def delete_secret(gate: Gate, caller: Caller, vault_name: str, name: str) -> DeletedSecret:
    """Soft-delete a secret with all its versions; the name is held until it is purged.

    Raises:
        NotFound: `SecretNotFound`.
    """
    vault = live_vault(gate, vault_name)
    check_object_name(name)

    def act(writing: Writing) -> DeletedSecret:
        secret = find_secret(gate, writing, vault, name)
        if secret is None or secret.deleted is not None:
            raise no_secret(name)
        now = _whole(gate.clock.now())
        gone = replace(secret, deleted=now, purge_at=purge_time(vault, now))
        write_secret(gate, writing, gone)
        return deleted_of(gate, writing, vault, gone)

    return gate.write(caller, op.DELETE_SECRET, target(vault, name), act)


def live_vault(gate: Gate, name: str) -> Vault:
    """Return the vault that a data-plane request is for.

    Raises:
        NotFound: `VaultNotFound`: the home has no such vault.
    """
    vault = gate.find_vault(name)
    if vault is None:
        raise NotFound(
            f"there is no vault named {name} in this home",
            code="VaultNotFound",
            hint=f"devvault keyvault create --name {name}",
        )
    return vault


def target(vault: Vault, name: str, *, kind: str = "object") -> Target:
    """Return the target of an operation on one secret."""
    where = vault.id if kind == "list" else object_scope(vault.id, "secrets", name)
    return Target(where, vault, f"https://{vault_host(vault.name)}/secrets/{name}")


def version_target(gate: Gate, vault: Vault, name: str, version: str) -> Target:
    """Return the target of an operation on one version of a secret; empty means the current one."""

    def current(finding: Finding) -> str:
        secret = find_secret(gate, finding, vault, name)
        return "" if secret is None else secret.current

    where = object_scope(vault.id, "secrets", name)
    tail = f"/{version}" if version else ""
    return Target(
        where,
        vault,
        f"https://{vault_host(vault.name)}/secrets/{name}{tail}",
        version=version,
        current=None if version else current,
    )


def find_secret(gate: Gate, reading: Finding, vault: Vault, name: str) -> Secret | None:
    """Return the pointer of a secret, live or deleted, or None."""
    row = reading.find(SECRET, fold(vault.name), fold(name))
    return None if row is None else unpack_secret(vault.name, gate.records.open(row))


def read_version(
    gate: Gate, reading: Finding, vault: Vault, name: str, version: str, *, value: bool
) -> SecretVersion:
    """Return a version of a live secret.

    Raises:
        NotFound: `SecretNotFound`.
    """
    scope, folded = fold(vault.name), fold(name)
    pointer = reading.find(SECRET, scope, folded)
    # Its record as it is: this is what every read begins with.
    body = None if pointer is None else gate.records.open(pointer)
    if body is None or body["deleted"] is not None:
        raise no_secret(name, version)
    row = reading.find(SECRET_VERSION, scope, folded, fold(version or body["current"]))
    if row is None:
        raise no_secret(name, version)
    return unpack_version(vault, body["name"], row.version, gate.records.open(row), value=value)


def current_of(gate: Gate, reading: Reading, vault: Vault, secret: Secret) -> SecretVersion:
    """Return the metadata of the current version of a secret, live or deleted.

    Raises:
        NotFound: the version that the pointer names is gone: the database was edited.
    """
    row = reading.find(SECRET_VERSION, fold(vault.name), fold(secret.name), secret.current)
    if row is None:
        raise NotFound(
            f"the current version of {secret.name} is missing from the database",
            code="SecretNotFound",
            hint="devvault audit verify",
        )
    return unpack_version(vault, secret.name, row.version, gate.records.open(row), value=False)


def deleted_of(gate: Gate, reading: Reading, vault: Vault, secret: Secret) -> DeletedSecret:
    """Return a deleted secret as its operations show it."""
    assert secret.deleted is not None
    assert secret.purge_at is not None
    return DeletedSecret(current_of(gate, reading, vault, secret), secret.deleted, secret.purge_at)


def write_version(gate: Gate, writing: Writing, version: SecretVersion) -> None:
    """Store a version under its identity."""
    writing.put(
        gate.records.seal(
            SECRET_VERSION,
            fold(version.vault),
            fold(version.name),
            pack_version(version),
            version=version.version,
        )
    )


def write_secret(gate: Gate, writing: Writing, secret: Secret) -> None:
    """Store the pointer of a secret."""
    writing.put(
        gate.records.seal(
            SECRET,
            fold(secret.vault),
            fold(secret.name),
            pack_secret(secret),
            state=LIVE if secret.deleted is None else DELETED,
            due=seconds(secret.purge_at),
        )
    )


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
