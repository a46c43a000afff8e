"""A decision in words: by which assignment or policy, or for want of which, and what to type."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from devvault.access.decide import Decision, Question, decide
from devvault.access.least import least_role
from devvault.access.policies import giving, verbs_of
from devvault.access.principals import Caller
from devvault.access.rbac import Assignment, Grants, scope_covers
from devvault.access.roles import Role
from devvault.model.operations import Operation
from devvault.model.vault import Policy, Vault

ROLES, POLICIES, OWNER = "roles", "policies", "owner"
_NEAR_LIMIT = 5
_ROLE_ASSIGNMENTS = "Microsoft.Authorization/roleAssignments/"


@dataclass(frozen=True, slots=True)
class Near:
    """An assignment that the caller has and that is not enough, and why not."""

    assignment: Assignment
    role: Role
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a question is answered as it is.

    `model` says what decided. Where it is allowed, `assignment` and `role`, or `policy`, is what
    allows it. Where it is not, `wanted` is the smallest role or the permission that is missing,
    `scope` where, `command` what gives it, and `near` what comes close.
    """

    allowed: bool
    model: str
    reason: str
    assignment: Assignment | None = None
    role: Role | None = None
    policy: Policy | None = None
    wanted: str = ""
    scope: str = ""
    command: str = ""
    near: tuple[Near, ...] = ()


def explain(
    caller: Caller,
    operation: Operation,
    resource: str,
    vault: Vault | None,
    grants: Grants,
    *,
    version: str = "",
) -> Explanation:
    """Decide as `decide` does, and say why."""
    question = Question(caller, operation, resource, vault, version=version)
    decision = decide(question, grants)
    if operation.data and vault is not None and not vault.rbac:
        return _by_policy(question, decision, vault)
    found = decision.assignment
    if found is not None:
        role = grants.roles[found.role_id.lower()]
        return Explanation(True, ROLES, decision.reason, assignment=found, role=role)
    if decision.allowed:
        return Explanation(True, OWNER, decision.reason)
    return _for_want_of_a_role(question, decision, grants)


def assign_command(principal: str, role: str, scope: str) -> str:
    """Return the command that gives a role."""
    return (
        f"devvault role assignment create --assignee-object-id {shlex.quote(principal)}"
        f" --role {_quoted(role)} --scope {_quoted(scope)}"
    )


def own_policy(vault: Vault, oid: str) -> Policy | None:
    """Return the access policy of somebody, whatever the application; that is what is added to."""
    return next(
        (one for one in vault.policies if one.oid.lower() == oid.lower() and not one.appid), None
    )


def policy_command(vault: str, principal: str, policy: Policy | None, kind: str, verb: str) -> str:
    """Return the command that adds a permission; `set-policy` replaces those of the kind."""
    had = verbs_of(policy)[kind] if policy is not None else ()
    verbs = dict.fromkeys((*(one.lower() for one in had), verb.lower()))
    flag = f"--{kind.removesuffix('s')}-permissions"
    application = ""
    if policy is not None and policy.appid:
        application = f" --application-id {shlex.quote(policy.appid)}"
    return (
        f"devvault keyvault set-policy --name {vault} --object-id {shlex.quote(principal)}"
        f"{application} {flag} {' '.join(verbs)}"
    )


def _by_policy(question: Question, decision: Decision, vault: Vault) -> Explanation:
    caller, operation = question.caller, question.operation
    found = giving(vault, caller, operation.kind, operation.permission)
    if decision.allowed:
        return Explanation(True, POLICIES, decision.reason, policy=found)
    own = own_policy(vault, caller.oid)
    return Explanation(
        False,
        POLICIES,
        decision.reason,
        policy=own,
        wanted=f"{operation.kind} {operation.permission}",
        scope=vault.id,
        command=policy_command(vault.name, caller.oid, own, operation.kind, operation.permission),
    )


def _for_want_of_a_role(question: Question, decision: Decision, grants: Grants) -> Explanation:
    operation = question.operation
    scope = question.place
    possible = tuple(
        role
        for role in grants.roles.values()
        if any(scope_covers(place, scope) for place in role.assignable)
        # A role that may give some roles only is not enough for a role that is not named.
        and (role.assigns is None or not operation.action.startswith(_ROLE_ASSIGNMENTS))
    )
    role = least_role(operation.action, possible, data=operation.data)
    near = tuple(
        Near(assignment, has, why)
        for assignment, has in grants.of(question.caller.ids)
        if (why := _why_not(question, assignment, has))
    )
    return Explanation(
        False,
        ROLES,
        decision.reason,
        wanted=role.name if role is not None else "",
        scope=scope,
        command=assign_command(question.caller.oid, role.name, scope) if role is not None else "",
        near=near[:_NEAR_LIMIT],
    )


def _why_not(question: Question, assignment: Assignment, role: Role) -> str:
    """Return why an assignment is not enough; empty where it is about something else."""
    covers = scope_covers(assignment.scope, question.place)
    fits = role.allows(question.operation.action, data=question.operation.data)
    if covers and not fits:
        plane = "data action" if question.operation.data else "action"
        return f"the role does not have the {plane} {question.operation.action}"
    if covers and assignment.condition:
        return f"its condition does not hold: {assignment.condition}"
    if covers:
        return "the role may give and take some roles only"
    if not fits or not _is_beside(assignment.scope, question.resource):
        return ""
    if scope_covers(question.resource, assignment.scope):
        return "it is for another version, or for single objects"
    return "it is at another scope"


def _is_beside(scope: str, resource: str) -> bool:
    """Say whether a scope lies in the same vault as a resource, or in the same subscription."""
    head = "/".join(resource.lower().split("/")[:9])
    return scope_covers(head, scope)


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text and text.replace(" ", "").isalnum() else shlex.quote(text)
