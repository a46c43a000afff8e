"""Who is let in over TLS, and what the others are told."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devvault.access.tokens import Grant, Tokens, new_signing_key
from devvault.server.app import HTTP, PEER, TLS
from devvault.server.sessions import LIFE
from devvault.vault.overview import overview
from devvault.vault.rekeying import rekey
from devvault.vault.signing import get_tokens
from tests.server.listening import AUDIENCE, HTTPS_PORT, LOCAL, LOCAL_AUDIENCE, VAULT

SECRET = f"https://{VAULT}/secrets/db?api-version=7.4"


def test_a_token_opens_the_vault(front):
    front.set("db", "value-1")
    token = front.token()
    found = front.tls("GET", SECRET, token)
    assert found.status == 200
    assert found.json["value"] == "value-1"
    (record,) = front.trail("SecretGet")
    assert record.oid == front.gate.developer.oid
    assert record.address == "127.0.0.1"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_has_no_case(front, scheme):
    front.set("db", "value-1")
    headers = {"Authorization": f"{scheme} {front.token()}"}
    assert front.tls("GET", SECRET, headers=headers).status == 200


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", SECRET),
        ("PUT", SECRET),
        ("GET", f"https://{VAULT}/secrets/none?api-version=7.4"),
        ("GET", f"https://{VAULT}/nothing/here"),
        ("BREW", f"https://{VAULT}/"),
        ("GET", f"https://{VAULT}/secrets?api-version=99"),
        ("GET", f"https://{VAULT}/secrets?api-version=%ff"),
        ("POST", f"https://{VAULT}/secrets/restore?api-version=7.4"),
    ],
)
def test_without_a_token_there_is_a_challenge_and_nothing_else(front, method, url):
    front.set("db", "value-1")
    for body in (b"", b'{"value": "x"}', b"{"):
        found = front.tls(method, url, body=body)
        assert found.status == 401
        assert found.json["error"] == {
            "code": "Unauthorized",
            "message": "AKV10000: Request is missing a Bearer or PoP token.",
        }
        tenant = front.gate.tenant
        assert found.headers["www-authenticate"] == (
            f'Bearer authorization="https://login.microsoftonline.com/{tenant}",'
            f' resource="{AUDIENCE}"'
        )
        assert found.headers["x-ms-request-id"]
        assert not found.read


def test_the_challenge_of_a_local_name_names_its_port(front):
    found = front.tls("GET", f"https://{LOCAL}/secrets/db")
    assert found.headers["www-authenticate"].endswith(f'resource="{LOCAL_AUDIENCE}"')
    front.set("db", "value-1")
    for audience in (LOCAL_AUDIENCE, AUDIENCE):
        got = front.tls(
            "GET", f"https://{LOCAL}/secrets/db?api-version=7.4", front.token(audience=audience)
        )
        assert got.status == 200
        assert got.json["id"].startswith(f"https://{LOCAL}/secrets/db/")
    # The other way round it is a token for somebody else.
    found = front.tls("GET", SECRET, front.token(audience=LOCAL_AUDIENCE))
    assert "AKV10022" in found.message


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic x",
        "Bearer a b",
        "PoP x",
        "Bearer x, Bearer y",
        "Bearer \xe9",
    ],
)
def test_what_is_no_token_is_no_token(front, given):
    found = front.tls("GET", SECRET, headers={"Authorization": given})
    assert found.status == 401
    assert "AKV10000" in found.message


def test_two_tokens_are_none(front):
    token = front.token()
    found = front.tls("GET", SECRET, token, more=(("Authorization", f"Bearer {token}"),))
    assert found.status == 401


def test_a_token_ends_with_its_session(front):
    front.set("db", "value-1")
    opened = front.open()
    token = front.msi(opened).json["access_token"]
    assert front.tls("GET", SECRET, token).status == 200
    front.plane.sessions.end(opened.session.id)
    found = front.tls("GET", SECRET, token)
    assert found.status == 401
    assert "has ended" in found.message
    assert "www-authenticate" in found.headers


def test_a_token_of_a_shell_ends_with_its_eight_hours(front):
    front.set("db", "value-1")
    token = front.token()
    front.clock.move(LIFE - timedelta(seconds=1))
    assert front.tls("GET", SECRET, token).status == 200
    front.clock.move(timedelta(seconds=1))
    assert front.tls("GET", SECRET, token).status == 401


def test_a_locked_home_takes_no_token(front):
    front.set("db", "value-1")
    token = front.token()
    assert front.tls("GET", SECRET, token).status == 200
    front.keeper.lock()
    for headers in ({"Authorization": f"Bearer {token}"}, {}):
        found = front.tls("GET", SECRET, headers=headers)
        assert found.status == 423
        assert found.message == "the vault is locked; devvault unlock"
        assert found.json["error"]["hint"] == "devvault unlock"
    front.keeper.unlock()
    assert front.tls("GET", SECRET, token).status == 200


def test_a_rekey_ends_the_tokens_and_no_session(front):
    front.set("db", "value-1")
    opened = front.open()
    token = front.msi(opened).json["access_token"]
    assert front.tls("GET", SECRET, token).status == 200
    rekey(front.keeper, front.keeper.developer, lambda _done, _all: None)
    found = front.tls("GET", SECRET, token)
    assert (found.status, "AKV10046" in found.message) == (401, True)
    # A client that has kept the token is told to get a newer one.
    challenge = found.headers["www-authenticate"]
    assert f'resource="{AUDIENCE}", error="insufficient_claims", claims="' in challenge
    claims = json.loads(base64.b64decode(challenge.rpartition('claims="')[2].rstrip('"')))
    now = str(int(front.clock.now().timestamp()))
    assert claims == {"access_token": {"nbf": {"essential": True, "value": now}}}
    fresh = front.msi(opened).json["access_token"]
    assert front.tls("GET", SECRET, fresh).status == 200
    front.keeper.lock()
    front.keeper.unlock()
    assert front.tls("GET", SECRET, fresh).status == 200
    assert front.tls("GET", SECRET, token).status == 401


def issue(front, home=None, **more) -> str:
    grant = {
        "oid": front.gate.developer.oid,
        "appid": "a",
        "audience": AUDIENCE,
        "life": timedelta(hours=1),
        **more,
    }
    return (home or get_tokens(front.gate)).issue(Grant(**grant), front.clock.now()).token


def test_what_is_no_more_or_never_was_is_refused(front):
    front.set("db", "value-1")
    assert front.tls("GET", SECRET, issue(front)).status == 200
    for more, words in (
        ({"oid": "99999999-9999-4999-8999-999999999999"}, "AKV10005"),
        ({"session": "0123456789abcdef"}, "AKV10004"),
        ({"audience": "https://management.azure.com"}, "AKV10022"),
        ({"life": timedelta(0)}, "AKV10002"),
    ):
        found = front.tls("GET", SECRET, issue(front, **more))
        assert found.status == 401
        assert words in found.message
    other = Tokens(new_signing_key(), front.gate.tenant)
    assert "AKV10046" in front.tls("GET", SECRET, issue(front, other)).message
    cloud = Tokens(new_signing_key(), "99999999-9999-4999-8999-999999999999")
    assert "AKV10032" in front.tls("GET", SECRET, issue(front, cloud)).message


@settings(max_examples=30)
@given(data=st.data())
def test_no_bit_of_a_token_can_be_flipped(front, data):
    token = issue(front)
    at, bit = data.draw(st.integers(0, len(token) - 1)), data.draw(st.integers(0, 6))
    changed = token[:at] + chr(ord(token[at]) ^ (1 << bit)) + token[at + 1 :]
    found = front.tls("GET", SECRET, changed)
    assert found.status == 401


# -- hosts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "devvault",
        "127.0.0.1",
        f"127.0.0.1:{HTTPS_PORT}",
        "evil.example",
        "my-vault.vault.azure.net.evil.example",
        "my-vault.vault.azure.net:444",
        f"my-vault.vault.azure.net:{HTTPS_PORT}",
        "my-vault.vault.azure.net.",
        "my-vault.vault.localhost",
        f"my-vault.vault.localhost:{HTTPS_PORT + 1}",
        "my-vault.vault.localhost:443",
        f"a.my-vault.vault.localhost:{HTTPS_PORT}",
        "vault.azure.net",
        "my vault.vault.azure.net",
        "my-vault.vault.azure.net/",
        "management.azure.com:8443",
    ],
)
def test_another_host_is_refused(front, host):
    found = front.ask(TLS, "GET", "https://x/local/status", host=host)
    assert found.status == 421
    assert not found.read
    assert front.trail("Authentication")[0].result == "MisdirectedRequest"


def test_the_local_plane_is_on_the_socket_alone(front):
    for listener in (TLS, HTTP):
        assert front.ask(listener, "GET", "https://devvault/local/status").status == 421
    assert front.ask(PEER, "GET", "https://devvault/local/status").status == 200


@pytest.mark.parametrize("host", [VAULT, LOCAL, "MY-VAULT.VAULT.AZURE.NET:443"])
def test_our_own_hosts_are_answered(front, host):
    found = front.ask(TLS, "GET", "https://x/secrets", host=host)
    assert found.status == 401


@pytest.mark.parametrize(("name", "value"), [("Origin", "null"), ("Sec-Fetch-Site", "same-origin")])
@pytest.mark.parametrize("listener", [TLS, HTTP, PEER])
def test_a_web_page_is_refused_on_every_listener(front, listener, name, value):
    front.set("db", "value-1")
    headers = {name: value, "Authorization": f"Bearer {front.token()}"}
    found = front.ask(listener, "GET", SECRET, headers=headers)
    assert found.status == 403
    assert "web page" in found.message
    assert not [name for name in found.headers if name.startswith("access-control")]
    assert bool(front.trail("Authentication")) == (listener != PEER)


@pytest.mark.parametrize(
    "extensions",
    [
        {},
        {"other": {}},
        {PEER: {"uid": 0, "pid": 0}, TLS: {"port": HTTPS_PORT, "session": None}},
    ],
)
def test_what_came_by_no_listener_or_by_two_is_refused(front, extensions):
    assert front.ask(PEER, "GET", SECRET, extensions=extensions).status == 403


def test_two_hosts_are_refused(front):
    found = front.tls("GET", SECRET, more=(("Host", "evil.example"),))
    assert found.status == 400


def test_a_malformed_query_is_told_to_who_may_ask(front):
    url = f"https://{VAULT}/secrets?a=%ff"
    assert front.tls("GET", url).status == 401
    assert front.tls("GET", url, front.token()).status == 400


# -- vaults that are not here ---------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["other.vault.azure.net", f"other.vault.localhost:{HTTPS_PORT}", "ab.vault.azure.net"]
)
def test_an_unknown_vault_is_told_to_who_may_know(front, host):
    url = f"https://{host}/secrets/db?api-version=7.4"
    assert front.tls("GET", url).status == 401
    audience = LOCAL_AUDIENCE if "localhost" in host else AUDIENCE
    opened = front.open()
    for found in (
        front.tls("GET", url, front.token(audience=audience)),
        front.tls("GET", url, session=opened.session.id),
    ):
        assert found.status == 404
        assert found.json["error"]["code"] == "VaultNotFound"
        assert f"'{host.partition('.')[0]}' ({host})" in found.message
        assert "--pass-through" in found.message
        assert front.trail("Authentication")[0].result == "VaultNotFound"


def test_an_ended_run_is_told_nothing(front):
    opened = front.open()
    front.plane.sessions.end(opened.session.id)
    found = front.tls("GET", "https://other.vault.azure.net/", session=opened.session.id)
    assert found.status == 401


@pytest.mark.parametrize(
    "host",
    [
        "my-vault.vault.azure.cn",
        "my-vault.vault.usgovcloudapi.net",
        "my-vault.managedhsm.azure.net",
        "my-vault.privatelink.vaultcore.azure.net",
        "my-vault.vaultcore.azure.net",
    ],
)
def test_vaults_of_other_kinds_are_refused_in_plain_words(front, host):
    found = front.tls("GET", f"https://{host}/secrets/db")
    assert found.status == 404
    assert "--pass-through" in found.message
    assert host in found.message


# -- the trail ------------------------------------------------------------------------------


def test_refusals_are_recorded_and_a_flood_is_counted(front):
    for _ in range(100):
        assert front.tls("GET", SECRET).status == 401
    records = front.trail("Authentication")
    assert len(records) == 60
    assert {record.status for record in records} == {401}
    assert records[0].detail == "AKV10000: Request is missing a Bearer or PoP token."
    assert records[0].uri == f"https://{VAULT}/secrets/db"
    front.clock.move(timedelta(minutes=1))
    front.tls("GET", SECRET)
    assert front.trail("Authentication")[0].extra == {"unrecorded": "40", "challenge": "yes"}
    front.tls("GET", SECRET, "x.y.z")
    assert front.trail("Authentication")[0].extra == {}


def test_the_usual_first_request_is_no_refusal_to_look_into(front):
    front.tls("GET", SECRET)
    front.tls("GET", SECRET, "x.y.z")
    now = front.clock.now()
    found = overview(front.gate, front.keeper.developer, until=now, since=now)
    told = [record.detail for _, record in found.refused if record.operation == "Authentication"]
    assert told == ["AKV10001: The access token is malformed."]


def test_a_token_is_never_in_the_trail(front):
    token = front.token()
    front.tls("GET", SECRET, token[:-5] + "AAAAA")
    whole = repr(front.trail())
    assert token[-30:-5] not in whole


def test_unauthenticated_requests_keep_no_home_open(front):
    before = front.app.active
    front.tls("GET", SECRET)
    front.tls("GET", SECRET, "x.y.z")
    assert front.app.active == before
    front.tls("GET", SECRET, front.token())
    assert front.app.active == before + 1
