"""What az asks of Graph and of Resource Manager besides vaults."""

from __future__ import annotations

import json

import pytest

from devvault.access.principals import GROUP, USER
from devvault.vault import grants, identities, principals
from tests.server.planes import STRANGER

GRAPH = "https://graph.microsoft.com"
ARM = "https://management.azure.com"


@pytest.fixture
def known(front):
    me = front.keeper.developer
    identities.put_identity(front.gate, me, "devvault", "my-identity")
    principals.register_named(front.gate, me, "ada@example.org", USER)
    principals.register_named(front.gate, me, "team", GROUP)
    return front


def graph(front, path, method="GET", body=None, who=""):
    token = front.token(who, audience="https://graph.microsoft.com/", az=True)
    raw = b"" if body is None else json.dumps(body).encode()
    return front.tls(method, f"{GRAPH}{path}", token, body=raw)


def test_who_i_am(known):
    found = graph(known, "/v1.0/me")
    assert found.json["id"] == known.gate.developer.oid
    assert found.json["@odata.type"] == "#microsoft.graph.user"


def test_who_somebody_is(known):
    made = principals.find_principal(known.gate, "my-identity")
    ada = principals.find_principal(known.gate, "ada@example.org")
    for word in (made.appid, made.oid):
        found = graph(
            known,
            f"/v1.0/servicePrincipals?$filter=servicePrincipalNames/any(c:c%20eq%20'{word}')",
        ).json["value"]
        assert [item["id"] for item in found] == [made.oid]
        assert found[0]["@odata.type"] == "#microsoft.graph.servicePrincipal"
    upn = graph(known, "/v1.0/users?$filter=userPrincipalName%20eq%20'Ada@example.org'").json
    assert [item["id"] for item in upn["value"]] == [ada.oid]
    assert graph(known, f"/v1.0/users/{ada.oid}").json["displayName"] == "ada@example.org"
    group = graph(known, "/v1.0/groups?$filter=startswith(displayName,'te')").json["value"]
    assert [item["displayName"] for item in group] == ["team"]
    none = graph(known, "/v1.0/users?$filter=userPrincipalName%20eq%20'x'%20or%20mail%20eq%20'y'")
    assert none.json["value"] == []


def test_many_at_once(known):
    oids = [who.oid for who in principals.list_principals(known.gate)]
    found = graph(
        known, "/v1.0/directoryObjects/getByIds", "POST", {"ids": [*oids, 3, "x"], "types": []}
    )
    assert {item["id"] for item in found.json["value"]} == set(oids)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1.0/users/nobody", 404),
        ("GET", "/v1.0/applications", 404),
        ("GET", "/", 404),
        ("POST", "/v1.0/users", 400),
        ("GET", "/v1.0/users?$filter=accountEnabled", 400),
    ],
)
def test_all_else_is_refused_in_graphs_words(known, method, path, status):
    found = graph(known, path, method)
    assert found.status == status
    assert found.json["error"]["code"].startswith("Request_")


def test_who_may_not_read_the_directory(known):
    who = principals.find_principal(known.gate, "my-identity").oid
    found = graph(known, "/v1.0/users", who=who)
    assert (found.status, found.json["error"]["code"]) == (403, "Authorization_RequestDenied")
    assert known.tls("GET", f"{GRAPH}/v1.0/me").status == 401
    arm = known.token(audience="https://management.azure.com", az=True)
    assert known.tls("GET", f"{GRAPH}/v1.0/me", arm).status == 401


def test_resource_manager_takes_its_own_tokens_alone(known):
    url = f"{ARM}{known.azure.vault}?api-version=2026-02-01"
    found = known.tls("GET", url)
    assert (found.status, found.json["error"]["code"]) == (401, "AuthenticationFailed")
    assert found.headers["www-authenticate"].startswith(
        f'Bearer authorization_uri="https://login.microsoftonline.com/{known.gate.tenant}"'
    )
    assert known.tls("GET", url, known.token()).status == 401
    for audience in ("https://management.core.windows.net/", "https://management.azure.com"):
        token = known.token(audience=audience, az=True)
        assert known.tls("GET", url, token).json["name"] == "my-vault"


def test_the_subscription_is_shown_to_who_may_see_it(azure):
    listed = azure.arm("GET", "/subscriptions", version="2022-12-01")
    (found,) = listed.body["value"]
    assert found["id"] == azure.subscription
    assert (found["state"], found["tenantId"]) == ("Enabled", azure.gate.tenant)
    shown = azure.arm("GET", azure.subscription, version="2022-12-01")
    assert shown.body == found
    assert azure.arm("GET", "/tenants", version="2022-12-01").body["value"]
    nothing = azure.arm("GET", "/subscriptions", version="2022-12-01", caller=STRANGER)
    assert nothing.body == {"value": []}
    assert azure.arm("GET", azure.subscription, caller=STRANGER).status == 403
    # Whatever somebody was given, az can be logged in as her.
    grants.assign(
        azure.gate, azure.me, "Key Vault Reader", STRANGER.oid, "ServicePrincipal", azure.vault
    )
    listed = azure.arm("GET", "/subscriptions", version="2022-12-01", caller=STRANGER)
    assert listed.body["value"] == [found]
