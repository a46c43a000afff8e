from __future__ import annotations

import base64
import json
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devvault.vault import identities
from devvault.vault.credentials import create_credential
from devvault.vault.principals import find_principal
from tests.server.listening import AUDIENCE, HTTPS_PORT, LOCAL, LOCAL_AUDIENCE

LOGIN = "https://login.microsoftonline.com"
HOSTS = [
    LOGIN,
    "https://login.windows.net",
    f"https://vault.localhost:{HTTPS_PORT}",
    f"https://{LOCAL}",
]
SCOPE = f"{AUDIENCE}/.default"


class Client:
    def __init__(self, front) -> None:
        self.front = front
        identities.put_identity(front.gate, front.keeper.developer, "devvault", "my-client")
        self.who = find_principal(front.gate, "my-client")
        made = create_credential(front.gate, front.keeper.developer, self.who)
        self.secret = made.secret
        self.key = made.credential.id

    def post(self, *, base: str = LOGIN, path: str = "oauth2/v2.0/token", more=None, **form):
        asked = {
            "grant_type": "client_credentials",
            "client_id": self.who.appid,
            "client_secret": self.secret,
            "scope": SCOPE,
            **form,
        }
        body = urlencode({name: value for name, value in asked.items() if value}).encode()
        url = f"{base}/{self.front.gate.tenant}/{path}"
        return self.front.tls("POST", url, body=body, **(more or {}))


@pytest.fixture
def client(front):
    return Client(front)


def claims(found) -> dict:
    assert found.status == 200, found.body
    return json.loads(base64.urlsafe_b64decode(found.json["access_token"].split(".")[1] + "=="))


@pytest.mark.parametrize("base", HOSTS)
def test_a_client_finds_its_way_from_discovery_to_a_token(front, client, base):
    tenant = front.gate.tenant
    found = front.tls("GET", f"{base}/{tenant}/v2.0/.well-known/openid-configuration")
    document = found.json
    assert document["token_endpoint"] == f"{base}/{tenant}/oauth2/v2.0/token"
    assert document["authorization_endpoint"] == f"{base}/{tenant}/oauth2/v2.0/authorize"
    keys = front.tls("GET", document["jwks_uri"]).json["keys"]
    granted = client.post(base=base)
    assert set(granted.json) == {"token_type", "expires_in", "ext_expires_in", "access_token"}
    assert granted.json["expires_in"] == 3600
    assert granted.headers["cache-control"] == "no-store"
    told = claims(granted)
    assert (told["oid"], told["appid"]) == (client.who.oid, client.who.appid)
    assert (told["appidacr"], told["aud"]) == ("1", AUDIENCE)
    head = granted.json["access_token"].split(".")[0]
    assert json.loads(base64.urlsafe_b64decode(head + "=="))["kid"] == keys[0]["kid"]


@pytest.mark.parametrize("tenant", ["common", "organizations"])
def test_instance_discovery_leads_to_the_home(front, tenant):
    url = f"{LOGIN}/{tenant}/discovery/instance?api-version=1.1&authorization_endpoint=x"
    found = front.tls("GET", url).json
    assert found["tenant_discovery_endpoint"] == (
        f"{LOGIN}/{front.gate.tenant}/v2.0/.well-known/openid-configuration"
    )
    assert "login.microsoftonline.com" in found["metadata"][0]["aliases"]


def test_the_first_version_has_a_resource_and_texts(front, client):
    found = client.post(path="oauth2/token", scope="", resource=AUDIENCE)
    assert claims(found)["aud"] == AUDIENCE
    assert found.json["resource"] == AUDIENCE
    assert all(isinstance(value, str) for value in found.json.values())
    document = front.tls("GET", f"{LOGIN}/{front.gate.tenant}/.well-known/openid-configuration")
    assert document.json["token_endpoint"].endswith("/oauth2/token")


def test_its_token_opens_what_it_may(front, client):
    front.set("db", "value-1")
    token = client.post().json["access_token"]
    url = "https://my-vault.vault.azure.net/secrets/db?api-version=7.4"
    assert front.tls("GET", url, token).json["error"]["innererror"]["code"] == "ForbiddenByRbac"
    local = client.post(scope=f"{LOCAL_AUDIENCE}/.default").json["access_token"]
    assert front.tls("GET", f"https://{LOCAL}/secrets/db?api-version=7.4", local).status == 403
    identities.delete_identity(front.gate, front.keeper.developer, "devvault", "my-client")
    found = front.tls("GET", url, token)
    assert (found.status, "AKV10005" in found.message) == (401, True)


def test_a_client_may_authenticate_by_header(front, client):
    words = f"{quote(client.who.appid)}:{quote(client.secret)}"
    header = f"Basic {base64.b64encode(words.encode()).decode()}"
    more = {"headers": {"Authorization": header}}
    found = client.post(client_id="", client_secret="", more=more)
    assert claims(found)["oid"] == client.who.oid
    for wrong in ("Basic ====", "Basic /w==", "Basic Og=="):
        more = {"headers": {"Authorization": wrong}}
        assert client.post(client_id="", client_secret="", more=more).status in {400, 401}


def test_cae_is_granted_where_it_is_asked_for(client):
    asked = json.dumps({"access_token": {"xms_cc": {"values": ["CP1"]}}})
    assert claims(client.post(claims=asked))["xms_cc"] == ["CP1"]
    for other in ("{", "[]", '{"access_token": 1}', "[" * 5000):
        assert "xms_cc" not in claims(client.post(claims=other))


def test_a_token_through_a_runs_tunnel_ends_with_the_run(front, client):
    opened = front.open()
    token = client.post(more={"session": opened.session.id})
    assert claims(token)["sid"] == opened.session.id
    front.plane.sessions.end(opened.session.id)
    url = "https://my-vault.vault.azure.net/secrets?api-version=7.4"
    assert "AKV10004" in front.tls("GET", url, token.json["access_token"]).message


@pytest.mark.parametrize(
    ("form", "status", "error", "words"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", "AADSTS7000215"),
        ({"client_secret": ""}, 401, "invalid_client", "AADSTS7000216"),
        ({"client_id": "nobody"}, 401, "unauthorized_client", "AADSTS700016"),
        ({"client_id": ""}, 400, "invalid_request", "AADSTS900144"),
        ({"client_id": "me"}, 401, "unauthorized_client", "AADSTS700016"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", "AADSTS70003"),
        ({"grant_type": ""}, 400, "unsupported_grant_type", "AADSTS70003"),
        ({"scope": ""}, 400, "invalid_scope", "AADSTS1002012"),
        ({"scope": AUDIENCE}, 400, "invalid_scope", "AADSTS1002012"),
        ({"scope": f"{SCOPE} openid"}, 400, "invalid_scope", "AADSTS1002012"),
        ({"scope": "https://x\x1b.example/.default"}, 400, "invalid_resource", "AADSTS500011"),
    ],
)
def test_entras_refusals(client, form, status, error, words):
    found = client.post(**form)
    assert (found.status, found.json["error"]) == (status, error)
    assert words in found.json["error_description"]
    assert found.json["error_description"].isprintable()
    assert found.json["error_codes"]
    assert client.secret not in found.body.decode()
    assert client.front.trail("TokenIssue")[0].status == status


def test_a_secret_that_is_over_says_so(front, client):
    front.clock.move(timedelta(days=366))
    assert "AADSTS7000222" in client.post().json["error_description"]


def test_another_tenant_is_not_here(front):
    other = "99999999-9999-4999-8999-999999999999"
    found = front.tls("GET", f"{LOGIN}/{other}/v2.0/.well-known/openid-configuration")
    assert found.status == 400
    assert "AADSTS90002" in found.json["error_description"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/TENANT/oauth2/v2.0/authorize"),
        ("POST", "/TENANT/oauth2/v2.0/devicecode"),
        ("GET", "/TENANT/oauth2/v2.0/token"),
        ("POST", "/TENANT/v2.0/.well-known/openid-configuration"),
        ("GET", "/TENANT/../TENANT/discovery/keys"),
    ],
)
def test_there_is_nothing_else(front, method, path):
    url = LOGIN + path.replace("TENANT", front.gate.tenant)
    assert front.tls(method, url).status in {400, 404}


def test_the_real_vaults_host_is_no_login_host(front):
    url = f"https://my-vault.vault.azure.net/{front.gate.tenant}/oauth2/v2.0/token"
    found = front.tls("POST", url, body=b"grant_type=client_credentials")
    assert (found.status, found.read) == (401, False)


@settings(max_examples=60)
@given(body=st.binary(max_size=300) | st.text(alphabet="a=&%+;\x00é", max_size=60))
def test_no_body_breaks_it(front, body):
    raw = body if isinstance(body, bytes) else body.encode()
    url = f"{LOGIN}/{front.gate.tenant}/oauth2/v2.0/token"
    assert front.tls("POST", url, body=raw).status == 400


def test_a_parameter_that_is_there_twice_is_refused(front):
    url = f"{LOGIN}/{front.gate.tenant}/oauth2/v2.0/token"
    found = front.tls("POST", url, body=b"grant_type=client_credentials&client_id=a&client_id=b")
    assert "AADSTS9000411" in found.json["error_description"]


def test_a_long_body_is_not_read(front):
    url = f"{LOGIN}/{front.gate.tenant}/oauth2/v2.0/token"
    assert front.tls("POST", url, body=b"x" * 70_000).status == 413
