from __future__ import annotations

from datetime import timedelta

from tests.server.planes import STRANGER, Azure

VERSION = "2024-11-01"


def test_put_get_list_delete(azure: Azure) -> None:
    path = f"{azure.subscription}/resourcegroups/Team"
    body = {"location": "North Europe", "tags": {"a": "b"}}
    made = azure.arm("PUT", path, body, version=VERSION)
    assert made.status == 201
    assert made.body == {
        "id": f"{azure.subscription}/resourceGroups/Team",
        "name": "Team",
        "type": "Microsoft.Resources/resourceGroups",
        "location": "northeurope",
        "tags": {"a": "b"},
        "properties": {"provisioningState": "Succeeded"},
    }
    azure.clock.move(timedelta(seconds=1))
    again = azure.arm("PUT", path, {"location": "northeurope"}, version=VERSION)
    assert (again.status, again.body["tags"]) == (200, {})
    assert azure.arm("GET", path.upper(), version=VERSION).body["name"] == "Team"
    groups = azure.arm("GET", f"{azure.subscription}/resourcegroups", version=VERSION)
    assert groups.names == ["devvault", "Team"]
    assert azure.arm("DELETE", path, version=VERSION).status == 200
    missing = azure.arm("GET", path, version=VERSION)
    assert (missing.status, missing.error["code"]) == (404, "ResourceGroupNotFound")
    assert azure.arm("DELETE", path, version=VERSION).status == 404


def test_head_says_whether_a_group_exists(azure: Azure) -> None:
    assert azure.arm("HEAD", azure.group, version=VERSION).status == 204
    missing = f"{azure.subscription}/resourcegroups/nope"
    assert azure.arm("HEAD", missing, version=VERSION).status == 404


def test_a_list_is_of_the_groups_with_a_tag(azure: Azure) -> None:
    path = f"{azure.subscription}/resourcegroups"
    for name, tags in (("one", {"a": "1"}), ("two", {"a": "2", "b": "1"})):
        azure.arm("PUT", f"{path}/{name}", {"location": "x", "tags": tags}, version=VERSION)

    def listed(wanted: str) -> list[str]:
        return azure.arm("GET", path, version=VERSION, query={"$filter": wanted}).names

    assert listed("tagName eq 'a'") == ["one", "two"]
    assert listed("tagName eq 'a' and tagValue eq '2'") == ["two"]
    assert listed("tagName eq 'c'") == []
    refused = azure.arm("GET", path, version=VERSION, query={"$filter": "name eq 'one'"})
    assert (refused.status, refused.error["code"]) == (400, "InvalidFilterInQueryString")


def test_a_group_takes_its_vaults_with_it(azure: Azure) -> None:
    azure.set("db", "1")
    assert azure.arm("DELETE", azure.group).status == 200
    assert azure.arm("GET", azure.vault).status == 404
    gone = azure.arm("GET", f"{azure.subscription}/providers/Microsoft.KeyVault/deletedVaults")
    assert gone.names == ["my-vault"]


def test_what_is_refused(azure: Azure) -> None:
    path = f"{azure.subscription}/resourcegroups"
    refused = azure.arm("PUT", f"{path}/team", {})
    assert (refused.status, refused.error["code"]) == (400, "LocationRequired")
    moved = azure.arm("PUT", azure.group, {"location": "eastus"})
    assert (moved.status, moved.error["code"]) == (409, "InvalidResourceGroupLocation")
    for name in ("a b", "ends.", "x" * 91):
        refused = azure.arm("PUT", f"{path}/{name}", {"location": "eastus"})
        assert (refused.status, refused.error["code"]) == (400, "InvalidResourceGroup")
    for body in ({"location": 7}, {"location": "x", "tags": []}, b"[]"):
        assert azure.arm("PUT", f"{path}/team", body).status == 400
    refused = azure.arm("PUT", f"{path}/team", {"location": "eastus"}, caller=STRANGER)
    assert (refused.status, refused.error["code"]) == (403, "AuthorizationFailed")


def test_putting_a_group_leaves_one_record_in_the_trail(azure: Azure) -> None:
    azure.keeper.gate.store.flush()
    with azure.gate.store.read() as reading:
        before = reading.audit_head()
    azure.arm("PUT", f"{azure.subscription}/resourcegroups/team", {"location": "eastus"})
    azure.keeper.gate.store.flush()
    with azure.gate.store.read() as reading:
        after = reading.audit_head()
    assert before is not None
    assert after is not None
    assert after.seq == before.seq + 1
