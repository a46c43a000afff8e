from __future__ import annotations

from datetime import timedelta

import pytest

TYPE = "providers/Microsoft.ManagedIdentity/userAssignedIdentities"
VERSION = "2024-11-30"


def test_an_identity_in_arms_shape(azure):
    path = f"{azure.group}/{TYPE}/my-identity"
    made = azure.arm("PUT", path, {"location": "West Europe", "tags": {"a": "b"}}, version=VERSION)
    assert made.status == 201
    assert made.body["id"] == path
    assert made.body["type"] == "Microsoft.ManagedIdentity/userAssignedIdentities"
    assert made.body["location"] == "westeurope"
    assert made.body["properties"]["tenantId"] == azure.gate.tenant
    azure.clock.move(timedelta(seconds=1))
    again = azure.arm("PUT", path.upper(), {"location": "x"}, version=VERSION)
    assert (again.status, again.body["properties"]) == (200, made.body["properties"])
    found = azure.arm("GET", path, version=VERSION)
    assert found.body["properties"] == made.body["properties"]


def test_lists_of_a_group_and_of_all(azure):
    azure.arm("PUT", f"{azure.subscription}/resourcegroups/other", {"location": "x"})
    for group, name in (("devvault", "one-a"), ("other", "two-b"), ("devvault", "two-b")):
        path = f"{azure.subscription}/resourceGroups/{group}/{TYPE}/{name}"
        assert azure.arm("PUT", path, {}, version=VERSION).status == 201
    listed = azure.arm("GET", f"{azure.group}/{TYPE}", version=VERSION)
    assert listed.names == ["one-a", "two-b"]
    every = azure.arm("GET", f"{azure.subscription}/{TYPE}", version=VERSION)
    assert every.names == ["one-a", "two-b", "two-b"]
    first = azure.arm("GET", f"{azure.subscription}/{TYPE}", version=VERSION, query={"$top": "2"})
    rest = azure.follow(first.body["nextLink"])
    assert [*first.names, *rest.names] == every.names


def test_deleting_one(azure):
    path = f"{azure.group}/{TYPE}/my-identity"
    azure.arm("PUT", path, {}, version=VERSION)
    assert azure.arm("DELETE", path, version=VERSION).status == 200
    assert azure.arm("DELETE", path, version=VERSION).status == 204
    gone = azure.arm("GET", path, version=VERSION)
    assert (gone.status, gone.error["code"]) == (404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("group", "name", "status"), [("nowhere", "an-id", 404), ("devvault", "a", 400)]
)
def test_what_cannot_be_made(azure, group, name, status):
    path = f"{azure.subscription}/resourceGroups/{group}/{TYPE}/{name}"
    assert azure.arm("PUT", path, {}, version=VERSION).status == status


@pytest.mark.parametrize("body", [b"{", b"[]", {"tags": 3}, {"location": 1}])
def test_a_body_that_is_none_is_refused(azure, body):
    assert azure.arm("PUT", f"{azure.group}/{TYPE}/an-id", body, version=VERSION).status == 400
