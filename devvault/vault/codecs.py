"""The sealed form of each model object: plain JSON members, times as whole seconds since 1970."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from devvault.access.principals import Principal
from devvault.access.rbac import Assignment
from devvault.access.roles import Role
from devvault.model.app import App, Identity
from devvault.model.attributes import Attributes
from devvault.model.secret import Secret, SecretVersion
from devvault.model.vault import Group, Network, Policy, Vault


def seconds(moment: datetime | None) -> int | None:
    """Return whole seconds since 1970, or None."""
    return None if moment is None else int(moment.timestamp())


def moment(value: int | None) -> datetime | None:
    """Return the time of whole seconds since 1970, or None."""
    return None if value is None else datetime.fromtimestamp(value, UTC)


def _time(value: int) -> datetime:
    return datetime.fromtimestamp(value, UTC)


def pack_group(group: Group) -> dict[str, Any]:
    """Return the body of a group's record."""
    return {
        "name": group.name,
        "location": group.location,
        "created": seconds(group.created),
        "tags": dict(group.tags),
    }


def unpack_group(body: dict[str, Any]) -> Group:
    """Read a group's record."""
    return Group(body["name"], body["location"], _time(body["created"]), body["tags"])


def pack_vault(vault: Vault) -> dict[str, Any]:
    """Return the body of a vault's record."""
    return {
        "name": vault.name,
        "group": vault.group,
        "location": vault.location,
        "subscription": vault.subscription,
        "tenant": vault.tenant,
        "created": seconds(vault.created),
        "updated": seconds(vault.updated),
        "sku": vault.sku,
        "rbac": vault.rbac,
        "retention": vault.retention,
        "purge_protection": vault.purge_protection,
        "for_deployment": vault.for_deployment,
        "for_disk_encryption": vault.for_disk_encryption,
        "for_template_deployment": vault.for_template_deployment,
        "public_network": vault.public_network,
        "network": asdict(vault.network),
        "policies": [asdict(policy) for policy in vault.policies],
        "tags": dict(vault.tags),
        "deleted": seconds(vault.deleted),
    }


def unpack_vault(body: dict[str, Any]) -> Vault:
    """Read a vault's record."""
    network = body["network"]
    return Vault(
        name=body["name"],
        group=body["group"],
        location=body["location"],
        subscription=body["subscription"],
        tenant=body["tenant"],
        created=_time(body["created"]),
        updated=_time(body["updated"]),
        sku=body["sku"],
        rbac=body["rbac"],
        retention=body["retention"],
        purge_protection=body["purge_protection"],
        for_deployment=body["for_deployment"],
        for_disk_encryption=body["for_disk_encryption"],
        for_template_deployment=body["for_template_deployment"],
        public_network=body["public_network"],
        network=Network(
            network["bypass"],
            network["default_action"],
            tuple(network["ip_rules"]),
            tuple(network["subnet_rules"]),
        ),
        policies=tuple(
            Policy(
                policy["tenant"],
                policy["oid"],
                policy["appid"],
                tuple(policy["keys"]),
                tuple(policy["secrets"]),
                tuple(policy["certificates"]),
                tuple(policy["storage"]),
            )
            for policy in body["policies"]
        ),
        tags=body["tags"],
        deleted=moment(body["deleted"]),
    )


def pack_secret(secret: Secret) -> dict[str, Any]:
    """Return the body of a secret's record: the pointer to its current version."""
    return {
        "name": secret.name,
        "current": secret.current,
        "created": seconds(secret.created),
        "deleted": seconds(secret.deleted),
        "purge_at": seconds(secret.purge_at),
    }


def unpack_secret(vault: str, body: dict[str, Any]) -> Secret:
    """Read a secret's record."""
    return Secret(
        vault,
        body["name"],
        body["current"],
        _time(body["created"]),
        moment(body["deleted"]),
        moment(body["purge_at"]),
    )


def pack_version(version: SecretVersion) -> dict[str, Any]:
    """Return the body of a version's record, its value included."""
    at = version.attributes
    return {
        "value": version.value,
        "type": version.content_type,
        "tags": dict(version.tags),
        "enabled": at.enabled,
        "nbf": seconds(at.nbf),
        "exp": seconds(at.exp),
        "created": seconds(at.created),
        "updated": seconds(at.updated),
    }


def unpack_version(
    vault: Vault, name: str, version: str, body: dict[str, Any], *, value: bool
) -> SecretVersion:
    """Read a version's record; the value only where it is asked for."""
    return SecretVersion(
        vault.name,
        name,
        version,
        Attributes(
            created=_time(body["created"]),
            updated=_time(body["updated"]),
            enabled=body["enabled"],
            nbf=moment(body["nbf"]),
            exp=moment(body["exp"]),
        ),
        vault.recovery_level,
        vault.retention,
        body["type"],
        body["tags"],
        body["value"] if value else None,
    )


def pack_assignment(assignment: Assignment) -> dict[str, Any]:
    """Return the body of a role assignment's record."""
    return {
        "role_id": assignment.role_id,
        "principal": assignment.principal,
        "principal_type": assignment.principal_type,
        "scope": assignment.scope,
        "created": seconds(assignment.created),
        "created_by": assignment.created_by,
        "condition": assignment.condition,
        "description": assignment.description,
    }


def unpack_assignment(id: str, body: dict[str, Any]) -> Assignment:
    """Read a role assignment's record."""
    return Assignment(
        id,
        body["role_id"],
        body["principal"],
        body["principal_type"],
        body["scope"],
        _time(body["created"]),
        body["created_by"],
        # Records of the first releases have neither.
        body.get("condition", ""),
        body.get("description", ""),
    )


def pack_role(role: Role) -> dict[str, Any]:
    """Return the body of a custom role's record."""
    return {
        "name": role.name,
        "description": role.description,
        "actions": list(role.actions),
        "not_actions": list(role.not_actions),
        "data_actions": list(role.data_actions),
        "not_data_actions": list(role.not_data_actions),
        "assignable": list(role.assignable),
        "created": seconds(role.created),
        "updated": seconds(role.updated),
        "created_by": role.created_by,
        "updated_by": role.updated_by,
    }


def unpack_role(id: str, body: dict[str, Any]) -> Role:
    """Read a custom role's record."""
    return Role(
        id,
        body["name"],
        body["description"],
        tuple(body["actions"]),
        tuple(body["not_actions"]),
        tuple(body["data_actions"]),
        tuple(body["not_data_actions"]),
        assignable=tuple(body["assignable"]),
        custom=True,
        created=moment(body["created"]),
        updated=moment(body["updated"]),
        created_by=body["created_by"],
        updated_by=body["updated_by"],
    )


def pack_principal(principal: Principal) -> dict[str, Any]:
    """Return the body of a principal's record."""
    return {
        "name": principal.name,
        "kind": principal.kind,
        "appid": principal.appid,
        "resource_id": principal.resource_id,
        "groups": list(principal.groups),
    }


def unpack_principal(oid: str, body: dict[str, Any]) -> Principal:
    """Read a principal's record."""
    return Principal(
        oid, body["name"], body["kind"], body["appid"], body["resource_id"], tuple(body["groups"])
    )


def pack_identity(identity: Identity) -> dict[str, Any]:
    """Return the body of a user-assigned identity's record."""
    return {
        "name": identity.name,
        "group": identity.group,
        "location": identity.location,
        "oid": identity.oid,
        "appid": identity.appid,
        "created": seconds(identity.created),
        "tags": dict(identity.tags),
    }


def unpack_identity(body: dict[str, Any]) -> Identity:
    """Read a user-assigned identity's record."""
    return Identity(**{**body, "created": _time(body["created"])})


def pack_app(app: App) -> dict[str, Any]:
    """Return the body of an app's record, its settings included."""
    return {
        "name": app.name,
        "group": app.group,
        "location": app.location,
        "created": seconds(app.created),
        "oid": app.oid,
        "appid": app.appid,
        "assigned": list(app.assigned),
        "settings": dict(app.settings),
        "tags": dict(app.tags),
    }


def unpack_app(body: dict[str, Any]) -> App:
    """Read an app's record."""
    times = {"created": _time(body["created"]), "assigned": tuple(body["assigned"])}
    return App(**{**body, **times})
