"""Custom roles: what they allow, who may make them, and where they can be assigned."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from devvault.access.principals import Caller
from tests.server.planes import STRANGER, Azure

PROVIDER = "providers/Microsoft.Authorization"
USER = "4633458b-17de-408a-b874-0445c86b69e6"
ID = "c0c0c0c0-0000-4000-8000-000000000001"
V = "Microsoft.KeyVault/vaults"
WRITER = {"dataActions": [f"{V}/secrets/setSecret/action"]}


def put(
    azure: Azure,
    permissions: dict[str, Any] | None = None,
    *,
    id: str = ID,
    name: str = "Secret Writer",
    scopes: list[str] | None = None,
    caller: Caller | None = None,
    **more: object,
) -> Any:
    scopes = [azure.group] if scopes is None else scopes
    properties = {
        "roleName": name,
        "description": "writes",
        "type": "CustomRole",
        "permissions": [WRITER if permissions is None else permissions],
        "assignableScopes": scopes,
        **more,
    }
    path = f"{azure.group}/{PROVIDER}/roleDefinitions/{id}"
    return azure.arm("PUT", path, {"properties": properties}, caller=caller)


def give(azure: Azure, scope: str, role: str = ID, caller: Caller | None = None) -> Any:
    properties = {
        "roleDefinitionId": f"{azure.subscription}/{PROVIDER}/roleDefinitions/{role}",
        "principalId": STRANGER.oid,
        "principalType": "ServicePrincipal",
    }
    path = f"{scope}/{PROVIDER}/roleAssignments/{uuid.uuid4()}"
    return azure.arm("PUT", path, {"properties": properties}, caller=caller)


def test_a_custom_role_as_arm_shows_it_and_what_it_allows(azure: Azure) -> None:
    made = put(azure)
    assert made.status == 201
    assert made.body == {
        "id": f"{azure.subscription}/{PROVIDER}/roleDefinitions/{ID}",
        "name": ID,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": "Secret Writer",
            "type": "CustomRole",
            "description": "writes",
            "assignableScopes": [azure.group],
            "permissions": [
                {
                    "actions": [],
                    "notActions": [],
                    "dataActions": [f"{V}/secrets/setSecret/action"],
                    "notDataActions": [],
                }
            ],
            "createdOn": "2026-03-01T12:00:00.000Z",
            "updatedOn": "2026-03-01T12:00:00.000Z",
            "createdBy": azure.me.oid,
            "updatedBy": azure.me.oid,
        },
    }
    path = f"{azure.group}/{PROVIDER}/roleDefinitions"
    assert azure.arm("GET", f"{path}/{ID.upper()}").body == made.body
    asked = {"$filter": "type eq 'CustomRole'"}
    assert azure.arm("GET", path, query=asked).body["value"] == [made.body]
    assert give(azure, azure.vault).status == 201
    assert azure.data("PUT", "/secrets/db", {"value": "1"}, caller=STRANGER).status == 200
    assert azure.data("GET", "/secrets/db", caller=STRANGER).status == 403


def test_an_exception_takes_away_and_a_change_counts_at_once(azure: Azure) -> None:
    azure.set("db", "1")
    put(azure, {"dataActions": [f"{V}/secrets/*"]})
    give(azure, azure.vault)
    assert azure.data("GET", "/secrets/db", caller=STRANGER).status == 200
    but = {"dataActions": [f"{V}/secrets/*"], "notDataActions": [f"{V}/secrets/GETSECRET/*"]}
    changed = put(azure, but)
    assert changed.status == 201
    assert azure.data("GET", "/secrets/db", caller=STRANGER).status == 403
    assert azure.data("GET", "/secrets", caller=STRANGER).status == 200


def test_a_star_among_actions_is_no_data_access_and_no_ownership(azure: Azure) -> None:
    azure.set("db", "1")
    put(azure, {"actions": ["*"]}, scopes=[azure.subscription])
    give(azure, azure.subscription)
    assert azure.data("GET", "/secrets/db", caller=STRANGER).status == 403
    assert azure.arm("DELETE", azure.vault, caller=STRANGER).status == 200


def test_it_is_assigned_where_it_is_assignable_alone(azure: Azure) -> None:
    put(azure)
    refused = give(azure, azure.subscription)
    assert (refused.status, refused.error["code"]) == (404, "RoleDefinitionDoesNotExist")
    assert give(azure, azure.vault).status == 201
    narrowed = put(azure, scopes=[f"{azure.subscription}/resourceGroups/other"])
    assert (narrowed.status, narrowed.error["code"]) == (409, "RoleDefinitionHasAssignments")


def test_delete(azure: Azure) -> None:
    put(azure)
    path = f"{azure.group}/{PROVIDER}/roleDefinitions/{ID}"
    assignment = give(azure, azure.vault).body["id"]
    held = azure.arm("DELETE", path)
    assert (held.status, held.error["code"]) == (409, "RoleDefinitionHasAssignments")
    azure.arm("DELETE", assignment)
    assert azure.arm("DELETE", path).body["name"] == ID
    assert azure.arm("DELETE", path).status == 204
    assert azure.arm("GET", path).status == 404
    gone = give(azure, azure.vault)
    assert (gone.status, gone.error["code"]) == (404, "RoleDefinitionDoesNotExist")


def test_a_built_in_role_stays_as_it_is(azure: Azure) -> None:
    refused = put(azure, id=USER)
    assert (refused.status, refused.error["code"]) == (403, "BuiltInRoleCannotBeChanged")
    refused = azure.arm("DELETE", f"{azure.subscription}/{PROVIDER}/roleDefinitions/{USER}")
    assert refused.status == 403
    taken = put(azure, name="KEY VAULT Secrets User")
    assert (taken.status, taken.error["code"]) == (409, "RoleDefinitionWithSameNameExists")


def test_a_role_is_made_by_who_may_at_every_one_of_its_scopes(azure: Azure) -> None:
    give(azure, azure.group, "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9")  # User Access Administrator
    assert put(azure, caller=STRANGER).status == 201
    wider = put(azure, scopes=[azure.group, azure.subscription], caller=STRANGER)
    assert (wider.status, wider.error["code"]) == (403, "AuthorizationFailed")
    put(azure, scopes=[azure.group, azure.subscription])
    # Nor may she change or remove one that others use elsewhere.
    assert put(azure, {"dataActions": ["*"]}, caller=STRANGER).status == 403
    path = f"{azure.group}/{PROVIDER}/roleDefinitions/{ID}"
    assert azure.arm("DELETE", path, caller=STRANGER).status == 403
    assert azure.arm("GET", path).body["properties"]["permissions"][0]["dataActions"] != ["*"]


def test_a_contributor_makes_no_roles(azure: Azure) -> None:
    give(azure, azure.subscription, "b24988ac-6180-42a0-ab88-20f7382dd24c")
    assert put(azure, caller=STRANGER).status == 403


def test_a_data_access_administrator_gives_no_custom_role(azure: Azure) -> None:
    give(azure, azure.vault, "8b54135c-b56d-4d72-a534-26097cfdc8d8")
    put(azure)
    assert give(azure, azure.vault, caller=STRANGER).status == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "no-guid"},
        {"name": ""},
        {"name": "a/b"},
        {"name": "x" * 513},
        {"permissions": {}},
        {"permissions": {"dataActions": [f"{V}/secrets/fly/action"]}},
        {"permissions": {"actions": [f"{V}/secrets/getSecret/action"]}},
        {"permissions": {"actions": ["a b"]}},
        {"permissions": {"actions": [7]}},
        {"permissions": {**WRITER, "condition": "true"}},
        {"type": "BuiltInRole"},
        {"scopes": []},
        {"scopes": ["/"]},
        {"scopes": ["/subscriptions/99999999-0000-4000-8000-000000000001"]},
    ],
    ids=str,
)
def test_what_is_refused(azure: Azure, wrong: dict[str, Any]) -> None:
    refused = put(azure, **wrong)
    assert refused.status in {400, 404}
    listed = azure.arm(
        "GET",
        f"{azure.subscription}/{PROVIDER}/roleDefinitions",
        query={"$filter": "type eq 'CustomRole'"},
    )
    assert listed.body["value"] == []
