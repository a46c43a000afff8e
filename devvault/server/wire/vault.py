"""Vaults and groups as Azure Resource Manager shows them."""

from __future__ import annotations

from datetime import UTC, datetime

from devvault.errors import Invalid
from devvault.model.names import group_scope
from devvault.model.vault import Group, Network, Policy, Vault
from devvault.server.wire.fields import Body, flag, items, member, number, tags, text, texts
from devvault.vault.vaults import VaultSpec

VAULT_TYPE = "Microsoft.KeyVault/vaults"


def time_text(moment: datetime) -> str:
    """Return a time as ARM writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def show_group(subscription: str, group: Group) -> Body:
    """Return a resource group."""
    return {
        "id": group_scope(subscription, group.name),
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": dict(group.tags),
        "properties": {"provisioningState": "Succeeded"},
    }


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
        location=text(body, "location"),
        sku=text(sku, "name"),
        rbac=flag(properties, "enableRbacAuthorization"),
        retention=number(properties, "softDeleteRetentionInDays"),
        soft_delete=flag(properties, "enableSoftDelete"),
        purge_protection=flag(properties, "enablePurgeProtection"),
        for_deployment=flag(properties, "enabledForDeployment"),
        for_disk_encryption=flag(properties, "enabledForDiskEncryption"),
        for_template_deployment=flag(properties, "enabledForTemplateDeployment"),
        public_network=text(properties, "publicNetworkAccess"),
        network=None if acls is None else _read_network(member(properties, "networkAcls")),
        policies=None if policies is None else tuple(_read_policy(entry) for entry in policies),
        tags=tags(body),
    )


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
        raise Invalid("An access policy must be an object.", code="BadRequest")
    given = member(entry, "permissions")
    return Policy(
        text(entry, "tenantId") or "",
        text(entry, "objectId") or "",
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
    def named(rules: list[object] | None, key: str) -> tuple[str, ...]:
        found = [rule.get(key) for rule in rules or [] if isinstance(rule, dict)]
        if not all(isinstance(value, str) for value in found):
            raise Invalid("A network rule is malformed.", code="BadRequest")
        return tuple(str(value) for value in found)

    return Network(
        text(acls, "bypass") or "AzureServices",
        text(acls, "defaultAction") or "Allow",
        named(items(acls, "ipRules"), "value"),
        named(items(acls, "virtualNetworkRules"), "id"),
    )
