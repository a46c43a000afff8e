"""The one decision: allow or refuse, and why. Pure; every way in asks it through the gate."""

from __future__ import annotations

from dataclasses import dataclass

from devvault.access.condition import facts_of, holds
from devvault.access.policies import allows
from devvault.access.principals import Caller
from devvault.access.rbac import Assignment, Grants
from devvault.errors import Forbidden
from devvault.model.operations import DELETE_ASSIGNMENT, PUT_ASSIGNMENT, Operation
from devvault.model.vault import Vault

_OURS = "devvault/"
_GRANTS = (PUT_ASSIGNMENT.action, DELETE_ASSIGNMENT.action)
_PROPAGATION = (
    "If role assignments, deny assignments or role definitions were changed recently,"
    " please observe propagation time."
)


@dataclass(frozen=True, slots=True)
class Question:
    """May this caller do this to this resource? `vault` is the one that holds it, if any.

    `role` is the GUID of the role that is given or taken away, where that is what is asked; a role
    with a condition on it allows nothing of the kind without. `version` is the one version of an
    object that is read or changed; a role on that version alone is enough for it.
    """

    caller: Caller
    operation: Operation
    resource: str
    vault: Vault | None = None
    role: str = ""
    version: str = ""

    @property
    def place(self) -> str:
        """The resource id with the version."""
        return f"{self.resource}/versions/{self.version}" if self.version else self.resource


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, the rule it rests on, and the assignment that allowed it."""

    allowed: bool
    reason: str
    assignment: Assignment | None = None


def decide(question: Question, grants: Grants) -> Decision:
    """Decide; whatever no rule allows is refused."""
    caller, operation = question.caller, question.operation
    if caller.kind == "System":
        return Decision(True, "the home's own upkeep")
    if operation.action.lower().startswith(_OURS):
        if caller.owner:
            return Decision(True, "the owner of the home")
        return Decision(False, "only the owner of the home may do this")
    if operation.data and question.vault is not None and not question.vault.rbac:
        if allows(question.vault, caller, operation.kind, operation.permission):
            return Decision(True, "an access policy of the vault")
        return Decision(False, "no access policy of the vault gives it")
    return _by_role(question, grants)


def _by_role(question: Question, grants: Grants) -> Decision:
    operation = question.operation
    gives = operation.action in _GRANTS
    for assignment, role in grants.above(question.caller.ids, question.place):
        if not role.allows(operation.action, data=operation.data):
            continue
        if gives and not role.may_assign(question.role):
            continue
        if assignment.condition and not holds(
            assignment.condition, facts_of(operation.action, question.resource)
        ):
            continue
        return Decision(True, f"role {role.name} at {assignment.scope}", assignment)
    return Decision(False, "no role assignment gives it")


def refusal(question: Question, decision: Decision) -> Forbidden:
    """Return the refusal in Azure's words."""
    caller, operation, vault = question.caller, question.operation, question.vault
    if operation.action.lower().startswith(_OURS):
        return Forbidden(decision.reason)
    where = f"{vault.name};location={vault.location}" if vault is not None else ""
    if operation.data and vault is not None and not vault.rbac:
        return Forbidden(
            f"The user, group or application '{caller.words}' does not have {operation.kind}"
            f" {operation.permission} permission on key vault '{where}'. For help resolving this"
            " issue, please see https://go.microsoft.com/fwlink/?linkid=2125287",
            inner="AccessDenied",
        )
    if operation.data:
        lines = (
            "Caller is not authorized to perform action on resource.",
            _PROPAGATION,
            f"Caller: {caller.words}",
            f"Action: '{operation.action}'",
            f"Resource: '{question.resource.lower()}'",
            "Assignment: (not found)",
            "DenyAssignmentId: null",
            "DecisionReason: 'DeniedWithNoValidRBAC' ",
            f"Vault: {where}",
            "",
        )
        return Forbidden("\r\n".join(lines), inner="ForbiddenByRbac")
    return Forbidden(
        f"The client '{caller.name}' with object id '{caller.oid}' does not have authorization to"
        f" perform action '{operation.action}' over scope '{question.resource}' or the scope is"
        " invalid. If access was recently granted, please refresh your credentials.",
        code="AuthorizationFailed",
    )
