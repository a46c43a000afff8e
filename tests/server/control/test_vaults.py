from __future__ import annotations

import pytest

from tests.server.planes import STRANGER, Azure

OID = "aaaaaaaa-0000-4000-8000-000000000001"


def test_the_whole_vault_as_arm_shows_it(azure: Azure) -> None:
    body = {
        "location": "West Europe",
        "tags": {"a": "b"},
        "properties": {
            "tenantId": azure.gate.tenant,
            "sku": {"family": "A", "name": "premium"},
            "enabledForTemplateDeployment": True,
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": 7,
            "enablePurgeProtection": True,
            "networkAcls": {
                "bypass": "azureservices",
                "defaultAction": "Deny",
                "ipRules": [{"value": "1.2.3.4/32"}],
                "virtualNetworkRules": [],
            },
        },
    }
    made = azure.arm("PUT", azure.vault_id("Other"), body)
    assert made.status in {200, 201}
    assert made.body == {
        "id": azure.vault_id("Other"),
        "name": "Other",
        "type": "Microsoft.KeyVault/vaults",
        "location": "westeurope",
        "tags": {"a": "b"},
        "systemData": {
            "createdAt": "2026-03-01T12:00:00.000Z",
            "lastModifiedAt": "2026-03-01T12:00:00.000Z",
        },
        "properties": {
            "sku": {"family": "A", "name": "premium"},
            "tenantId": azure.gate.tenant,
            "accessPolicies": [],
            "enabledForDeployment": False,
            "enabledForDiskEncryption": False,
            "enabledForTemplateDeployment": True,
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": 7,
            "enablePurgeProtection": True,
            "enableRbacAuthorization": True,
            "vaultUri": "https://other.vault.azure.net/",
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
            "networkAcls": {
                "bypass": "AzureServices",
                "defaultAction": "Deny",
                "ipRules": [{"value": "1.2.3.4/32"}],
                "virtualNetworkRules": [],
            },
        },
    }
    found = azure.arm("GET", azure.vault_id("other"))
    assert found.body == made.body
    # az update: the whole vault comes back as it was shown.
    assert azure.arm("PUT", azure.vault_id("other"), found.body).body == made.body


def test_an_unprotected_vault_does_not_show_protection(azure: Azure) -> None:
    assert "enablePurgeProtection" not in azure.arm("GET", azure.vault).body["properties"]


@pytest.mark.parametrize(
    ("version", "rbac"),
    [
        ("2026-02-01", True),
        ("2026-05-01-preview", True),
        ("2023-07-01", False),
        ("2015-06-01", False),
    ],
)
def test_the_default_of_rbac_is_the_versions(azure: Azure, version: str, rbac: bool) -> None:
    body = {"location": "westeurope", "properties": {"sku": {"name": "standard"}}}
    path = azure.vault_id("other")
    made = azure.arm("PUT", path, body, version=version)
    assert made.body["properties"]["enableRbacAuthorization"] is rbac
    again = azure.arm("PUT", path, body, version="2023-07-01" if rbac else "2026-02-01")
    assert again.body["properties"]["enableRbacAuthorization"] is rbac


def test_a_vault_of_access_policies(azure: Azure) -> None:
    entry = {
        "tenantId": azure.gate.tenant,
        "objectId": azure.me.oid,
        "permissions": {"keys": [], "secrets": ["Get", "set"], "certificates": [], "storage": []},
    }
    made = azure.create("old-way", enableRbacAuthorization=False, accessPolicies=[entry])
    assert made.body["properties"]["accessPolicies"] == [entry]
    host = "old-way.vault.azure.net"
    assert azure.data("PUT", "/secrets/n", {"value": "1"}, host=host).status == 200
    assert azure.data("GET", "/secrets/n", host=host).body["value"] == "1"
    refused = azure.data("DELETE", "/secrets/n", host=host)
    assert refused.status == 403
    assert refused.error["innererror"] == {"code": "AccessDenied"}
    assert "does not have secrets delete permission" in refused.error["message"]
    opened = azure.arm(
        "PATCH", azure.vault_id("old-way"), {"properties": {"enableRbacAuthorization": True}}
    )
    assert opened.body["properties"]["accessPolicies"] == [entry]
    assert azure.data("DELETE", "/secrets/n", host=host).status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"tenantId": "other"},
        {"tenantId": None},
        {"objectId": ""},
        {"objectId": None},
        {"permissions": {"secrets": ["fly"]}},
        {"permissions": {"secrets": ["wrapKey"]}},
        {"permissions": {"secrets": "get"}},
        {"permissions": []},
    ],
)
def test_bad_policies(azure: Azure, change: dict) -> None:
    entry = {"tenantId": azure.gate.tenant, "objectId": OID, "permissions": {}, **change}
    refused = azure.create("old-way", accessPolicies=[entry])
    assert (refused.status, refused.error["code"]) == (400, "BadRequest")
    assert azure.arm("GET", azure.vault_id("old-way")).status == 404


def test_too_many_policies(azure: Azure) -> None:
    entry = {"tenantId": azure.gate.tenant, "objectId": OID, "permissions": {"secrets": ["all"]}}
    refused = azure.create("old-way", accessPolicies=[entry] * 1025)
    assert (refused.status, refused.error["code"]) == (400, "BadRequest")
    assert azure.create("old-way", accessPolicies=[entry] * 1024).status < 300


def test_what_azure_refuses_to_change(azure: Azure) -> None:
    azure.arm("PATCH", azure.vault, {"properties": {"enablePurgeProtection": True}})
    kept = (
        'The property "softDeleteRetentionInDays" has been set already and it can\'t be modified.'
    )
    protected = (
        'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection'
        " for a vault is an irreversible action."
    )
    soft = (
        'The property "enableSoftDelete" can be set to false only for creating new vault. Enabling'
        " the 'soft delete' functionality is an irreversible action."
    )
    refusals: dict[str, tuple[object, str]] = {
        "softDeleteRetentionInDays": (7, kept),
        "enablePurgeProtection": (False, protected),
        "enableSoftDelete": (False, soft),
    }
    for name, (value, words) in refusals.items():
        for method in ("PATCH", "PUT"):
            refused = azure.arm(method, azure.vault, {"properties": {name: value}})
            assert (refused.status, refused.error) == (
                400,
                {"code": "BadRequest", "message": words},
            )
    shown = azure.arm("GET", azure.vault).body["properties"]
    assert (shown["softDeleteRetentionInDays"], shown["enablePurgeProtection"]) == (90, True)


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"softDeleteRetentionInDays": 6}, "BadRequest"),
        ({"softDeleteRetentionInDays": 91}, "BadRequest"),
        ({"softDeleteRetentionInDays": "7"}, "BadRequest"),
        ({"softDeleteRetentionInDays": 7.5}, "BadRequest"),
        ({"enableSoftDelete": False}, "BadRequest"),
        ({"enableRbacAuthorization": "true"}, "BadRequest"),
        ({"sku": {"name": "gold"}}, "SkuNotSupported"),
        ({"sku": "standard"}, "BadRequest"),
        ({"createMode": "undelete"}, "BadRequest"),
        ({"publicNetworkAccess": "Perhaps"}, "BadRequest"),
        ({"networkAcls": {"defaultAction": "Perhaps"}}, "BadRequest"),
        ({"networkAcls": {"ipRules": ["1.2.3.4"]}}, "BadRequest"),
        ({"networkAcls": {"ipRules": [{}]}}, "BadRequest"),
        ({"accessPolicies": {}}, "BadRequest"),
        ({"accessPolicies": [7]}, "BadRequest"),
    ],
)
def test_bad_settings(azure: Azure, properties: dict, code: str) -> None:
    refused = azure.create("other", **properties)
    assert (refused.status, refused.error["code"]) == (400, code)
    assert azure.arm("GET", azure.vault_id("other")).status == 404


@pytest.mark.parametrize("name", ["ab", "x" * 25, "1ab", "a--b", "ab-", "a_b"])
def test_bad_names(azure: Azure, name: str) -> None:
    refused = azure.create(name)
    assert (refused.status, refused.error["code"]) == (400, "VaultNameNotValid")


def test_names_and_groups_that_do_not_fit(azure: Azure) -> None:
    azure.arm("PUT", f"{azure.subscription}/resourcegroups/team", {"location": "eastus"})
    taken = azure.create("MY-VAULT", "team")
    assert (taken.status, taken.error["code"]) == (409, "VaultAlreadyExists")
    nowhere = azure.create("other", "nowhere")
    assert (nowhere.status, nowhere.error["code"]) == (404, "ResourceGroupNotFound")
    elsewhere = azure.arm("GET", azure.vault_id("my-vault", "team"))
    assert (elsewhere.status, elsewhere.error["code"]) == (404, "ResourceNotFound")
    assert azure.arm("DELETE", azure.vault_id("my-vault", "team")).status == 404
    assert azure.arm("PATCH", azure.vault_id("my-vault", "team"), {}).status == 404


def test_the_lists(azure: Azure) -> None:
    azure.arm("PUT", f"{azure.subscription}/resourcegroups/team", {"location": "eastus"})
    azure.create("bravo", "team")
    everywhere = azure.arm("GET", f"{azure.subscription}/providers/Microsoft.KeyVault/vaults")
    assert everywhere.names == ["bravo", "my-vault"]
    team = f"{azure.subscription}/resourceGroups/TEAM/providers/Microsoft.KeyVault/vaults"
    assert azure.arm("GET", team).names == ["bravo"]
    nowhere = team.replace("TEAM", "nowhere")
    assert azure.arm("GET", nowhere).error["code"] == "ResourceGroupNotFound"
    for kind in ("managedHSMs", "deletedManagedHSMs"):
        none = azure.arm("GET", f"{azure.subscription}/providers/Microsoft.KeyVault/{kind}")
        assert (none.status, none.body) == (200, {"value": []})


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("resourceType eq 'Microsoft.KeyVault/vaults' and name eq 'my-vault'", ["my-vault"]),
        ("resourceType eq 'microsoft.keyvault/VAULTS' and name eq 'MY-VAULT'", ["my-vault"]),
        ("resourceType  eq 'Microsoft.KeyVault/vaults'", ["bravo", "my-vault"]),
        ("resourceType eq 'Microsoft.KeyVault/vaults' and name eq 'nope'", []),
        ("resourceType eq 'Microsoft.Web/sites'", []),
        ("", ["bravo", "my-vault"]),
    ],
)
def test_az_looks_a_vault_up(azure: Azure, asked: str, names: list[str]) -> None:
    azure.create("bravo")
    found = azure.arm(
        "GET", f"{azure.subscription}/resources", version="2015-11-01", query={"$filter": asked}
    )
    assert found.names == names
    for item in found.body["value"]:
        assert set(item) == {"id", "name", "type", "location", "tags"}


def test_an_unknown_filter_is_refused(azure: Azure) -> None:
    refused = azure.arm(
        "GET", f"{azure.subscription}/resources", query={"$filter": "tagName eq 'a'"}
    )
    assert (refused.status, refused.error["code"]) == (400, "InvalidFilterInQueryString")


def test_delete_recover_purge(azure: Azure) -> None:
    azure.set("db", "1")
    gone = azure.arm("DELETE", azure.vault)
    assert (gone.status, gone.body) == (200, None)
    assert azure.data("GET", "/secrets/db").status == 404
    provider = f"{azure.subscription}/providers/Microsoft.KeyVault"
    listed = azure.arm("GET", f"{provider}/deletedVaults").body["value"]
    at = f"{provider}/locations/westeurope/deletedVaults/my-vault"
    assert listed == [
        {
            "id": at,
            "name": "my-vault",
            "type": "Microsoft.KeyVault/deletedVaults",
            "properties": {
                "vaultId": azure.vault,
                "location": "westeurope",
                "tags": {},
                "deletionDate": "2026-03-01T12:00:00.000Z",
                "scheduledPurgeDate": "2026-05-30T12:00:00.000Z",
            },
        }
    ]
    assert azure.arm("GET", at).body == listed[0]
    held = azure.create("my-vault")
    assert held.status == 409
    assert "deleted state" in held.error["message"]
    back = azure.create("my-vault", createMode="recover")
    assert (back.status, back.body["id"]) == (200, azure.vault)
    assert azure.data("GET", "/secrets/db").body["value"] == "1"
    azure.arm("DELETE", azure.vault)
    assert azure.arm("POST", f"{at}/purge").status in {200, 202}
    missing = azure.arm("GET", at)
    assert (missing.status, missing.error["code"]) == (404, "DeletedVaultNotFound")
    assert azure.arm("POST", f"{at}/purge").status == 404
    assert azure.create("my-vault", createMode="recover").status == 404
    azure.create("my-vault")
    assert azure.data("GET", "/secrets").body["value"] == []


def test_a_protected_vault_is_not_purged(azure: Azure) -> None:
    azure.create("safe", enablePurgeProtection=True)
    azure.arm("DELETE", azure.vault_id("safe"))
    at = (
        f"{azure.subscription}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/safe"
    )
    assert azure.arm("GET", at).body["properties"]["purgeProtectionEnabled"] is True
    refused = azure.arm("POST", f"{at}/purge")
    assert (refused.status, refused.error["code"]) == (403, "MethodNotAllowed")
    assert azure.arm("GET", at).status == 200


@pytest.mark.parametrize(
    ("name", "free", "reason"),
    [
        ("brand-new", True, None),
        ("MY-vault", False, "AlreadyExists"),
        ("gone", False, "AlreadyExists"),
        ("a--b", False, "AccountNameInvalid"),
    ],
)
def test_check_name(azure: Azure, name: str, free: bool, reason: str | None) -> None:
    azure.create("gone")
    azure.arm("DELETE", azure.vault_id("gone"))
    path = f"{azure.subscription}/providers/Microsoft.KeyVault/checkNameAvailability"
    found = azure.arm("POST", path, {"name": name, "type": "Microsoft.KeyVault/vaults"})
    assert found.status == 200
    assert (found.body["nameAvailable"], found.body.get("reason")) == (free, reason)
    assert ("message" in found.body) is not free


def test_check_name_needs_a_name(azure: Azure) -> None:
    path = f"{azure.subscription}/providers/Microsoft.KeyVault/checkNameAvailability"
    assert azure.arm("POST", path, {}).status == 400


def test_a_stranger_is_refused_in_arms_words(azure: Azure) -> None:
    for method, path in (
        ("GET", azure.vault),
        ("PUT", azure.vault_id("other")),
        ("PATCH", azure.vault),
        ("DELETE", azure.vault),
        ("GET", f"{azure.subscription}/providers/Microsoft.KeyVault/deletedVaults"),
        ("GET", f"{azure.subscription}/resources"),
    ):
        refused = azure.arm(method, path, {}, caller=STRANGER)
        assert (refused.status, refused.error["code"]) == (403, "AuthorizationFailed"), path
        assert refused.error["message"].startswith(
            f"The client 'stranger' with object id '{STRANGER.oid}' does not have authorization to"
            " perform action 'Microsoft."
        )
