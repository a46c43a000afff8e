"""The two access models of a vault: who may change them, and what each ignores of the other."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest

from tests.server.planes import STRANGER, Azure

ROLES = "providers/Microsoft.Authorization/roleAssignments"
VERSION = "0123456789abcdef0123456789abcdef"


def give(azure: Azure, scope: str, role: str = "Key Vault Secrets User") -> Any:
    properties = {
        "roleDefinitionId": role,
        "principalId": STRANGER.oid,
        "principalType": "ServicePrincipal",
    }
    return azure.arm("PUT", f"{scope}/{ROLES}/{uuid.uuid4()}", {"properties": properties})


def entry(azure: Azure, *secrets: str, **more: object) -> dict[str, Any]:
    return {
        "tenantId": azure.gate.tenant,
        "objectId": STRANGER.oid,
        "permissions": {"secrets": list(secrets)},
        **more,
    }


def policies(azure: Azure, how: str, *entries: dict[str, Any], **more: Any) -> Any:
    body = {"properties": {"accessPolicies": list(entries)}}
    return azure.arm("PUT", f"{azure.vault}/accessPolicies/{how}", body, **more)


def model(azure: Azure, *, rbac: bool, **more: Any) -> Any:
    return azure.arm(
        "PATCH", azure.vault, {"properties": {"enableRbacAuthorization": rbac}}, **more
    )


def read(azure: Azure, path: str = "/secrets/db") -> int:
    return azure.data("GET", path, caller=STRANGER).status


def test_each_model_ignores_the_other(azure: Azure) -> None:
    azure.set("db", "1")
    give(azure, azure.vault)
    assert read(azure) == 200
    model(azure, rbac=False)
    refused = azure.data("GET", "/secrets/db", caller=STRANGER)
    assert refused.error["innererror"]["code"] == "AccessDenied"
    policies(azure, "add", entry(azure, "get"))
    assert read(azure) == 200
    assert read(azure, "/secrets") == 403
    model(azure, rbac=True)
    assert read(azure, "/secrets") == 200


def test_a_contributor_does_not_change_the_model(azure: Azure) -> None:
    azure.set("db", "1")
    give(azure, azure.group, "Contributor")
    refused = model(azure, rbac=False, caller=STRANGER)
    assert (refused.status, refused.error["code"]) == (403, "AuthorizationFailed")
    assert "roleAssignments/write" in refused.error["message"]
    assert model(azure, rbac=True, caller=STRANGER).status == 200  # as it is already
    assert azure.arm("GET", azure.vault).body["properties"]["enableRbacAuthorization"] is True


def test_a_data_access_administrator_with_a_contributor_neither(azure: Azure) -> None:
    give(azure, azure.group, "Contributor")
    give(azure, azure.group, "Key Vault Data Access Administrator")
    assert model(azure, rbac=False, caller=STRANGER).status == 403
    give(azure, azure.group, "Owner")
    assert model(azure, rbac=False, caller=STRANGER).status == 200


def test_contributors_write_policies_where_policies_decide_as_in_azure(azure: Azure) -> None:
    azure.set("db", "1")
    model(azure, rbac=False)
    give(azure, azure.group, "Key Vault Contributor")
    assert policies(azure, "add", entry(azure, "get"), caller=STRANGER).status == 200
    assert read(azure) == 200


def test_add_replace_remove(azure: Azure) -> None:
    model(azure, rbac=False)
    made = policies(azure, "add", entry(azure, "get"))
    assert made.status == 200
    assert made.body == {
        "id": f"{azure.vault}/accessPolicies/",
        "type": "Microsoft.KeyVault/vaults/accessPolicies",
        "location": "westeurope",
        "properties": {
            "accessPolicies": [
                {
                    "tenantId": azure.gate.tenant,
                    "objectId": STRANGER.oid,
                    "permissions": {
                        "keys": [],
                        "secrets": ["get"],
                        "certificates": [],
                        "storage": [],
                    },
                }
            ]
        },
    }

    def secrets() -> list[list[str]]:
        shown = azure.arm("GET", azure.vault).body["properties"]["accessPolicies"]
        return [one["permissions"]["secrets"] for one in shown]

    policies(azure, "ADD", entry(azure, "list"))
    assert secrets() == [["get", "list"]]
    policies(azure, "replace", entry(azure, "set"))
    assert secrets() == [["set"]]
    policies(azure, "add", entry(azure, "get", applicationId=STRANGER.appid))
    assert secrets() == [["set"], ["get"]]
    policies(azure, "remove", entry(azure, "set"))
    assert secrets() == [["get"]]


def test_a_compound_identity_needs_both(azure: Azure) -> None:
    azure.set("db", "1")
    model(azure, rbac=False)
    policies(azure, "add", entry(azure, "get", applicationId=STRANGER.appid.upper()))
    assert read(azure) == 200
    other = replace(STRANGER, appid="99999999-0000-4000-8000-000000000001")
    assert azure.data("GET", "/secrets/db", caller=other).status == 403


@pytest.mark.parametrize(
    ("how", "body"),
    [
        ("fly", {"properties": {"accessPolicies": []}}),
        ("add", {}),
        ("add", {"properties": {"accessPolicies": [7]}}),
        ("add", {"properties": {"accessPolicies": [{"tenantId": "x", "objectId": "y"}]}}),
    ],
)
def test_what_is_refused(azure: Azure, how: str, body: dict[str, Any]) -> None:
    assert azure.arm("PUT", f"{azure.vault}/accessPolicies/{how}", body).status == 400
    missing = azure.arm("PUT", f"{azure.vault_id('nope')}/accessPolicies/add", body)
    assert missing.status in {400, 404}


def test_over_the_limit_is_refused_when_it_adds_up(azure: Azure) -> None:
    def some(count: int) -> list[dict[str, Any]]:
        return [{**entry(azure, "get"), "objectId": str(uuid.uuid4())} for _ in range(count)]

    assert policies(azure, "add", *some(1024)).status == 200
    assert policies(azure, "add", *some(1)).status == 400


def test_a_role_on_one_version_reads_that_version_alone(azure: Azure) -> None:
    old = azure.set("db", "1").body["id"].rsplit("/", 1)[-1]
    new = azure.set("db", "2").body["id"].rsplit("/", 1)[-1]
    azure.set("other", "3")
    assert give(azure, f"{azure.vault}/secrets/db/versions/{old}").status == 201
    assert azure.data("GET", f"/secrets/db/{old}", caller=STRANGER).body["value"] == "1"
    assert azure.data("GET", f"/secrets/db/{old.upper()}", caller=STRANGER).status == 200
    for path in (f"/secrets/db/{new}", "/secrets/db", "/secrets/other", "/secrets", "/secrets/no"):
        refused = azure.data("GET", path, caller=STRANGER)
        assert (refused.status, refused.error["innererror"]["code"]) == (403, "ForbiddenByRbac")
    assert read(azure, "/secrets/db/versions") == 403
    give(azure, f"{azure.vault}/secrets/DB/versions/{new}")
    assert azure.data("GET", "/secrets/db", caller=STRANGER).body["value"] == "2"
    azure.set("db", "4")
    assert read(azure) == 403  # the current version is another one now


def test_a_role_on_one_version_changes_that_version_alone(azure: Azure) -> None:
    old = azure.set("db", "1").body["id"].rsplit("/", 1)[-1]
    azure.set("db", "2")
    give(azure, f"{azure.vault}/secrets/db/versions/{old}", "Key Vault Secrets Officer")
    body = {"contentType": "x"}
    assert azure.data("PATCH", f"/secrets/db/{old}", body, caller=STRANGER).status == 200
    assert azure.data("PATCH", "/secrets/db", body, caller=STRANGER).status == 403
    assert azure.data("PUT", "/secrets/db", {"value": "3"}, caller=STRANGER).status == 403
    assert azure.data("DELETE", "/secrets/db", caller=STRANGER).status == 403
    assert azure.data("POST", "/secrets/db/backup", caller=STRANGER).status == 403


def test_a_scope_that_could_never_match_is_refused(azure: Azure) -> None:
    for tail in ("secrets", f"secrets/db/{VERSION}", "secrets/db/versions/1", "secrets/d_b"):
        refused = give(azure, f"{azure.vault}/{tail}")
        assert (refused.status, refused.error["code"]) == (400, "InvalidScope")


def test_the_trail_names_the_assignment(azure: Azure) -> None:
    azure.set("db", "1")
    made = give(azure, azure.vault).body["name"]
    azure.data("GET", "/secrets/db", caller=STRANGER)
    azure.data("PUT", "/secrets/db", {"value": "1"}, caller=STRANGER)
    azure.gate.store.flush()
    with azure.gate.store.read() as reading:
        newest = azure.gate.trail.page(reading, before=None, after=None, limit=2)
    records = [record for _, record in sorted(newest, key=lambda found: found[0])]
    assert [record.extra.get("appliedAssignmentId") for record in records] == [made, None]
    assert [record.result for record in records] == ["Success", "ForbiddenByRbac"]


@pytest.mark.parametrize("role", ["Owner", "Contributor", "Key Vault Contributor"])
def test_who_manages_a_vault_reads_nothing_in_it(azure: Azure, role: str) -> None:
    azure.set("db", "1")
    give(azure, azure.group, role)
    for method, path in (
        ("GET", "/secrets/db"),
        ("GET", "/secrets"),
        ("PUT", "/secrets/db"),
        ("DELETE", "/secrets/db"),
        ("POST", "/secrets/db/backup"),
        ("GET", "/deletedsecrets"),
    ):
        body = {"value": "2"} if method == "PUT" else None
        refused = azure.data(method, path, body, caller=STRANGER)
        assert (refused.status, refused.error["innererror"]["code"]) == (403, "ForbiddenByRbac")
    tagged = azure.arm("PATCH", azure.vault, {"tags": {"a": "b"}}, caller=STRANGER)
    assert tagged.status == 200
    assert azure.arm("DELETE", azure.vault, caller=STRANGER).status == 200
