"""Role assignments and definitions as Azure Resource Manager shows them."""

from __future__ import annotations

from devvault.access.rbac import Assignment
from devvault.access.roles import Role
from devvault.server.wire.fields import Body
from devvault.server.wire.vault import time_text

_PROVIDER = "providers/Microsoft.Authorization"
BUILT_IN = "BuiltInRole"


def show_assignment(subscription: str, assignment: Assignment) -> Body:
    """Return a role assignment."""
    made = time_text(assignment.created)
    return {
        "id": f"{assignment.scope}/{_PROVIDER}/roleAssignments/{assignment.id}",
        "name": assignment.id,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": role_id(subscription, assignment.role_id),
            "principalId": assignment.principal,
            "principalType": assignment.principal_type,
            "scope": assignment.scope,
            "condition": None,
            "conditionVersion": None,
            "createdOn": made,
            "updatedOn": made,
            "createdBy": assignment.created_by,
            "updatedBy": assignment.created_by,
            "delegatedManagedIdentityResourceId": None,
            "description": None,
        },
    }


def show_role(subscription: str, role: Role) -> Body:
    """Return a role definition."""
    return {
        "id": role_id(subscription, role.id),
        "name": role.id,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": role.name,
            "type": BUILT_IN,
            "description": role.description,
            "assignableScopes": ["/"],
            "permissions": [
                {
                    "actions": list(role.actions),
                    "notActions": list(role.not_actions),
                    "dataActions": list(role.data_actions),
                    "notDataActions": list(role.not_data_actions),
                }
            ],
        },
    }


def role_id(subscription: str, guid: str) -> str:
    """Return the full resource id of a role definition."""
    return f"/subscriptions/{subscription}/{_PROVIDER}/roleDefinitions/{guid}"
