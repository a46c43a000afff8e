from __future__ import annotations

import pytest

from devvault.errors import Invalid, NotFound
from devvault.vault import grants, identities
from tests.server.local.test_resolve import ask, reference


@pytest.fixture
def app(plane):
    gate = plane.plane.gate()
    return identities.put_identity(gate, plane.plane.developer(), "devvault", "my-app")


def test_everybody_is_listed_the_developer_first(plane, app):
    listed = plane.get("/local/principals")["principals"]
    assert [who["developer"] for who in listed] == [True, False]
    assert listed[1]["id"] == app.oid
    assert (listed[1]["name"], listed[1]["type"]) == ("my-app", "ServicePrincipal")
    (found,) = plane.get("/local/principals", name="MY-APP")["principals"]
    assert found == listed[1]
    with pytest.raises(NotFound) as caught:
        plane.get("/local/principals", name="nobody\x1b")
    assert "\x1b" not in caught.value.message


def test_a_user_is_registered(plane):
    (made,) = plane.post("/local/principals", name="ada@example.org", type="User")["principals"]
    assert made["type"] == "User"
    assert plane.get("/local/principals", name="ada@example.org")["principals"] == [made]


def test_client_secrets(plane, app):
    made = plane.post("/local/credentials", name="my-app")
    assert made["appId"] == app.appid
    (kept,) = plane.post("/local/credentials/list", name=app.oid)["credentials"]
    assert kept["keyId"] == made["keyId"]
    assert made["password"] not in str(kept)
    plane.post("/local/credentials/delete", name=app.appid, id=made["keyId"])
    assert plane.post("/local/credentials/list", name="my-app")["credentials"] == []
    for expires in ("soon", True, -1, 2**60):
        with pytest.raises(Invalid):
            plane.post("/local/credentials", name="my-app", expires=expires)


def test_references_resolve_as_an_identity(plane, app):
    plane.set("my-vault", "db", "v1")
    wanted = reference("my-vault", "db")
    status, reason, hint = ask(plane, wanted, identity="my-app")
    assert status == "AccessToKeyVaultDenied"
    assert reason == "my-app may not read the secret db in my-vault"
    gate, me = plane.plane.gate(), plane.plane.developer()
    scope = gate.find_vault("my-vault").id
    assert hint == (
        f"devvault role assignment create --assignee {app.oid}"
        f' --role "Key Vault Secrets User" --scope {scope}'
    )
    grants.assign(gate, me, "Key Vault Secrets User", app.oid, "ServicePrincipal", scope)
    for word in ("my-app", app.oid, app.appid):
        assert ask(plane, wanted, identity=word)[0] == "Resolved"
    newest = plane.get("/local/audit", limit="1")["records"][0]
    assert app.oid in str(newest)
    identities.delete_identity(gate, me, "devvault", "my-app")
    assert ask(plane, wanted, identity="my-app")[0] == "MSINotEnabled"


def test_who_is_not_there_is_named_with_the_command_that_makes_it(plane):
    plane.set("my-vault", "db", "v1")
    status, reason, hint = ask(plane, reference("my-vault", "db"), identity="new app; rm")
    assert status == "MSINotEnabled"
    assert reason == "this home has no identity named new app; rm"
    assert hint == "devvault webapp identity assign --name 'new app; rm'"
