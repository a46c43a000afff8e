"""Role assignments: who is given which role, at which scope."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace

from devvault.access.principals import USER, Caller
from devvault.access.rbac import Assignment, is_scope, scope_covers
from devvault.access.roles import Role
from devvault.errors import Conflict, Invalid, NotFound
from devvault.model import operations as op
from devvault.model.names import fold, subscription_scope
from devvault.store.base import Reading, Writing
from devvault.vault.codecs import pack_assignment
from devvault.vault.gate import Gate, Target
from devvault.vault.principals import find_by_oid, write_mentioned
from devvault.vault.records import ASSIGNMENT

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TYPES = ("User", "Group", "ServicePrincipal", "ForeignGroup", "Device")


def assign(
    gate: Gate,
    caller: Caller,
    role: str,
    principal: str,
    principal_type: str,
    scope: str,
    *,
    id: str = "",
    description: str = "",
    condition: str = "",
) -> Assignment:
    """Give a principal a role at a scope, perhaps under a condition that was checked.

    With the id of an assignment of the very same role, principal and scope, its condition and
    description are replaced.

    Raises:
        Invalid: a malformed id, an unknown type, a scope that is none here.
        NotFound: `RoleDefinitionDoesNotExist`.
        Conflict: `RoleAssignmentExists`: the same role, principal and scope, or the id is taken.
    """
    id = fold(id or str(uuid.uuid4()))
    _check(gate, id, principal, principal_type, scope)
    definition = _find_role(gate, role, scope)
    target = Target(scope, id=_id(scope, id), role=definition.id if definition else "")

    def act(writing: Writing) -> Assignment:
        # Here and not before: who may not give roles does not learn which there are.
        if definition is None:
            raise no_role(role)
        snapshot = gate.directory.read(writing)
        if definition.custom and snapshot.grants.roles.get(definition.id) != definition:
            raise no_role(role)  # it went, or changed, in the meantime
        for other in snapshot.assignments:
            same = (
                other.role_id == definition.id
                and fold(other.principal) == fold(principal)
                and fold(other.scope).rstrip("/") == fold(scope).rstrip("/")
            )
            if same and other.id == id:
                return _write(
                    gate,
                    writing,
                    replace(other, condition=condition, description=description),
                )
            if same or other.id == id:
                raise Conflict(
                    "The role assignment already exists. The ID of the existing role assignment"
                    f" is {other.id.replace('-', '')}.",
                    code="RoleAssignmentExists",
                    fields={"id": other.id},
                )
        _know(gate, writing, principal, principal_type)
        made = Assignment(
            id,
            definition.id,
            principal,
            principal_type,
            scope.rstrip("/"),
            gate.clock.now(),
            caller.oid,
            condition,
            description,
        )
        return _write(gate, writing, made)

    made = gate.change_access(caller, op.PUT_ASSIGNMENT, target, act)
    if condition:
        gate.secure_point()  # it may have taken something away
    return made


def list_assignments(gate: Gate, caller: Caller, scope: str) -> tuple[Assignment, ...]:
    """Return the assignments that are in force at a scope or lie below it."""

    def act(reading: Reading) -> tuple[Assignment, ...]:
        return tuple(
            assignment
            for assignment in gate.directory.read(reading).assignments
            if scope_covers(assignment.scope, scope) or scope_covers(scope, assignment.scope)
        )

    return gate.read(caller, op.LIST_ASSIGNMENTS, Target(scope), act)


def has_any(gate: Gate, caller: Caller) -> bool:
    """Say whether somebody was given anything in the subscription: who was, sees that it is there.

    No right is asked for; that the question was answered is recorded.
    """
    found = any(
        assignment.principal.lower() in caller.ids for assignment in gate.snapshot().assignments
    )
    gate.note(caller, op.GET_SUBSCRIPTION, Target(subscription_scope(gate.subscription)))
    return found


def remove_assignment(gate: Gate, caller: Caller, scope: str, id: str) -> Assignment | None:
    """Take an assignment away; return it, or None where there was none at this very scope.

    Who may take roles away at one scope has no say about another, so the id alone is not enough.
    """
    with gate.store.read() as reading:
        found = _find(gate, reading, scope, id)
    target = Target(scope, id=_id(scope, id), role=found.role_id if found else "")

    def act(writing: Writing) -> Assignment | None:
        again = _find(gate, writing, scope, id)
        if again is None or again != found:
            return None
        writing.drop(ASSIGNMENT, "", again.id)
        return again

    gone = gate.change_access(caller, op.DELETE_ASSIGNMENT, target, act)
    gate.secure_point()
    return gone


def kind_of(gate: Gate, principal: str) -> str:
    """Return the type of a principal that is given without one."""
    known = find_by_oid(gate, principal)
    return known.kind if known is not None else USER


def no_role(role: str) -> NotFound:
    """Return the refusal of a role that is not there, or not at this scope."""
    return NotFound(
        f"The specified role definition with ID '{role}' does not exist.",
        code="RoleDefinitionDoesNotExist",
        hint="devvault role definition list",
    )


def _find_role(gate: Gate, role: str, scope: str) -> Role | None:
    found = gate.snapshot().grants.find_role(role)
    if found is None or not any(scope_covers(place, scope) for place in found.assignable):
        return None
    return found


def _write(gate: Gate, writing: Writing, assignment: Assignment) -> Assignment:
    body = pack_assignment(assignment)
    writing.put(gate.records.seal(ASSIGNMENT, "", assignment.id, body))
    return assignment


def _find(gate: Gate, reading: Reading, scope: str, id: str) -> Assignment | None:
    for assignment in gate.directory.read(reading).assignments:
        if assignment.id == fold(id) and fold(assignment.scope) == fold(scope).rstrip("/"):
            return assignment
    return None


def _id(scope: str, id: str) -> str:
    return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{id}"


def _know(gate: Gate, writing: Writing, oid: str, kind: str) -> None:
    """See that who is given a role is known, and of that type; who is named first is registered.

    Raises:
        Invalid: `UnmatchedPrincipalType`.
    """
    registered = {"ForeignGroup": "Group", "Device": "User"}.get(kind, kind)
    who = write_mentioned(gate, writing, oid, registered)
    if who.kind != registered:
        raise Invalid(
            f"The PrincipalId '{oid}' has type '{who.kind}', which is different from specified"
            f" PrinciaplType '{kind}'.",  # so spelled by Azure
            code="UnmatchedPrincipalType",
        )


def _check(gate: Gate, id: str, principal: str, principal_type: str, scope: str) -> None:
    for name, text in (("role assignment ID", id), ("principal ID", principal)):
        if _GUID.fullmatch(fold(text)) is None:
            raise Invalid(
                f"The {name} '{text}' is not valid. It must be a GUID.",
                code="InvalidRoleAssignmentId" if text is id else "InvalidPrincipalId",
            )
    if principal_type not in _TYPES:
        raise Invalid(
            f"The principal type '{principal_type}' is not valid.", code="UnsupportedPrincipalType"
        )
    root = f"/subscriptions/{gate.subscription}"
    if not scope_covers(root, scope):
        raise Invalid(
            f"The scope '{scope}' does not lie in this home's subscription {gate.subscription}.",
            code="InvalidScope",
        )
    if not is_scope(scope):
        raise Invalid(
            f"The scope '{scope}' is malformed: a scope below a vault ends in /secrets/NAME, or in"
            " /secrets/NAME/versions/VERSION (as well keys, certificates).",
            code="InvalidScope",
        )
