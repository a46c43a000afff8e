"""Whatever comes in, a plane answers: JSON, a status under 500, and no value to a stranger."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.planes import STRANGER, Answer, Azure

VALUE = "s3same-never-to-a-stranger"
methods = st.sampled_from(["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "", "G\0T"])
odd = st.text(max_size=6) | st.sampled_from(
    ["db", "DB", "versions", "restore", "backup", "recover", "..", "%2F", "\0", "", " "]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(odd, inner, max_size=2),
    max_leaves=4,
)
SECRET = ["value", "contentType", "tags", "attributes"]
VAULT = ["location", "tags", "properties"]
PROPERTIES = [
    "sku",
    "tenantId",
    "accessPolicies",
    "networkAcls",
    "createMode",
    "softDeleteRetentionInDays",
    "roleDefinitionId",
    "principalId",
    "principalType",
    "enableRbacAuthorization",
]
bodies = (
    st.binary(max_size=20)
    | values
    | st.dictionaries(st.sampled_from(SECRET), values, max_size=4)
    | st.dictionaries(
        st.sampled_from(VAULT),
        values | st.dictionaries(st.sampled_from(PROPERTIES), values, max_size=5),
        max_size=3,
    )
)
queries = st.dictionaries(
    st.sampled_from(["api-version", "maxresults", "$skiptoken", "$filter", "$top", "x"]),
    st.sampled_from(["7.5", "2026-02-01", "1", "resourceType eq 'x'"]) | st.text(max_size=12),
    max_size=4,
)
data_paths = st.lists(st.sampled_from(["secrets", "deletedsecrets", "keys"]) | odd, max_size=5)
arm_paths = st.lists(
    st.sampled_from(
        [
            "resourcegroups",
            "devvault",
            "providers",
            "Microsoft.KeyVault",
            "Microsoft.Authorization",
            "vaults",
            "my-vault",
            "deletedVaults",
            "locations",
            "roleAssignments",
            "roleDefinitions",
            "resources",
            "checkNameAvailability",
            "purge",
        ]
    )
    | odd,
    max_size=9,
)
quick = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def check(answer: Answer) -> None:
    assert 200 <= answer.status < 500
    if answer.status >= 400:
        assert {"code", "message"} <= set(answer.error)
    for name, value in answer.headers.items():
        text = f"{name}: {value}".encode("latin-1")
        assert b"\n" not in text
        assert b"\r" not in text


@pytest.fixture
def held(azure: Azure) -> Azure:
    azure.set("db", VALUE)
    return azure


@quick
@given(methods, data_paths, queries, bodies)
def test_the_data_plane_always_answers(held, method, path, query, body):
    asked = {"api-version": "7.5", **query}
    check(held.data(method, "/" + "/".join(path), body, query=asked))
    answer = held.data(method, "/" + "/".join(path), body, query=asked, caller=STRANGER)
    check(answer)
    assert VALUE not in json.dumps(answer.body)


@quick
@given(methods, arm_paths, queries, bodies)
def test_the_control_plane_always_answers(held, method, path, query, body):
    tail = "/" + "/".join(path)
    check(held.arm(method, tail, body, query=query))
    check(held.arm(method, held.subscription + tail, body, query=query))
    answer = held.arm(method, held.subscription + tail, body, query=query, caller=STRANGER)
    check(answer)
    if method not in {"GET", "", "HEAD"}:
        assert answer.status >= 400


@quick
@given(st.sampled_from(["vault", "group", "role", "secret"]), values, values, odd)
def test_odd_members_in_the_right_place(held, kind, one, other, word):
    name = "my-vault" if kind == "vault" else "team"
    if kind == "secret":
        body = {"value": "x", "tags": one, "attributes": other, "contentType": word}
        answer = held.data("PUT", "/secrets/odd", body)
    elif kind == "group":
        path = f"{held.subscription}/resourcegroups/{name}"
        answer = held.arm("PUT", path, {"location": one, "tags": other})
    elif kind == "role":
        path = f"{held.vault}/providers/Microsoft.Authorization/roleAssignments/{word}"
        properties = {"roleDefinitionId": word, "principalId": one, "principalType": other}
        answer = held.arm("PUT", path, {"properties": properties})
    else:
        properties = {
            "networkAcls": one,
            "accessPolicies": [other],
            "sku": {"name": word},
            "publicNetworkAccess": word,
        }
        answer = held.arm("PATCH", held.vault_id(name), {"properties": properties})
    check(answer)
