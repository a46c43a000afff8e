"""Role assignments and definitions, at any scope of the subscription."""

from __future__ import annotations

import re

from devvault.access.condition import check_condition
from devvault.access.rbac import scope_covers
from devvault.errors import Invalid, NotFound
from devvault.model.names import subscription_scope
from devvault.server.reply import Reply, Request, json_reply
from devvault.server.wire.assignment import (
    BUILT_IN,
    CUSTOM,
    read_role,
    show_assignment,
    show_role,
)
from devvault.server.wire.fields import member, read_body, required_text, text
from devvault.vault import grants
from devvault.vault import roles as definitions
from devvault.vault.gate import Gate

_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_TERM = re.compile(
    r"(?P<word>\w+)(?:\(\)|\('(?P<inside>[^']*)'\)|\s+eq\s+'(?P<equal>[^']*)')", re.IGNORECASE
)


def put_assignment(request: Request, gate: Gate, scope: str, id: str) -> Reply:
    """PUT {scope}/providers/Microsoft.Authorization/roleAssignments/{id}."""
    asked = member(read_body(request.body), "properties")
    condition = text(asked, "condition") or ""
    if condition:
        # Kept without being obeyed it would give more than was asked for.
        check_condition(condition, text(asked, "conditionVersion") or "")
    made = grants.assign(
        gate,
        request.caller,
        required_text(asked, "roleDefinitionId"),
        required_text(asked, "principalId"),
        text(asked, "principalType") or grants.kind_of(gate, required_text(asked, "principalId")),
        scope,
        id=id,
        description=text(asked, "description") or "",
        condition=condition,
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
    asked = _filter(request, "atscope", "principalid", "assignedto")
    principals = {asked[word].lower() for word in ("principalid", "assignedto") if word in asked}
    found = [
        assignment
        for assignment in grants.list_assignments(gate, request.caller, scope)
        if principals <= {assignment.principal.lower()}
        # `atScope()` leaves out what lies below the scope.
        and ("atscope" not in asked or scope_covers(assignment.scope, scope))
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
    asked = _filter(request, "rolename", "type", "atscopeandbelow")
    found = [
        show_role(gate.subscription, role)
        for role in definitions.list_roles(gate, request.caller, _or_subscription(gate, scope))
        if asked.get("rolename", role.name).lower() == role.name.lower()
        and asked.get("type", kind := CUSTOM if role.custom else BUILT_IN).lower() == kind.lower()
    ]
    return json_reply(200, {"value": found})


def get_role(request: Request, gate: Gate, scope: str, id: str) -> Reply:
    """GET {scope}/.../roleDefinitions/{id}."""
    for role in definitions.list_roles(gate, request.caller, _or_subscription(gate, scope)):
        if role.id == id.lower():
            return json_reply(200, show_role(gate.subscription, role))
    raise NotFound(
        f"The specified role definition with ID '{id}' does not exist.",
        code="RoleDefinitionDoesNotExist",
    )


def put_role(request: Request, gate: Gate, _scope: str, id: str) -> Reply:
    """PUT {scope}/.../roleDefinitions/{id}: a custom role, asked for at each assignable scope."""
    spec = read_role(read_body(request.body))
    made = definitions.put_role(gate, request.caller, id, spec)
    return json_reply(201, show_role(gate.subscription, made))


def delete_role(request: Request, gate: Gate, scope: str, id: str) -> Reply:
    """DELETE {scope}/.../roleDefinitions/{id}; 204 where there was none."""
    gone = definitions.delete_role(gate, request.caller, scope, id)
    if gone is None:
        return Reply(204)
    return json_reply(200, show_role(gate.subscription, gone))


def _or_subscription(gate: Gate, scope: str) -> str:
    return scope or subscription_scope(gate.subscription)


def _filter(request: Request, *known: str) -> dict[str, str]:
    """Return the terms of `$filter`, joined by `and`: word in lower case -> what it is given.

    Raises:
        Invalid: a term that we do not know; leaving it out would show more than was asked for.
    """
    asked = request.query.get("$filter", "").strip()
    terms: dict[str, str] = {}
    for part in _AND.split(asked) if asked else ():
        term = _TERM.fullmatch(part)
        if term is None or term["word"].lower() not in known:
            raise Invalid(
                "The filter is not one that devvault knows.", code="InvalidFilterInQueryString"
            )
        terms[term["word"].lower()] = term["inside"] or term["equal"] or ""
    return terms
