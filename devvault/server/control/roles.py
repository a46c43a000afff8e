"""Role assignments and definitions, at any scope of the subscription."""

from __future__ import annotations

import re

from devvault.access.rbac import Assignment, scope_covers
from devvault.errors import NotFound
from devvault.server.reply import Reply, Request, json_reply
from devvault.server.wire.assignment import show_assignment, show_role
from devvault.server.wire.fields import member, read_body, required_text, text
from devvault.vault import grants
from devvault.vault.gate import Gate

_ROLE_NAME = re.compile(r"roleName eq '(?P<name>[^']*)'", re.IGNORECASE)
_PRINCIPAL = re.compile(r"(?:principalId eq|assignedTo\()\s*'(?P<oid>[^']*)'\)?", re.IGNORECASE)


def put_assignment(request: Request, gate: Gate, scope: str, id: str) -> Reply:
    """PUT {scope}/providers/Microsoft.Authorization/roleAssignments/{id}."""
    asked = member(read_body(request.body), "properties")
    made = grants.assign(
        gate,
        request.caller,
        required_text(asked, "roleDefinitionId"),
        required_text(asked, "principalId"),
        text(asked, "principalType") or "User",
        scope,
        id=id,
    )
    return json_reply(201, show_assignment(gate.subscription, made))


def get_assignment(request: Request, gate: Gate, scope: str, id: str) -> Reply:
    """GET {scope}/.../roleAssignments/{id}."""
    for found in grants.list_assignments(gate, request.caller, scope):
        if found.id == id.lower():
            return json_reply(200, show_assignment(gate.subscription, found))
    raise NotFound(f"The role assignment '{id}' is not found.", code="RoleAssignmentNotFound")


def list_assignments(request: Request, gate: Gate, scope: str) -> Reply:
    """GET {scope}/.../roleAssignments, with `atScope()` or a principal as `$filter`."""
    asked = request.query.get("$filter", "")
    principal = _PRINCIPAL.search(asked)
    found = [
        assignment
        for assignment in grants.list_assignments(gate, request.caller, scope)
        if _is_asked(assignment, scope, asked, principal["oid"] if principal else "")
    ]
    return json_reply(
        200, {"value": [show_assignment(gate.subscription, assignment) for assignment in found]}
    )


def delete_assignment(request: Request, gate: Gate, scope: str, id: str) -> Reply:
    """DELETE {scope}/.../roleAssignments/{id}; 204 where there was none."""
    gone = grants.remove_assignment(gate, request.caller, scope, id)
    if gone is None:
        return Reply(204)
    return json_reply(200, show_assignment(gate.subscription, gone))


def list_roles(request: Request, gate: Gate, scope: str) -> Reply:
    """GET {scope}/.../roleDefinitions, with a role's name as `$filter`."""
    named = _ROLE_NAME.search(request.query.get("$filter", ""))
    found = [
        show_role(gate.subscription, role)
        for role in grants.list_roles(gate, request.caller, scope)
        if named is None or role.name.lower() == named["name"].lower()
    ]
    return json_reply(200, {"value": found})


def get_role(request: Request, gate: Gate, scope: str, id: str) -> Reply:
    """GET {scope}/.../roleDefinitions/{id}."""
    for role in grants.list_roles(gate, request.caller, scope):
        if role.id == id.lower():
            return json_reply(200, show_role(gate.subscription, role))
    raise NotFound(
        f"The specified role definition with ID '{id}' does not exist.",
        code="RoleDefinitionDoesNotExist",
    )


def _is_asked(assignment: Assignment, scope: str, asked: str, principal: str) -> bool:
    if principal and assignment.principal.lower() != principal.lower():
        return False
    # `atScope()` leaves out what lies below the scope.
    return "atscope()" not in asked.lower() or scope_covers(assignment.scope, scope)
