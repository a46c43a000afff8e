from __future__ import annotations

import pytest

SITES = "providers/Microsoft.Web/sites"
VERSION = "2025-05-01"


@pytest.fixture
def site(azure):
    return f"{azure.group}/{SITES}/my-web-app"


def test_az_assigns_an_identity_to_an_app_that_it_names_first(azure, site):
    # As az does: look, then put the whole of it back.
    assert azure.arm("GET", site, version=VERSION).status == 404
    looking = {"commandname": "webapp identity assign"}
    found = azure.arm("GET", site, version=VERSION, headers=looking)
    assert found.status == 200
    assert azure.arm("GET", site, version=VERSION).status == 404
    body = {**found.body, "identity": {"type": "SystemAssigned"}}
    made = azure.arm("PUT", site, body, version=VERSION)
    assert made.status == 200
    assert made.body["identity"]["type"] == "SystemAssigned"
    assert made.body["identity"]["tenantId"] == azure.gate.tenant
    again = azure.arm("PUT", site, made.body, version=VERSION)
    assert again.body["identity"] == made.body["identity"]
    # az looks at both before it lists settings.
    properties = azure.arm("GET", site, version=VERSION).body["properties"]
    assert (properties["sku"], properties["serverFarmId"]) == ("Free", None)


def test_nothing_is_shown_of_an_app_in_a_group_that_is_not_there(azure):
    site = f"{azure.subscription}/resourceGroups/nowhere/{SITES}/my-web-app"
    looking = {"commandname": "webapp identity assign"}
    assert azure.arm("GET", site, version=VERSION, headers=looking).status == 404


def test_identities_come_and_go(azure, site):
    ids = f"{azure.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    one = azure.arm("PUT", f"{ids}/one-a", {}, version="2024-11-30").body
    both = {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {one["id"]: {}}}
    made = azure.arm("PUT", site, {"identity": both}, version=VERSION).body["identity"]
    assert made["type"] == "SystemAssigned, UserAssigned"
    assert made["userAssignedIdentities"][one["id"]]["clientId"] == one["properties"]["clientId"]
    # az writes ids in small letters, also of what is gone by now.
    again = {"type": both["type"], "userAssignedIdentities": {one["id"].lower(): {}}}
    azure.arm("DELETE", one["id"], version="2024-11-30")
    small = azure.arm("PATCH", site, {"identity": again}, version=VERSION).body["identity"]
    assert list(small["userAssignedIdentities"]) == [one["id"].lower()]
    azure.arm("PUT", one["id"], {}, version="2024-11-30")
    made = azure.arm("PATCH", site, {"identity": both}, version=VERSION).body["identity"]
    kept = azure.arm("PATCH", site, {"tags": {"a": "b"}}, version=VERSION).body
    assert kept["identity"] == made
    gone = {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {one["id"]: None}}
    left = azure.arm("PATCH", site, {"identity": gone}, version=VERSION).body["identity"]
    assert left["type"] == "SystemAssigned"
    assert "userAssignedIdentities" not in left
    none = azure.arm("PATCH", site, {"identity": {"type": "None"}}, version=VERSION).body
    assert "identity" not in none


@pytest.mark.parametrize(
    "identity",
    [
        {"type": "Wrong"},
        {"type": 3},
        [],
        {"type": "UserAssigned", "userAssignedIdentities": []},
        {"type": "UserAssigned", "userAssignedIdentities": {"/x": {}}},
    ],
)
def test_an_identity_that_is_none_is_refused(azure, site, identity):
    assert azure.arm("PUT", site, {"identity": identity}, version=VERSION).status in {400, 404}


def test_settings_as_az_reads_and_writes_them(azure, site):
    azure.arm("PUT", site, {}, version=VERSION)
    given = {"properties": {"A": "1", "B": None}}
    kept = azure.arm("PUT", f"{site}/config/appsettings", given, version=VERSION)
    assert (kept.status, kept.body["properties"]) == (200, {"A": "1", "B": ""})
    listed = azure.arm("POST", f"{site}/config/appsettings/list", version=VERSION)
    assert listed.body["properties"] == kept.body["properties"]
    for what in ("slotConfigNames", "web"):
        assert azure.arm("GET", f"{site}/config/{what}", version=VERSION).status == 200
    assert azure.arm("GET", f"{site}/config/other", version=VERSION).status == 404
    wrong = {"properties": {"A": 1}}
    refused = azure.arm("PUT", f"{site}/config/appsettings", wrong, version=VERSION)
    assert refused.status == 400


def test_lists_and_deletes(azure, site):
    azure.arm("PUT", site, {}, version=VERSION)
    for path in (f"{azure.group}/{SITES}", f"{azure.subscription}/{SITES}"):
        assert azure.arm("GET", path, version=VERSION).names == ["my-web-app"]
    assert azure.arm("DELETE", site, version=VERSION).status == 200
    assert azure.arm("DELETE", site, version=VERSION).status == 204
