"""Vaults as Azure Resource Manager shows them, and what a PUT or PATCH of one asks for."""

from __future__ import annotations

from datetime import UTC, datetime

from devvault.errors import Invalid
from devvault.model.vault import Network, Policy, Vault
from devvault.server.wire.fields import (
    Body,
    flag,
    items,
    member,
    number,
    one_of,
    required_text,
    tags,
    text,
    texts,
)
from devvault.server.wire.group import read_location
from devvault.vault.vaults import VaultSpec

VAULT_TYPE = "Microsoft.KeyVault/vaults"
_PUBLIC = ("Enabled", "Disabled", "SecuredByPerimeter")


def time_text(moment: datetime) -> str:
    """Return a time as ARM writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def show_vault(vault: Vault) -> Body:
    """Return a vault."""
    properties: Body = {
        "sku": {"family": "A", "name": vault.sku},
        "tenantId": vault.tenant,
        "accessPolicies": [_show_policy(policy) for policy in vault.policies],
        "enabledForDeployment": vault.for_deployment,
        "enabledForDiskEncryption": vault.for_disk_encryption,
        "enabledForTemplateDeployment": vault.for_template_deployment,
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": vault.retention,
        "enableRbacAuthorization": vault.rbac,
        "vaultUri": vault.uri,
        "provisioningState": "Succeeded",
        "publicNetworkAccess": vault.public_network,
    }
    if vault.purge_protection:
        properties["enablePurgeProtection"] = True
    if vault.network != Network():
        properties["networkAcls"] = _show_network(vault.network)
    return {
        "id": vault.id,
        "name": vault.name,
        "type": VAULT_TYPE,
        "location": vault.location,
        "tags": dict(vault.tags),
        "systemData": {
            "createdAt": time_text(vault.created),
            "lastModifiedAt": time_text(vault.updated),
        },
        "properties": properties,
    }


def show_resource(vault: Vault) -> Body:
    """Return a vault as the generic list of resources shows it."""
    return {
        "id": vault.id,
        "name": vault.name,
        "type": VAULT_TYPE,
        "location": vault.location,
        "tags": dict(vault.tags),
    }


def show_deleted(vault: Vault) -> Body:
    """Return a deleted vault."""
    assert vault.deleted is not None
    assert vault.purge_at is not None
    properties: Body = {
        "vaultId": vault.id,
        "location": vault.location,
        "tags": dict(vault.tags),
        "deletionDate": time_text(vault.deleted),
        "scheduledPurgeDate": time_text(vault.purge_at),
    }
    if vault.purge_protection:
        properties["purgeProtectionEnabled"] = True
    return {
        "id": vault.deleted_id,
        "name": vault.name,
        "type": "Microsoft.KeyVault/deletedVaults",
        "properties": properties,
    }


def read_spec(group: str, name: str, body: Body) -> VaultSpec:
    """Return what a PUT or PATCH of a vault asks for."""
    properties = member(body, "properties")
    sku = member(properties, "sku")
    policies = items(properties, "accessPolicies")
    acls = properties.get("networkAcls")
    return VaultSpec(
        name=name,
        group=group,
        location=read_location(body),
        sku=text(sku, "name"),
        rbac=flag(properties, "enableRbacAuthorization"),
        retention=number(properties, "softDeleteRetentionInDays"),
        soft_delete=flag(properties, "enableSoftDelete"),
        purge_protection=flag(properties, "enablePurgeProtection"),
        for_deployment=flag(properties, "enabledForDeployment"),
        for_disk_encryption=flag(properties, "enabledForDiskEncryption"),
        for_template_deployment=flag(properties, "enabledForTemplateDeployment"),
        public_network=one_of(properties, "publicNetworkAccess", *_PUBLIC),
        network=None if acls is None else _read_network(member(properties, "networkAcls")),
        policies=None if policies is None else tuple(_read_policy(entry) for entry in policies),
        tags=tags(body),
    )


def show_policies(vault: Vault) -> Body:
    """Return a vault's access policies, as the resource that ARM has for them."""
    return {
        "id": f"{vault.id}/accessPolicies/",
        "type": f"{VAULT_TYPE}/accessPolicies",
        "location": vault.location,
        "properties": {"accessPolicies": [_show_policy(policy) for policy in vault.policies]},
    }


def read_policies(body: Body) -> tuple[Policy, ...]:
    """Return the access policies that a PUT of that resource holds."""
    found = items(member(body, "properties"), "accessPolicies")
    if found is None:
        raise Invalid("Property 'accessPolicies' is required.")
    return tuple(_read_policy(entry) for entry in found)


def _show_policy(policy: Policy) -> Body:
    shown: Body = {"tenantId": policy.tenant, "objectId": policy.oid}
    if policy.appid:
        shown["applicationId"] = policy.appid
    shown["permissions"] = {
        "keys": list(policy.keys),
        "secrets": list(policy.secrets),
        "certificates": list(policy.certificates),
        "storage": list(policy.storage),
    }
    return shown


def _read_policy(entry: object) -> Policy:
    if not isinstance(entry, dict):
        raise Invalid("An access policy must be an object.")
    given = member(entry, "permissions")
    return Policy(
        required_text(entry, "tenantId"),
        required_text(entry, "objectId"),
        text(entry, "applicationId") or "",
        texts(given, "keys"),
        texts(given, "secrets"),
        texts(given, "certificates"),
        texts(given, "storage"),
    )


def _show_network(network: Network) -> Body:
    return {
        "bypass": network.bypass,
        "defaultAction": network.default_action,
        "ipRules": [{"value": rule} for rule in network.ip_rules],
        "virtualNetworkRules": [{"id": rule} for rule in network.subnet_rules],
    }


def _read_network(acls: Body) -> Network:
    return Network(
        one_of(acls, "bypass", "AzureServices", "None") or "AzureServices",
        one_of(acls, "defaultAction", "Allow", "Deny") or "Allow",
        _read_rules(acls, "ipRules", "value"),
        _read_rules(acls, "virtualNetworkRules", "id"),
    )


def _read_rules(acls: Body, name: str, key: str) -> tuple[str, ...]:
    found = items(acls, name) or []
    if not all(isinstance(rule, dict) for rule in found):
        raise Invalid(f"Property '{name}' must hold objects.")
    return tuple(required_text(rule, key) for rule in found)
