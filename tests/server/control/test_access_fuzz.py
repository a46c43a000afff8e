"""Nearly right requests for roles, assignments and policies: an answer under 500, and no right."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.planes import STRANGER, Azure

A = "providers/Microsoft.Authorization"
quick = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
words = st.text(max_size=8) | st.sampled_from(
    ["*", "/", "..", "Reader", "CustomRole", "\0", "\ud800", "2.0", "all", "User", "%2f", "K" * 600]
)
odd = st.none() | st.booleans() | st.integers() | words | st.lists(words, max_size=3)
values = odd | st.dictionaries(words, odd, max_size=2) | st.lists(
    st.dictionaries(words, odd, max_size=2), max_size=2
)  # fmt: skip
ids = st.sampled_from(["c0c0c0c0-0000-4000-8000-000000000001", "x", "4633458b"]) | words


def changed(right: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return right members, some of them with something else in their place."""
    return st.dictionaries(st.sampled_from(sorted(right)), values, max_size=2).map(
        lambda wrong: {**right, **wrong}
    )


permission = {
    "actions": [],
    "notActions": [],
    "dataActions": ["Microsoft.KeyVault/vaults/secrets/setSecret/action"],
    "notDataActions": [],
}
SUBSCRIPTION = "SUBSCRIPTION"
roles = changed(
    {
        "roleName": "r",
        "description": "",
        "type": "CustomRole",
        "permissions": [permission],
        "assignableScopes": [SUBSCRIPTION],
    }
) | changed(permission).map(
    lambda found: {"roleName": "r", "permissions": [found], "assignableScopes": [SUBSCRIPTION]}
)
given_roles = changed(
    {
        "roleDefinitionId": "Key Vault Secrets User",
        "principalId": STRANGER.oid,
        "principalType": "ServicePrincipal",
        "condition": "@Resource[Microsoft.KeyVault/vaults/secrets:name] StringEquals 'x'",
        "conditionVersion": "2.0",
        "description": "",
    }
)
entries = changed(
    {
        "tenantId": "t",
        "objectId": STRANGER.oid,
        "applicationId": "",
        "permissions": {"secrets": ["get"], "keys": [], "certificates": [], "storage": []},
    }
)


def put(azure: Azure, path: str, properties: Any, *, caller: Any = None) -> int:
    answer = azure.arm("PUT", path, {"properties": properties}, caller=caller)
    assert answer.status < 500
    if answer.status >= 300:
        assert answer.error["code"]
    return answer.status


def placed(azure: Azure, properties: dict[str, Any]) -> dict[str, Any]:
    scopes = properties.get("assignableScopes")
    if scopes == [SUBSCRIPTION]:
        return {**properties, "assignableScopes": [azure.subscription]}
    return properties


@quick
@given(roles, ids)
def test_role_definitions(azure: Azure, properties: dict[str, Any], id: str) -> None:
    path = f"{azure.subscription}/{A}/roleDefinitions/{id}"
    asked = placed(azure, properties)
    assert put(azure, path, asked, caller=STRANGER) >= 400
    put(azure, path, asked)
    azure.arm("DELETE", path)


@quick
@given(given_roles, ids, words)
def test_role_assignments(azure: Azure, properties: dict[str, Any], id: str, tail: str) -> None:
    for scope in (f"{azure.vault}/secrets/x", f"{azure.vault}/{tail}"):
        path = f"{scope}/{A}/roleAssignments/{id}"
        assert put(azure, path, properties, caller=STRANGER) >= 400
        if put(azure, path, properties) < 300:
            assert azure.arm("DELETE", path).status < 300


@quick
@given(st.lists(entries, max_size=3), st.sampled_from(["add", "replace", "remove"]) | words)
def test_access_policies(azure: Azure, found: list[dict[str, Any]], how: str) -> None:
    path = f"{azure.vault}/accessPolicies/{how}"
    for entry in found:
        if entry.get("tenantId") == "t":
            entry["tenantId"] = azure.gate.tenant
    asked = {"accessPolicies": found}
    assert put(azure, path, asked, caller=STRANGER) >= 400
    put(azure, path, asked)
    assert azure.arm("GET", azure.vault).status == 200
