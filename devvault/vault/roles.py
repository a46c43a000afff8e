"""Role definitions: the built-in ones, which nobody changes, and custom ones."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace

from devvault.access.permissions import data_actions
from devvault.access.principals import Caller
from devvault.access.rbac import scope_covers
from devvault.access.roles import Role, built_in, matches
from devvault.errors import Conflict, Forbidden, Invalid
from devvault.model import operations as op
from devvault.model.names import fold
from devvault.store.base import Reading, Writing
from devvault.vault.codecs import pack_role
from devvault.vault.directory import Snapshot
from devvault.vault.gate import Gate, Target
from devvault.vault.records import ROLE

ROLES_LIMIT = 5000
_NAME_LIMIT = 512
_TEXT_LIMIT = 2048
_PATTERNS_LIMIT = 2048
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PATTERN = re.compile(r"[A-Za-z0-9.*][A-Za-z0-9.*/_-]{0,511}")
_PLACE = re.compile(r"/subscriptions/[^/]+(?:/resourcegroups/[^/]+)?", re.IGNORECASE)
_OURS = "microsoft.keyvault/vaults/"
# The one name that is an action of the control plane as well.
_BOTH = "microsoft.keyvault/vaults/keys/read"


@dataclass(frozen=True, slots=True)
class RoleSpec:
    """What a client asks a custom role to be."""

    name: str
    description: str = ""
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()
    assignable: tuple[str, ...] = ()


def list_roles(gate: Gate, caller: Caller, scope: str) -> tuple[Role, ...]:
    """Return every role that can be assigned at a scope, above it or below it."""

    def act(reading: Reading) -> tuple[Role, ...]:
        return tuple(
            role
            for role in gate.directory.read(reading).grants.roles.values()
            if any(scope_covers(p, scope) or scope_covers(scope, p) for p in role.assignable)
        )

    return gate.read(caller, op.LIST_ROLES, Target(scope), act)


def put_role(gate: Gate, caller: Caller, id: str, spec: RoleSpec) -> Role:
    """Make a custom role, or change one; she must be allowed to at each of its scopes.

    Raises:
        Invalid: a malformed name, pattern or scope, or a scope outside this subscription.
        Forbidden: `id` is a built-in role's.
        Conflict: another role has the name, or the role is assigned at a scope that it would lose.
    """
    id = fold(id)
    _check(gate, id, spec)

    def act(writing: Writing) -> Role:
        snapshot = gate.directory.read(writing)
        old = snapshot.grants.roles.get(id)
        places = dict.fromkeys((*spec.assignable, *(old.assignable if old else ())))
        for place in list(places)[1:]:
            gate.demand(writing, caller, op.PUT_ROLE, _target(place, id), snapshot)
        _check_name(snapshot, id, spec.name)
        _check_places(snapshot, id, spec.assignable)
        now = gate.clock.now()
        made = Role(
            id,
            spec.name,
            spec.description,
            spec.actions,
            spec.not_actions,
            spec.data_actions,
            spec.not_data_actions,
            assignable=spec.assignable,
            custom=True,
            created=now,
            updated=now,
            created_by=caller.oid,
            updated_by=caller.oid,
        )
        if old is not None:
            made = replace(made, created=old.created, created_by=old.created_by)
        write_role(gate, writing, made)
        return made

    role = gate.change_access(caller, op.PUT_ROLE, _target(spec.assignable[0], id), act)
    # What it no longer allows must not come back with an older copy of the database.
    gate.secure_point()
    return role


def delete_role(gate: Gate, caller: Caller, scope: str, id: str) -> Role | None:
    """Remove a custom role that nobody has; return it, or None where there was none.

    Raises:
        Forbidden: it is built in.
        Conflict: `RoleDefinitionHasAssignments`.
    """
    id = fold(id)
    _check_custom(id)

    def act(writing: Writing) -> Role | None:
        snapshot = gate.directory.read(writing)
        role = snapshot.grants.roles.get(id)
        if role is None:
            return None
        for place in role.assignable:
            gate.demand(writing, caller, op.DELETE_ROLE, _target(place, id), snapshot)
        if any(fold(assignment.role_id) == id for assignment in snapshot.assignments):
            raise Conflict(
                "There are existing role assignments referencing role (code:"
                " RoleDefinitionHasAssignments).",
                code="RoleDefinitionHasAssignments",
                hint=f"devvault role assignment list --all --role {id}",
            )
        writing.drop(ROLE, "", id)
        return role

    return gate.change_access(caller, op.DELETE_ROLE, _target(scope, id), act)


def write_role(gate: Gate, writing: Writing, role: Role) -> None:
    """Store a custom role."""
    writing.put(gate.records.seal(ROLE, "", role.id, pack_role(role)))


def new_id() -> str:
    """Return the id of a role that is being made."""
    return str(uuid.uuid4())


def _target(scope: str, id: str) -> Target:
    scope = scope.rstrip("/")
    return Target(scope, id=f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{id}")


def _check_custom(id: str) -> None:
    if id in built_in():
        raise Forbidden(
            f"The role definition '{id}' is built in and cannot be changed.",
            code="BuiltInRoleCannotBeChanged",
            hint="devvault role definition list --custom-role-only",
        )


def _check_name(snapshot: Snapshot, id: str, name: str) -> None:
    for role in snapshot.grants.roles.values():
        if role.id != id and fold(role.name) == fold(name):
            raise Conflict(
                f"Another role definition with the name '{name}' exists in the same tenant"
                f" '{role.id}'.",
                code="RoleDefinitionWithSameNameExists",
            )
    if id not in snapshot.grants.roles:
        custom = sum(role.custom for role in snapshot.grants.roles.values())
        if custom >= ROLES_LIMIT:
            raise Conflict(
                f"The role definition limit of {ROLES_LIMIT} custom roles has been exceeded.",
                code="RoleDefinitionLimitExceeded",
            )


def _check_places(snapshot: Snapshot, id: str, assignable: tuple[str, ...]) -> None:
    for assignment in snapshot.assignments:
        if fold(assignment.role_id) == id and not any(
            scope_covers(place, assignment.scope) for place in assignable
        ):
            raise Conflict(
                f"The role is assigned at {assignment.scope}, which its assignable scopes would"
                " no longer cover.",
                code="RoleDefinitionHasAssignments",
                hint=f"devvault role assignment list --all --role {id}",
            )


def _check(gate: Gate, id: str, spec: RoleSpec) -> None:
    _check_custom(id)
    if _GUID.fullmatch(id) is None:
        raise _invalid(f"The role definition ID '{id}' is not valid. It must be a GUID.")
    if not spec.name.strip() or len(spec.name) > _NAME_LIMIT or not spec.name.isprintable():
        raise _invalid(f"The role name must have 1 to {_NAME_LIMIT} printable characters.")
    if "/" in spec.name or len(spec.description) > _TEXT_LIMIT:
        raise _invalid(
            f"The role name has no '/', and its description at most {_TEXT_LIMIT} characters."
        )
    if not (spec.actions or spec.data_actions):
        raise _invalid("The role allows nothing: give it 'actions' or 'dataActions'.")
    if not spec.assignable:
        raise _invalid("The role needs at least one of 'assignableScopes'.")
    root = f"/subscriptions/{gate.subscription}"
    for place in spec.assignable:
        if _PLACE.fullmatch(place) is None or not scope_covers(root, place):
            raise Invalid(
                f"The assignable scope '{place}' is neither this home's subscription"
                f" {gate.subscription} nor one of its resource groups.",
                code="InvalidAssignableScope",
            )
    _check_patterns(spec)


def _check_patterns(spec: RoleSpec) -> None:
    everything = (*spec.actions, *spec.not_actions, *spec.data_actions, *spec.not_data_actions)
    if len(everything) > _PATTERNS_LIMIT:
        raise _invalid(f"The role has more than {_PATTERNS_LIMIT} actions.")
    for pattern in everything:
        if _PATTERN.fullmatch(pattern) is None:
            raise _invalid(f"'{pattern}' is no action.", code="InvalidActionOrNotAction")
    known = data_actions()
    for pattern in (*spec.data_actions, *spec.not_data_actions):
        if fold(pattern).startswith(_OURS) and not any(
            matches((pattern,), action) for action in known
        ):
            raise _invalid(
                f"'{pattern}' does not match any of the data actions of a key vault.",
                code="InvalidDataActionOrNotDataAction",
            )
    folded = {fold(action) for action in known} - {_BOTH}
    for pattern in (*spec.actions, *spec.not_actions):
        if fold(pattern) in folded:
            raise _invalid(
                f"'{pattern}' is a data action: it belongs in 'dataActions'.",
                code="InvalidActionOrNotAction",
            )


def _invalid(message: str, code: str = "InvalidRoleDefinition") -> Invalid:
    return Invalid(message, code=code)
