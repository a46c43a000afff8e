"""Who may do what, over the socket: a decision explained, and policies moved to roles."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from devvault.access.explain import Explanation, assign_command
from devvault.access.migrate import Move, labels
from devvault.access.permissions import DataOperation
from devvault.access.principals import Principal
from devvault.access.rbac import Assignment
from devvault.access.roles import Role
from devvault.errors import Invalid
from devvault.model.names import fold
from devvault.model.vault import Policy
from devvault.server.local.base import Ask, Plane, Route, flag, text
from devvault.server.reply import Reply, json_reply
from devvault.server.wire.assignment import role_id
from devvault.vault import migrating
from devvault.vault.explaining import KINDS, Asked, explain_access
from devvault.vault.gate import Gate
from devvault.vault.migrating import Migration
from devvault.vault.recommending import recommend_roles

Shown = dict[str, object]


def explain(plane: Plane, ask: Ask) -> Reply:
    """Say whether an identity may do something, and why."""
    members = ask.members()
    kind = text(members, "kind", "")
    if kind and kind not in KINDS:
        raise Invalid(f"the member 'kind' must be one of {', '.join(KINDS)}")
    asked = Asked(
        text(members, "identity"),
        text(members, "action"),
        text(members, "vault", ""),
        kind,
        text(members, "name", ""),
        text(members, "version", ""),
    )
    gate = plane.gate()
    found = explain_access(gate, plane.developer(), asked)
    shown: Shown = {
        "identity": _show_who(found.principal),
        "operation": found.operation.id,
        "action": found.operation.action,
        "permission": found.operation.permission or None,
        "vault": found.vault.name if found.vault else None,
        "resource": found.resource,
        "note": found.note or None,
        **_show_explanation(gate, found.explanation),
    }
    return json_reply(200, shown)


def migrate(plane: Plane, ask: Ask) -> Reply:
    """Say what moving a vault's policies to roles does; with `apply`, do it."""
    members = ask.members()
    name = text(members, "vault")
    custom = not flag(members, "builtInOnly")
    act = migrating.migrate if flag(members, "apply") else migrating.plan
    gate = plane.gate()
    return json_reply(200, _show_migration(gate, act(gate, plane.developer(), name, custom=custom)))


def recommend(plane: Plane, ask: Ask) -> Reply:
    """Tell the least roles for what an identity did, by the trail."""
    members = ask.members()
    gate = plane.gate()
    found = recommend_roles(
        gate,
        plane.developer(),
        text(members, "identity"),
        since=_moment(members),
        refused=flag(members, "refused"),
    )
    oid = found.principal.oid
    shown: Shown = {
        "identity": _show_who(found.principal),
        "records": found.records,
        "refused": found.refused,
        "since": int(found.since.timestamp()) if found.since else None,
        "whole": found.whole,
        "roles": [
            {
                "role": one.role.name,
                "scope": one.scope,
                "for": list(one.actions),
                "command": assign_command(oid, one.role.name, one.scope),
            }
            for one in found.advice
        ],
        "wide": [
            {
                **_show_held(gate, one.assignment, one.role),
                "allows": one.allowed,
                "used": one.used,
            }
            for one in found.wide
        ],
    }
    return json_reply(200, shown)


def _moment(members: dict[str, object]) -> datetime | None:
    given = members.get("since")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given < 2**37:
        raise Invalid("the member 'since' must be seconds since 1970")
    return datetime.fromtimestamp(given, UTC)


def _show_who(who: Principal) -> Shown:
    return {"name": who.name, "objectId": who.oid, "principalType": who.kind}


def _show_explanation(gate: Gate, found: Explanation) -> Shown:
    shown: Shown = {"allowed": found.allowed, "model": found.model, "reason": found.reason}
    if found.assignment is not None and found.role is not None:
        shown["assignment"] = _show_held(gate, found.assignment, found.role)
    if found.policy is not None:
        shown["policy"] = _show_policy(found.policy)
    if not found.allowed:
        shown["missing"] = {
            "role": found.wanted if found.model == "roles" else None,
            "permission": found.wanted if found.model == "policies" else None,
            "scope": found.scope,
            "command": found.command or None,
        }
        shown["near"] = [
            {**_show_held(gate, near.assignment, near.role), "why": near.why} for near in found.near
        ]
    return shown


def _show_held(gate: Gate, assignment: Assignment, role: Role) -> Shown:
    return {
        "id": f"{assignment.scope}/providers/Microsoft.Authorization/roleAssignments/"
        f"{assignment.id}",
        "role": role.name,
        "roleDefinitionId": role_id(gate.subscription, role.id),
        "scope": assignment.scope,
        "principalId": assignment.principal,
    }


def _show_policy(policy: Policy) -> Shown:
    return {
        "objectId": policy.oid,
        "applicationId": policy.appid or None,
        "secrets": list(policy.secrets),
        "keys": list(policy.keys),
        "certificates": list(policy.certificates),
    }


def _show_migration(gate: Gate, found: Migration) -> Shown:
    return {
        "vault": found.vault.name,
        "id": found.vault.id,
        "applied": found.done,
        "identities": [_show_move(gate, found, move) for move in found.plan.moves],
        "customRoles": [
            {
                "roleName": role.name,
                "dataActions": list(role.data_actions),
                "assignableScopes": list(role.assignable),
            }
            for role in found.plan.custom
        ],
        "ignored": [policy.oid for policy in found.strays],
    }


def _show_move(gate: Gate, found: Migration, move: Move) -> Shown:
    who = found.principals.get(fold(move.oid))
    kept = move.keeps
    return {
        "objectId": move.oid,
        "name": who.name if who else move.oid,
        "principalType": who.kind if who else "Unknown",
        "keeps": labels(kept),
        "assignments": [
            {
                "role": role.name,
                "scope": found.vault.id,
                "custom": role.custom,
                "command": assign_command(move.oid, role.name, found.vault.id),
            }
            for role in move.roles
        ],
        "beginsToCount": [
            _show_held(gate, assignment, found.roles[fold(assignment.role_id)])
            for assignment in move.held
        ],
        "adds": labels(move.adds, kept),
        "addsOperations": _ids(move.adds),
        "addsBelow": [
            {
                "scope": below.scope,
                "condition": below.condition or None,
                "adds": labels(below.operations, (*kept, *move.adds)),
                "addsOperations": _ids(below.operations),
            }
            for below in move.below
            if below.operations
        ],
        "loses": list(move.loses),
        "applications": list(move.applications),
        "freed": labels(move.freed),
    }


def _ids(operations: Iterable[DataOperation]) -> list[str]:
    return [operation.id for operation in operations]


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/local/access/explain"): Route(explain, quick=True),
    ("POST", "/local/access/migrate"): Route(migrate),
    ("POST", "/local/access/recommend"): Route(recommend),
}
