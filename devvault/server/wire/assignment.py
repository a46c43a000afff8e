"""Role assignments and definitions as Azure Resource Manager shows them."""

from __future__ import annotations

from devvault.access.rbac import Assignment
from devvault.access.roles import Role
from devvault.errors import Invalid
from devvault.server.wire.fields import Body, items, member, one_of, required_text, text, texts
from devvault.server.wire.vault import time_text
from devvault.vault.roles import RoleSpec

_PROVIDER = "providers/Microsoft.Authorization"
BUILT_IN = "BuiltInRole"
CUSTOM = "CustomRole"


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
            "condition": assignment.condition or None,
            "conditionVersion": "2.0" if assignment.condition else None,
            "createdOn": made,
            "updatedOn": made,
            "createdBy": assignment.created_by,
            "updatedBy": assignment.created_by,
            "delegatedManagedIdentityResourceId": None,
            "description": assignment.description or None,
        },
    }


def show_role(subscription: str, role: Role) -> Body:
    """Return a role definition."""
    properties: Body = {
        "roleName": role.name,
        "type": CUSTOM if role.custom else BUILT_IN,
        "description": role.description,
        "assignableScopes": list(role.assignable),
        "permissions": [
            {
                "actions": list(role.actions),
                "notActions": list(role.not_actions),
                "dataActions": list(role.data_actions),
                "notDataActions": list(role.not_data_actions),
            }
        ],
    }
    if role.created is not None and role.updated is not None:
        properties["createdOn"] = time_text(role.created)
        properties["updatedOn"] = time_text(role.updated)
        properties["createdBy"] = role.created_by
        properties["updatedBy"] = role.updated_by
    return {
        "id": role_id(subscription, role.id),
        "name": role.id,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": properties,
    }


def read_role(body: Body) -> RoleSpec:
    """Return what a PUT of a role definition asks for.

    Raises:
        Invalid: a member of the wrong type, another type than a custom role, several permissions,
            or one with a condition, which we would not obey.
    """
    asked = member(body, "properties")
    one_of(asked, "type", CUSTOM)
    permissions = items(asked, "permissions") or []
    if len(permissions) != 1 or not isinstance(permissions[0], dict):
        raise Invalid("Property 'permissions' must hold exactly one object.")
    given: Body = permissions[0]
    if text(given, "condition"):
        raise Invalid(
            "Role definitions with a condition are not supported.",
            code="RoleDefinitionConditionNotSupported",
        )
    return RoleSpec(
        name=required_text(asked, "roleName"),
        description=text(asked, "description") or "",
        actions=texts(given, "actions"),
        not_actions=texts(given, "notActions"),
        data_actions=texts(given, "dataActions"),
        not_data_actions=texts(given, "notDataActions"),
        assignable=tuple(place.rstrip("/") for place in texts(asked, "assignableScopes")),
    )


def role_id(subscription: str, guid: str) -> str:
    """Return the full resource id of a role definition."""
    return f"/subscriptions/{subscription}/{_PROVIDER}/roleDefinitions/{guid}"
