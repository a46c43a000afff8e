from __future__ import annotations

import uuid

import pytest

from tests.server.planes import STRANGER, Answer, Azure

USER = "4633458b-17de-408a-b874-0445c86b69e6"
PROVIDER = "providers/Microsoft.Authorization"
VERSION = "2022-04-01"


def give(azure: Azure, scope: str, role: str = USER, id: str = "", **more: object) -> Answer:
    properties = {
        "roleDefinitionId": f"{azure.subscription}/{PROVIDER}/roleDefinitions/{role}",
        "principalId": STRANGER.oid,
        "principalType": "ServicePrincipal",
        **more,
    }
    path = f"{scope}/{PROVIDER}/roleAssignments/{id or uuid.uuid4()}"
    return azure.arm("PUT", path, {"properties": properties}, version=VERSION)


def test_an_assignment_as_arm_shows_it_and_what_it_opens(azure: Azure) -> None:
    azure.set("db", "1")
    id = "99999999-0000-4000-8000-000000000001"
    made = give(azure, azure.vault, id=id)
    assert made.status == 201
    assert made.body == {
        "id": f"{azure.vault}/{PROVIDER}/roleAssignments/{id}",
        "name": id,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": f"{azure.subscription}/{PROVIDER}/roleDefinitions/{USER}",
            "principalId": STRANGER.oid,
            "principalType": "ServicePrincipal",
            "scope": azure.vault,
            "condition": None,
            "conditionVersion": None,
            "createdOn": "2026-03-01T12:00:00.000Z",
            "updatedOn": "2026-03-01T12:00:00.000Z",
            "createdBy": azure.me.oid,
            "updatedBy": azure.me.oid,
            "delegatedManagedIdentityResourceId": None,
            "description": None,
        },
    }
    assert azure.data("GET", "/secrets/db", caller=STRANGER).body["value"] == "1"
    assert azure.data("PUT", "/secrets/db", {"value": "2"}, caller=STRANGER).status == 403
    path = f"{azure.vault}/{PROVIDER}/roleAssignments/{id}"
    assert azure.arm("GET", path, version=VERSION).body == made.body
    assert azure.arm("DELETE", path, version=VERSION).body == made.body
    assert azure.arm("DELETE", path, version=VERSION).status == 204
    missing = azure.arm("GET", path, version=VERSION)
    assert (missing.status, missing.error["code"]) == (404, "RoleAssignmentNotFound")
    assert azure.data("GET", "/secrets/db", caller=STRANGER).status == 403


@pytest.mark.parametrize("scope", ["subscription", "group", "vault", "secret"])
def test_at_any_scope(azure: Azure, scope: str) -> None:
    azure.set("db", "1")
    azure.set("other", "2")
    at = f"{azure.vault}/secrets/db" if scope == "secret" else getattr(azure, scope)
    assert give(azure, at).status == 201
    assert azure.data("GET", "/secrets/db", caller=STRANGER).status == 200
    narrow = scope == "secret"
    assert (azure.data("GET", "/secrets/other", caller=STRANGER).status == 403) is narrow
    assert (azure.data("GET", "/secrets", caller=STRANGER).status == 403) is narrow


def test_the_same_again_is_a_conflict(azure: Azure) -> None:
    give(azure, azure.vault)
    again = give(azure, azure.vault.upper())
    assert (again.status, again.error["code"]) == (409, "RoleAssignmentExists")
    assert give(azure, azure.group).status == 201


def test_the_lists(azure: Azure) -> None:
    here = give(azure, azure.vault).body["id"]
    above = give(azure, azure.group).body["id"]
    azure.create("other")
    aside = give(azure, azure.vault_id("other")).body["id"]

    def listed(scope: str, asked: str = "") -> set[str]:
        found = azure.arm(
            "GET",
            f"{scope}/{PROVIDER}/roleAssignments",
            version=VERSION,
            query={"$filter": asked} if asked else {},
        )
        return {
            item["id"]
            for item in found.body["value"]
            if item["properties"]["principalId"] == STRANGER.oid
        }

    assert listed(azure.vault) == {here, above}
    assert listed(azure.group) == {here, above, aside}
    assert listed(azure.subscription) == {here, above, aside}
    assert listed(azure.group, "atScope()") == {above}
    assert listed(azure.subscription, "atScope()") == set()
    for asked in (f"principalId eq '{STRANGER.oid}'", f"assignedTo('{STRANGER.oid.upper()}')"):
        assert listed(azure.vault, asked) == {here, above}
    assert listed(azure.vault, f"atScope() and assignedTo('{azure.me.oid}')") == set()


def test_what_is_refused(azure: Azure) -> None:
    assert give(azure, azure.vault, id="no-guid").status == 400
    assert give(azure, azure.vault, principalId="no-guid").status == 400
    assert give(azure, azure.vault, principalType="Robot").status == 400
    unknown = give(azure, azure.vault, role=str(uuid.uuid4()))
    assert (unknown.status, unknown.error["code"]) == (404, "RoleDefinitionDoesNotExist")
    path = f"{azure.vault}/{PROVIDER}/roleAssignments/{uuid.uuid4()}"
    for body in ({}, {"properties": {}}, {"properties": {"principalId": STRANGER.oid}}, b"[]"):
        assert azure.arm("PUT", path, body, version=VERSION).status == 400
    refused = azure.arm(
        "PUT",
        path,
        {"properties": {"roleDefinitionId": USER, "principalId": STRANGER.oid}},
        caller=STRANGER,
    )
    assert (refused.status, refused.error["code"]) == (403, "AuthorizationFailed")


NAME = "@Resource[Microsoft.KeyVault/vaults/secrets:name]"
READING = "ActionMatches{'Microsoft.KeyVault/vaults/secrets/getSecret/action'}"


def test_a_condition_on_the_names_of_secrets_is_obeyed(azure: Azure) -> None:
    azure.set("app-db", "1")
    azure.set("other", "2")
    condition = f"!({READING}) OR {NAME} StringStartsWith 'app-'"
    id = str(uuid.uuid4())
    made = give(azure, azure.vault, id=id, condition=condition, conditionVersion="2.0")
    assert made.status == 201
    shown = made.body["properties"]
    assert (shown["condition"], shown["conditionVersion"]) == (condition, "2.0")
    assert azure.data("GET", "/secrets/app-db", caller=STRANGER).status == 200
    refused = azure.data("GET", "/secrets/other", caller=STRANGER)
    assert (refused.status, refused.error["innererror"]["code"]) == (403, "ForbiddenByRbac")
    assert azure.data("GET", "/secrets", caller=STRANGER).status == 200
    # The same assignment again, with another condition; the old one is gone at once.
    condition = f"{NAME} StringEquals 'other'"
    again = give(azure, azure.vault, id=id, condition=condition, conditionVersion="2.0")
    assert again.status == 201
    assert azure.data("GET", "/secrets/app-db", caller=STRANGER).status == 403
    assert azure.data("GET", "/secrets/other", caller=STRANGER).status == 200
    assert azure.data("GET", "/secrets", caller=STRANGER).status == 403


@pytest.mark.parametrize("spelled", ["other", "OTHER", "Other"])
def test_no_spelling_of_a_name_gets_around_a_condition(azure: Azure, spelled: str) -> None:
    azure.set("other", "2")
    condition = f"{NAME} StringNotEquals 'other' AND !({NAME} StringEquals 'other')"
    give(azure, azure.vault, condition=condition, conditionVersion="2.0")
    assert azure.data("GET", f"/secrets/{spelled}", caller=STRANGER).status == 403


@pytest.mark.parametrize(
    ("condition", "version"),
    [
        (f"{NAME} StringEquals 'other'", "1.0"),
        (f"{NAME} StringEquals 'other'", ""),
        ("@Principal[Microsoft.Directory/x:y] StringEquals 'other'", "2.0"),
        ("nonsense", "2.0"),
    ],
)
def test_a_condition_that_is_not_understood_is_refused_and_never_dropped(
    azure: Azure, condition: str, version: str
) -> None:
    azure.set("db", "1")
    refused = give(azure, azure.vault, condition=condition, conditionVersion=version)
    assert (refused.status, refused.error["code"]) == (400, "RoleAssignmentConditionNotSupported")
    assert azure.data("GET", "/secrets/db", caller=STRANGER).status == 403


@pytest.mark.parametrize(
    "scope", ["", "{subscription}", "{group}", "{vault}"], ids=lambda scope: scope or "none"
)
def test_role_definitions(azure: Azure, scope: str) -> None:
    at = scope.format(subscription=azure.subscription, group=azure.group, vault=azure.vault)
    path = f"{at}/{PROVIDER}/roleDefinitions"
    everything = azure.arm("GET", path, version="2022-05-01-preview")
    assert len(everything.body["value"]) == 17
    asked = {"$filter": "roleName eq 'Key Vault Secrets User'"}
    (found,) = azure.arm("GET", path, query=asked).body["value"]
    assert found == {
        "id": f"{azure.subscription}/{PROVIDER}/roleDefinitions/{USER}",
        "name": USER,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": "Key Vault Secrets User",
            "type": "BuiltInRole",
            "description": "Read secret contents.",
            "assignableScopes": ["/"],
            "permissions": [
                {
                    "actions": [],
                    "notActions": [],
                    "dataActions": [
                        "Microsoft.KeyVault/vaults/secrets/getSecret/action",
                        "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
                    ],
                    "notDataActions": [],
                }
            ],
        },
    }
    assert azure.arm("GET", f"{path}/{USER.upper()}").body == found
    assert azure.arm("GET", path, query={"$filter": "roleName eq 'Nobody'"}).body["value"] == []
    missing = azure.arm("GET", f"{path}/{uuid.uuid4()}")
    assert (missing.status, missing.error["code"]) == (404, "RoleDefinitionDoesNotExist")
    assert azure.arm("GET", path, caller=STRANGER).status == 403


def test_a_deleted_vaults_assignments_are_lost(azure: Azure) -> None:
    azure.set("db", "1")
    give(azure, azure.vault)
    azure.arm("DELETE", azure.vault)
    azure.create("my-vault", createMode="recover")
    assert azure.data("GET", "/secrets/db").body["value"] == "1"
    assert azure.data("GET", "/secrets/db", caller=STRANGER).status == 403


def test_an_unknown_filter_of_assignments_gives_no_more_than_asked(azure: Azure) -> None:
    give(azure, azure.vault)
    path = f"{azure.vault}/{PROVIDER}/roleAssignments"
    refused = azure.arm("GET", path, query={"$filter": "principalType eq 'User'"})
    assert (refused.status, refused.error["code"]) == (400, "InvalidFilterInQueryString")
    path = f"{azure.vault}/{PROVIDER}/roleDefinitions"
    refused = azure.arm("GET", path, query={"$filter": "nonsense"})
    assert refused.status == 400
    custom = azure.arm("GET", path, query={"$filter": "type eq 'CustomRole'"})
    assert custom.body["value"] == []
