"""One vault as az treats it: found by name, printed whole, put back whole."""

from __future__ import annotations

from devvault.cli.keyvault.grammar import with_group
from devvault.cli.planes import Planes, segment
from devvault.cli.reply import Body, table, text
from devvault.cli.times import as_az
from devvault.errors import NotFound

PROVIDER = "providers/Microsoft.KeyVault"
# Members that az prints as null where ARM leaves them out.
_NULLS = (
    "createMode",
    "enablePurgeProtection",
    "enabledForDeployment",
    "enabledForDiskEncryption",
    "enabledForTemplateDeployment",
    "hsmPoolResourceId",
    "networkAcls",
    "privateEndpointConnections",
    "publicNetworkAccess",
)
_SYSTEM = (
    "createdAt",
    "createdBy",
    "createdByType",
    "lastModifiedAt",
    "lastModifiedBy",
    "lastModifiedByType",
)
# What a setting is that nobody set.
_UNSET: Body = {
    "accessPolicies": [],
    "enabledForDeployment": False,
    "enabledForDiskEncryption": False,
    "enabledForTemplateDeployment": False,
    "networkAcls": {"bypass": "AzureServices", "defaultAction": "Allow"},
    "publicNetworkAccess": "Enabled",
}


def find_vault(planes: Planes, name: str, group: str | None) -> Body:
    """Return a vault by name, wherever it lies unless a group is given.

    Raises:
        NotFound: there is none.
    """
    if group:
        return planes.arm("GET", path_of(group, name))
    for found in planes.arm_list(f"{PROVIDER}/vaults"):
        if text(found, "name").lower() == name.lower():
            return planes.arm("GET", text(found, "id"))
    raise NotFound(
        f"The Vault '{name}' not found within subscription", hint="devvault keyvault list -o table"
    )


def put_vault(planes: Planes, vault: Body) -> Body:
    """Put a whole vault back; a setting that is null becomes what it is without one."""
    properties = {**table(vault, "properties")}
    for name, found in _UNSET.items():
        if name in properties and properties[name] is None:
            properties[name] = found
    policies = properties.get("accessPolicies")
    if isinstance(policies, list):
        properties["accessPolicies"] = [_without_nulls(one) for one in policies]
    body: Body = {
        "location": vault.get("location"),
        "tags": vault.get("tags") or {},
        "properties": {name: found for name, found in properties.items() if found is not None},
    }
    return planes.arm("PUT", text(vault, "id"), body)


def full(vault: Body) -> Body:
    """Return a vault as az prints it: every member there, null where ARM leaves it out."""
    properties = {**dict.fromkeys(_NULLS), **table(vault, "properties")}
    policies = properties.get("accessPolicies")
    if isinstance(policies, list):
        properties["accessPolicies"] = [{"applicationId": None, **one} for one in policies]
    given = table(vault, "systemData")
    system: Body = {**dict.fromkeys(_SYSTEM), **{name: as_az(at) for name, at in given.items()}}
    whole = {"tags": {}, **vault, "properties": properties, "systemData": system if given else None}
    return with_group(whole)


def deleted(vault: Body) -> Body:
    """Return a deleted vault as az prints it."""
    properties = {name: as_az(found) for name, found in table(vault, "properties").items()}
    whole: Body = {"purgeProtectionEnabled": None, **properties}
    return {"systemData": None, **vault, "properties": whole}


def _without_nulls(policy: object) -> object:
    if not isinstance(policy, dict):
        return policy
    return {name: found for name, found in policy.items() if found is not None}


def path_of(group: str, name: str) -> str:
    """Return where a vault lies, below the subscription."""
    return f"resourceGroups/{segment(group)}/{PROVIDER}/vaults/{segment(name)}"
