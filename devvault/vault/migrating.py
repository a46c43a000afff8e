"""A vault whose policies decide becomes one whose roles decide: planned, shown, done at once."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

from devvault.access.migrate import Move, Plan, plan_migration
from devvault.access.principals import SERVICE, Caller, Principal
from devvault.access.rbac import Assignment
from devvault.access.roles import Role
from devvault.errors import Conflict
from devvault.model import operations as op
from devvault.model.names import fold, group_scope
from devvault.model.vault import Policy, Vault
from devvault.store.base import Reading, Writing
from devvault.vault.codecs import pack_assignment
from devvault.vault.directory import Snapshot
from devvault.vault.gate import Gate, Target
from devvault.vault.principals import find_by_oid, write_principal
from devvault.vault.records import ASSIGNMENT
from devvault.vault.roles import write_role
from devvault.vault.vaults import read_vault, vault_target, write_vault

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Migration:
    """What was planned or done: the vault as it was, the plan, and who its identities are.

    `strays` are policies of something that is no object id, so nobody's; they come to nothing.
    """

    vault: Vault
    plan: Plan
    principals: Mapping[str, Principal]
    roles: Mapping[str, Role]
    strays: tuple[Policy, ...]
    done: bool


def plan(gate: Gate, caller: Caller, name: str, *, custom: bool = True) -> Migration:
    """Return what a migration would do; nothing is changed.

    Raises:
        NotFound: there is no such vault.
        Conflict: roles decide in it already.
    """

    def act(reading: Reading) -> Migration:
        return _plan(gate, reading, name, custom=custom)

    return gate.read(caller, op.GET_VAULT, _target(gate, name), act)


def migrate(gate: Gate, caller: Caller, name: str, *, custom: bool = True) -> Migration:
    """Give the roles and let roles decide, in one transaction; return what was done.

    Raises:
        NotFound, Conflict: as `plan`.
        Forbidden: she may not give these roles, or not change the vault.
    """

    def act(writing: Writing) -> Migration:
        found = _plan(gate, writing, name, custom=custom)
        snapshot = gate.directory.read(writing)
        vault = found.vault
        where = Target(vault.id, vault, vault.uri)
        gate.demand(writing, caller, op.CHANGE_MODEL, where, snapshot)
        for role in found.plan.custom:
            _make_role(gate, writing, caller, vault, role, snapshot)
        for move in found.plan.moves:
            _give_roles(gate, writing, caller, vault, move, snapshot)
        write_vault(gate, writing, replace(vault, rbac=True, updated=gate.clock.now()))
        return replace(found, done=True)

    done = gate.change_access(caller, op.MIGRATE_VAULT, _target(gate, name), act)
    gate.secure_point()
    return done


def _target(gate: Gate, name: str) -> Target:
    vault = gate.find_vault(name)
    return vault_target(gate, vault.group if vault else "devvault", name)


def _plan(gate: Gate, reading: Reading, name: str, *, custom: bool) -> Migration:
    vault = read_vault(gate, reading, name)
    if vault.rbac:
        raise Conflict(
            f"roles decide in the vault {vault.name} already",
            code="AlreadyUnderRoles",
            hint="devvault role assignment list --all -o table",
        )
    snapshot = gate.directory.read(reading)
    strays = tuple(one for one in vault.policies if _GUID.fullmatch(fold(one.oid)) is None)
    kept = tuple(one for one in vault.policies if one not in strays)
    found = plan_migration(replace(vault, policies=kept), snapshot.grants, custom=custom)
    known = (find_by_oid(gate, move.oid, snapshot) for move in found.moves)
    principals = {fold(who.oid): who for who in known if who is not None}
    return Migration(vault, found, principals, snapshot.grants.roles, strays, done=False)


def _make_role(
    gate: Gate, writing: Writing, caller: Caller, vault: Vault, role: Role, snapshot: Snapshot
) -> None:
    if snapshot.grants.roles.get(role.id) is not None:
        known = snapshot.grants.roles[role.id]
        if set(known.data_actions) == set(role.data_actions) and not known.not_data_actions:
            return  # of an earlier migration of this vault
    name = role.name
    if any(fold(one.name) == fold(name) for one in snapshot.grants.roles.values()):
        name = f"{name} ({role.id[:8]})"
    scope = group_scope(vault.subscription, vault.group)
    id = f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{role.id}"
    gate.demand(writing, caller, op.PUT_ROLE, Target(scope, id=id), snapshot)
    now = gate.clock.now()
    made = replace(
        role, name=name, created=now, updated=now, created_by=caller.oid, updated_by=caller.oid
    )
    write_role(gate, writing, made)


def _give_roles(
    gate: Gate, writing: Writing, caller: Caller, vault: Vault, move: Move, snapshot: Snapshot
) -> None:
    if not move.roles:
        return
    who = find_by_oid(gate, move.oid, snapshot)
    if who is None:
        who = Principal(move.oid, move.oid, SERVICE, move.oid)
        write_principal(gate, writing, who)
    have = {(fold(one.role_id), fold(one.scope).rstrip("/")) for one in move.held}
    for role in move.roles:
        if (role.id, fold(vault.id)) in have:
            continue
        id = str(uuid.uuid4())
        where = f"{vault.id}/providers/Microsoft.Authorization/roleAssignments/{id}"
        target = Target(vault.id, id=where, role=role.id)
        gate.demand(writing, caller, op.PUT_ASSIGNMENT, target, snapshot)
        made = Assignment(
            id,
            role.id,
            who.oid,
            who.kind,
            vault.id,
            gate.clock.now(),
            caller.oid,
            description="in place of an access policy",
        )
        writing.put(gate.records.seal(ASSIGNMENT, "", id, pack_assignment(made)))
