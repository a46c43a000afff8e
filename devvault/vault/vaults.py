"""Vaults: create, read, update, delete, recover, purge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from devvault.access.principals import Caller
from devvault.errors import Conflict, Forbidden, Invalid, NotFound
from devvault.model import operations as op
from devvault.model.attributes import check_tags
from devvault.model.names import (
    check_vault_name,
    fold,
    group_scope,
    is_vault_name,
    subscription_scope,
    vault_scope,
)
from devvault.model.vault import Group, Network, Policy, Vault, check_retention
from devvault.store.base import DELETED, LIVE, Reading, Writing
from devvault.vault.apps import drop_apps
from devvault.vault.codecs import pack_group, pack_vault, seconds, unpack_vault
from devvault.vault.gate import Gate, Target
from devvault.vault.groups import find_group
from devvault.vault.identities import drop_identities
from devvault.vault.records import ASSIGNMENT, GROUP, SECRET, SECRET_VERSION, TRUST, VAULT

_ALL = 10_000
_SKUS = ("standard", "premium")


@dataclass(frozen=True, slots=True)
class VaultSpec:
    """What a client asks for when it creates or updates a vault; None leaves or defaults."""

    name: str
    group: str
    location: str | None = None
    sku: str | None = None
    rbac: bool | None = None
    retention: int | None = None
    soft_delete: bool | None = None
    purge_protection: bool | None = None
    for_deployment: bool | None = None
    for_disk_encryption: bool | None = None
    for_template_deployment: bool | None = None
    public_network: str | None = None
    network: Network | None = None
    policies: tuple[Policy, ...] | None = None
    tags: Mapping[str, str] | None = None


def delete_group(gate: Gate, caller: Caller, name: str) -> None:
    """Delete a group; its vaults are soft-deleted with it, as in Azure."""
    target = Target(group_scope(gate.subscription, name))

    def act(writing: Writing) -> None:
        find_group(gate, writing, name)
        for vault in gate.directory.read(writing).vaults.values():
            if fold(vault.group) == fold(name):
                _delete(gate, writing, vault)
        drop_identities(gate, writing, name)
        drop_apps(gate, writing, name)
        _drop_assignments(gate, writing, target.resource)
        writing.drop(GROUP, "", fold(name))

    gate.change_access(caller, op.DELETE_GROUP, target, act)


def create_vault(gate: Gate, caller: Caller, spec: VaultSpec) -> Vault:
    """Create a vault, or replace the settings of the one that is there (an ARM PUT).

    Raises:
        Invalid: `VaultNameNotValid`, a bad retention, soft delete false.
        Conflict: `VaultAlreadyExists`: another group or a deleted vault holds the name.
        NotFound: `ResourceGroupNotFound`.
    """
    check_vault_name(spec.name)
    target = vault_target(gate, spec.group, spec.name)

    def act(writing: Writing) -> Vault:
        group = find_group(gate, writing, spec.group)
        row = writing.find(VAULT, "", fold(spec.name))
        if row is not None:
            old = unpack_vault(gate.records.open(row))
            if old.deleted is not None:
                raise Conflict(
                    f"A vault with the same name already exists in deleted state. You need to"
                    f" either recover or purge existing key vault. Vault: {old.name}",
                    hint=f"devvault keyvault recover --name {old.name}",
                )
            if fold(old.group) != fold(group.name):
                raise Conflict(
                    f"The vault name '{spec.name}' is already in use.", code="VaultAlreadyExists"
                )
            return write_vault(gate, writing, _changed(gate, writing, caller, old, spec))
        now = gate.clock.now()
        fresh = Vault(
            name=spec.name,
            group=group.name,
            location=spec.location or group.location,
            subscription=gate.subscription,
            tenant=gate.tenant,
            created=now,
            updated=now,
            retention=check_retention(90 if spec.retention is None else spec.retention),
        )
        return write_vault(gate, writing, _changed(gate, writing, caller, fresh, spec, new=True))

    before = gate.find_vault(spec.name)
    return _secured(gate, before, gate.change_access(caller, op.PUT_VAULT, target, act))


def update_vault(gate: Gate, caller: Caller, spec: VaultSpec) -> Vault:
    """Change the named settings of a vault (an ARM PATCH).

    Raises:
        NotFound: there is no such vault.
        Invalid: a change that Azure refuses: retention, purge protection off, soft delete off.
    """

    def act(writing: Writing) -> Vault:
        old = read_vault(gate, writing, spec.name, spec.group)
        return write_vault(gate, writing, _changed(gate, writing, caller, old, spec))

    target = vault_target(gate, spec.group, spec.name)
    before = gate.find_vault(spec.name)
    return _secured(gate, before, gate.change_access(caller, op.PATCH_VAULT, target, act))


def get_vault(gate: Gate, caller: Caller, name: str, group: str = "") -> Vault:
    """Return a live vault; without a group, wherever it lies.

    Raises:
        NotFound: `ResourceNotFound`.
    """
    target = vault_target(gate, group or _group_of(gate, name), name)
    return gate.read(
        caller, op.GET_VAULT, target, lambda reading: read_vault(gate, reading, name, group)
    )


def list_vaults(gate: Gate, caller: Caller, group: str = "") -> tuple[Vault, ...]:
    """Return the live vaults of a group, or of the whole subscription, by name."""
    scope = (
        group_scope(gate.subscription, group) if group else subscription_scope(gate.subscription)
    )

    def act(reading: Reading) -> tuple[Vault, ...]:
        if group:
            find_group(gate, reading, group)
        found = gate.directory.read(reading).vaults.values()
        return tuple(vault for vault in found if not group or fold(vault.group) == fold(group))

    return gate.read(caller, op.LIST_VAULTS, Target(scope), act)


def delete_vault(gate: Gate, caller: Caller, name: str, group: str = "") -> Vault:
    """Soft-delete a vault; its role assignments go for good, as in Azure."""
    target = vault_target(gate, group or _group_of(gate, name), name)

    def act(writing: Writing) -> Vault:
        return _delete(gate, writing, read_vault(gate, writing, name, group))

    return gate.change_access(caller, op.DELETE_VAULT, target, act)


def get_deleted_vault(gate: Gate, caller: Caller, name: str) -> Vault:
    """Return a deleted vault.

    Raises:
        NotFound: there is none of this name.
    """
    target = Target(subscription_scope(gate.subscription))
    return gate.read(
        caller, op.GET_DELETED_VAULT, target, lambda reading: _deleted(gate, reading, name)
    )


def list_deleted_vaults(gate: Gate, caller: Caller) -> tuple[Vault, ...]:
    """Return the deleted vaults, by name."""

    def act(reading: Reading) -> tuple[Vault, ...]:
        rows = reading.page(VAULT, "", state=DELETED, limit=_ALL)
        return tuple(unpack_vault(gate.records.open(row)) for row in rows)

    target = Target(subscription_scope(gate.subscription))
    return gate.read(caller, op.LIST_DELETED_VAULTS, target, act)


def recover_vault(gate: Gate, caller: Caller, name: str) -> Vault:
    """Bring a deleted vault back with everything in it.

    Raises:
        NotFound: there is none of this name.
        Conflict: its group is gone.
    """
    group = _group_of(gate, name)
    target = vault_target(gate, group, name)

    def act(writing: Writing) -> Vault:
        vault = _deleted(gate, writing, name)
        if writing.find(GROUP, "", fold(vault.group)) is None:
            fresh = Group(vault.group, vault.location, gate.clock.now())
            writing.put(gate.records.seal(GROUP, "", fold(fresh.name), pack_group(fresh)))
        return write_vault(gate, writing, replace(vault, deleted=None))

    return gate.change_access(caller, op.RECOVER_VAULT, target, act)


def purge_vault(gate: Gate, caller: Caller, name: str, *, due: bool = False) -> None:
    """Remove a deleted vault and everything in it for good; nothing of it stays in the files.

    `due` is the scheduler's purge at the end of the retention, which protection allows.

    Raises:
        NotFound: there is none of this name.
        Forbidden: `MethodNotAllowed` under purge protection.
    """
    target = Target(subscription_scope(gate.subscription), id=f"deletedVaults/{name}")

    def act(writing: Writing) -> None:
        vault = _deleted(gate, writing, name)
        if vault.purge_protection and not due:
            raise Forbidden(
                f"Operation 'DeletedVaultPurge' is not allowed. Vault {vault.name} has purge"
                f" protection enabled and is purged by itself on {vault.purge_at:%Y-%m-%d}.",
                code="MethodNotAllowed",
            )
        scope = fold(name)
        writing.drop_scope(SECRET_VERSION, scope)
        writing.drop_scope(SECRET, scope)
        _drop_trust(gate, writing, scope)
        writing.drop(VAULT, "", scope)

    gate.change_access(caller, op.PURGE_VAULT, target, act)
    gate.erase()
    gate.secure_point()


def check_name(gate: Gate, caller: Caller, name: str) -> tuple[bool, str, str]:
    """Say whether a vault may bear this name: (available, reason, message)."""

    def act(reading: Reading) -> tuple[bool, str, str]:
        if not is_vault_name(name):
            return (
                False,
                "AccountNameInvalid",
                "a vault name is 3-24 letters, digits and single hyphens, and begins with a letter",
            )
        if reading.find(VAULT, "", fold(name)) is not None:
            return False, "AlreadyExists", f"The vault name '{name}' is already in use."
        return True, "", ""

    target = Target(subscription_scope(gate.subscription))
    return gate.read(caller, op.CHECK_VAULT_NAME, target, act)


def vault_target(gate: Gate, group: str, name: str) -> Target:
    """Return the target of an operation on a vault, whether or not it is there."""
    vault = gate.find_vault(name)
    id = vault.uri if vault else ""
    return Target(vault_scope(gate.subscription, group, name), vault, id)


def _group_of(gate: Gate, name: str) -> str:
    with gate.store.read() as reading:
        row = reading.find(VAULT, "", fold(name))
        return unpack_vault(gate.records.open(row)).group if row else "devvault"


def read_vault(gate: Gate, reading: Reading, name: str, group: str = "") -> Vault:
    """Return a live vault inside a transaction; without a group, wherever it lies.

    Raises:
        NotFound: `ResourceNotFound`.
    """
    row = reading.find(VAULT, "", fold(name))
    vault = unpack_vault(gate.records.open(row)) if row else None
    if vault is None or vault.deleted or (group and fold(vault.group) != fold(group)):
        where = f" under resource group '{group}'" if group else ""
        raise NotFound(
            f"The Resource 'Microsoft.KeyVault/vaults/{name}'{where} was not found.",
            hint="devvault keyvault list",
        )
    return vault


def _deleted(gate: Gate, reading: Reading, name: str) -> Vault:
    row = reading.find(VAULT, "", fold(name))
    vault = unpack_vault(gate.records.open(row)) if row else None
    if vault is None or vault.deleted is None:
        raise NotFound(
            f"The specified deleted vault '{name}' does not exist.",
            code="DeletedVaultNotFound",
            hint="devvault keyvault list-deleted",
        )
    return vault


def write_vault(gate: Gate, writing: Writing, vault: Vault) -> Vault:
    """Store a vault, and return it."""
    state = LIVE if vault.deleted is None else DELETED
    writing.put(
        gate.records.seal(
            VAULT, "", fold(vault.name), pack_vault(vault), state=state, due=seconds(vault.purge_at)
        )
    )
    gate.directory.changed()
    return vault


def _secured(gate: Gate, before: Vault | None, after: Vault) -> Vault:
    """See that a right which a vault's policies gave does not come back with an older database."""
    if before is not None and (before.rbac, before.policies) != (after.rbac, after.policies):
        gate.secure_point()
    return after


def _delete(gate: Gate, writing: Writing, vault: Vault) -> Vault:
    _drop_assignments(gate, writing, vault.id)
    return write_vault(
        gate, writing, replace(vault, deleted=gate.clock.now().replace(microsecond=0))
    )


def _drop_assignments(gate: Gate, writing: Writing, scope: str) -> None:
    prefix = fold(scope).rstrip("/") + "/"
    for assignment in gate.directory.read(writing).assignments:
        if (fold(assignment.scope).rstrip("/") + "/").startswith(prefix):
            writing.drop(ASSIGNMENT, "", assignment.id)


def _drop_trust(gate: Gate, writing: Writing, vault: str) -> None:
    for row in writing.page(TRUST, "", limit=_ALL):
        if fold(gate.records.open(row)["vault"]) == vault:
            writing.drop(TRUST, "", row.name)


def _changed(
    gate: Gate, writing: Writing, caller: Caller, old: Vault, spec: VaultSpec, *, new: bool = False
) -> Vault:
    if not new and spec.rbac is not None and spec.rbac != old.rbac:
        # Who may only write vaults must not give herself their secrets by changing the model.
        target = Target(old.id, old, old.uri)
        gate.demand(writing, caller, op.CHANGE_MODEL, target, gate.directory.read(writing))
    if spec.soft_delete is False:
        raise Invalid(
            'The property "enableSoftDelete" can be set to false only for creating new vault.'
            " Enabling the 'soft delete' functionality is an irreversible action.",
            code="BadRequest",
        )
    if spec.purge_protection is False and old.purge_protection:
        raise Invalid(
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge'
            " protection for a vault is an irreversible action.",
            code="BadRequest",
        )
    if spec.retention is not None and spec.retention != old.retention:
        raise Invalid(
            'The property "softDeleteRetentionInDays" has been set already and it can\'t be'
            " modified.",
            code="BadRequest",
        )
    sku = old.sku if spec.sku is None else spec.sku.lower()
    if sku not in _SKUS:
        raise Invalid(f"The SKU '{sku}' is invalid.", code="SkuNotSupported")
    if spec.location is not None and fold(spec.location) != fold(old.location):
        raise Conflict(
            f"The resource '{old.name}' already exists in location '{old.location}'.",
            code="InvalidResourceLocation",
        )

    def pick(new: bool | None, kept: bool) -> bool:
        return kept if new is None else new

    return replace(
        old,
        sku=sku,
        rbac=pick(spec.rbac, old.rbac),
        purge_protection=pick(spec.purge_protection, old.purge_protection),
        for_deployment=pick(spec.for_deployment, old.for_deployment),
        for_disk_encryption=pick(spec.for_disk_encryption, old.for_disk_encryption),
        for_template_deployment=pick(spec.for_template_deployment, old.for_template_deployment),
        public_network=spec.public_network or old.public_network,
        network=spec.network or old.network,
        policies=old.policies if spec.policies is None else spec.policies,
        tags=old.tags if spec.tags is None else check_tags(spec.tags),
        updated=gate.clock.now(),
    )
