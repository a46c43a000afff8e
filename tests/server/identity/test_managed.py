from __future__ import annotations

import base64
import json
import os
from datetime import timedelta

import pytest

from devvault.access.principals import SERVICE, USER, Principal
from devvault.model import operations as op
from devvault.server.app import HTTP
from devvault.server.sessions import RUN
from devvault.vault.gate import Target
from devvault.vault.identities import put_identity
from devvault.vault.principals import write_principal
from tests.server.listening import AUDIENCE, HTTP_PORT, LOCAL_AUDIENCE

BASE = f"http://127.0.0.1:{HTTP_PORT}"
APP = Principal(
    "aaaaaaaa-0000-4000-8000-000000000001",
    "my-web-app",
    SERVICE,
    "aaaaaaaa-0000-4000-8000-000000000002",
    "/subscriptions/s/resourcegroups/g/providers/Microsoft.Web/sites/my-web-app",
)
ASSIGNED = Principal(
    "bbbbbbbb-0000-4000-8000-000000000001",
    "shared",
    SERVICE,
    "bbbbbbbb-0000-4000-8000-000000000002",
    "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity"
    "/userAssignedIdentities/shared",
)
ADA = Principal("cccccccc-0000-4000-8000-000000000001", "ada@example.org", USER)


@pytest.fixture
def known(front):
    def act(writing):
        for who in (APP, ASSIGNED, ADA):
            write_principal(front.gate, writing, who)

    front.gate.change_access(
        front.keeper.developer, op.PUT_ASSIGNMENT, Target(front.azure.vault), act
    )
    return front


def claims(found) -> dict:
    assert found.status == 200, found.body
    return json.loads(base64.urlsafe_b64decode(found.json["access_token"].split(".")[1] + "=="))


def test_app_service_answers_as_the_run(known):
    opened = known.open(APP.oid)
    found = known.msi(opened)
    body = found.json
    assert set(body) == {
        "access_token",
        "expires_on",
        "expires_in",
        "resource",
        "token_type",
        "client_id",
    }
    assert all(isinstance(value, str) for value in body.values())
    assert (body["resource"], body["token_type"]) == (AUDIENCE, "Bearer")
    assert body["client_id"] == APP.appid
    # A shell's tokens end with it.
    assert body["expires_in"] == "28800"
    assert int(body["expires_on"]) == int(known.clock.now().timestamp()) + 28800
    assert found.headers["cache-control"] == "no-store"
    told = claims(found)
    assert (told["oid"], told["appid"], told["idtyp"]) == (APP.oid, APP.appid, "app")
    assert told["xms_mirid"] == APP.resource_id
    assert told["sid"] == opened.session.id
    assert told["iss"] == f"https://sts.windows.net/{known.gate.tenant}/"


def test_the_developer_is_a_user(known):
    told = claims(known.msi(known.open()))
    assert told["oid"] == known.gate.developer.oid
    assert told["idtyp"] == "user"
    assert claims(known.msi(known.open(ADA.oid)))["name"] == ADA.name


def test_the_old_form_takes_its_own_header(known):
    opened = known.open(APP.oid)
    url = f"{BASE}/msi/token?api-version=2017-09-01&resource={AUDIENCE}"
    assert claims(known.ask(HTTP, "GET", url, headers={"secret": opened.header}))["oid"] == APP.oid
    assert known.ask(HTTP, "GET", url, headers={"X-IDENTITY-HEADER": opened.header}).status == 401
    named = f"{url}&clientid={ASSIGNED.appid}"
    found = known.ask(HTTP, "GET", named, headers={"secret": opened.header})
    assert claims(found)["oid"] == ASSIGNED.oid


def test_imds_lies_below_the_secret_path(known):
    opened = known.open(APP.oid)
    found = known.imds(opened.path)
    assert claims(found)["oid"] == APP.oid
    assert {"expires_in", "ext_expires_in", "not_before"} <= set(found.json)
    probe = known.imds(opened.path, headers={})
    assert probe.status == 400
    assert probe.json == {
        "error": "invalid_request",
        "error_description": "Required metadata header not specified",
    }
    url = f"{BASE}/metadata/identity/oauth2/token?resource={AUDIENCE}"
    assert known.ask(HTTP, "GET", url, headers={"Metadata": "true"}).status == 404


def test_no_secret_opens_another_door(known):
    opened = known.open(APP.oid)
    for wrong in ("", "x", opened.proxy, opened.path, opened.session.id, opened.header[:-1]):
        found = known.msi(wrong)
        assert found.status == 401
        assert found.json["statusCode"] == 401
        assert "access_token" not in found.json
    for wrong in (opened.header, opened.proxy, "x"):
        assert known.imds(wrong).status == 404
    assert {record.status for record in known.trail("TokenIssue")} == {401, 404}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", ASSIGNED.appid),
        ("client_id", ASSIGNED.appid.upper()),
        ("client_id", "shared"),
        ("object_id", ASSIGNED.oid),
        ("principal_id", ASSIGNED.oid),
        ("mi_res_id", ASSIGNED.resource_id),
        ("msi_res_id", ASSIGNED.resource_id.upper()),
        ("client_id", APP.appid),
        ("client_id", "my-web-app"),
    ],
)
def test_an_identity_can_be_named(known, name, value):
    opened = known.open(APP.oid)
    wanted = APP if "app" in value or value == APP.appid else ASSIGNED
    found = known.msi(opened, **{name: value})
    assert claims(found)["oid"] == wanted.oid
    assert found.json["client_id"] == wanted.appid


@pytest.mark.parametrize(
    "query",
    [
        {"client_id": "99999999-9999-4999-8999-999999999999"},
        {"client_id": "no such name"},
        {"object_id": "nobody"},
        {"mi_res_id": "nobody"},
        {"object_id": ADA.oid},
        {"client_id": "me"},
        {"client_id": APP.appid},
        {"client_id": ASSIGNED.appid, "object_id": ASSIGNED.oid},
    ],
)
def test_nobody_else_can_be_named(known, query):
    found = known.msi(known.open(ASSIGNED.oid), **query)
    assert found.status == 400
    assert found.json["statusCode"] == 400


@pytest.mark.parametrize("audience", [AUDIENCE, f"{AUDIENCE}/", f"{AUDIENCE}/.default"])
def test_a_vault_audience_is_given_as_key_vault_wants_it(known, audience):
    assert claims(known.msi(known.open(), audience))["aud"] == AUDIENCE


def test_this_daemons_own_audience_is_ours(known):
    assert claims(known.msi(known.open(), LOCAL_AUDIENCE))["aud"] == LOCAL_AUDIENCE


@pytest.mark.parametrize(
    "audience",
    [
        "",
        "https://storage.azure.com",
        "https://graph.microsoft.com",
        "https://vault.azure.net.evil.example",
        "https://vault.localhost:1",
        "http://vault.azure.net",
    ],
)
def test_any_other_audience_is_an_error(known, audience):
    found = known.msi(known.open(), audience)
    assert found.status == 400
    assert "access_token" not in found.json
    found = known.imds(known.open().path, audience)
    assert (found.status, found.json["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "audience", ["https://management.core.windows.net/", "https://graph.microsoft.com/"]
)
def test_a_shell_of_az_has_more_audiences(known, audience):
    assert claims(known.msi(known.open(az=True), audience))["aud"] == audience
    assert known.msi(known.open(az=True), "https://storage.azure.com").status == 400


def test_a_shell_may_ask_for_resource_manager_and_a_run_may_not(known):
    audience = "https://management.azure.com"
    assert claims(known.msi(known.open(), audience))["aud"] == audience
    run = known.plane.sessions.open(RUN, APP.oid, group=os.getpgrp())
    assert known.msi(run, audience).status == 400
    assert claims(known.msi(run))["oid"] == APP.oid


def test_a_name_that_nobody_bears_becomes_an_identity_without_rights(known):
    known.set("db", "value-1")
    opened = known.open()
    found = known.msi(opened, client_id="devvault-user-assigned")
    told = claims(found)
    assert told["oid"] != known.gate.developer.oid
    again = claims(known.msi(opened, client_id="DevVault-user-assigned"))
    assert (again["oid"], again["appid"]) == (told["oid"], told["appid"])
    url = "https://my-vault.vault.azure.net/secrets/db?api-version=7.4"
    refused = known.tls("GET", url, found.json["access_token"])
    assert refused.json["error"]["innererror"]["code"] == "ForbiddenByRbac"
    (made,) = known.trail("ManagedIdentityPut")
    assert made.name == "devvault"


def test_a_client_id_of_the_cloud_is_refused_with_the_way_to_have_it(known):
    asked = "99999999-9999-4999-8999-999999999999"
    opened = known.open()
    found = known.msi(opened, client_id=asked)
    assert found.status == 400
    assert f"devvault identity create --name NAME --client-id {asked}" in found.json["message"]
    me = known.keeper.developer
    made = put_identity(known.gate, me, "devvault", "mine", appid=asked.upper())
    assert claims(known.msi(opened, client_id=asked))["oid"] == made.oid


def test_a_run_that_passes_through_has_no_tokens(known):
    opened = known.open(pass_through=True)
    for found in (known.msi(opened), known.imds(opened.path)):
        assert found.status == 400


def test_an_identity_that_is_gone_has_no_tokens(known):
    found = known.msi(known.open("99999999-9999-4999-8999-999999999999"))
    assert found.status == 400
    assert "does not exist" in found.json["message"]


def test_an_ended_session_has_no_tokens(known):
    opened = known.open()
    known.clock.move(timedelta(hours=8))
    assert known.msi(opened).status == 401
    assert known.imds(opened.path).status == 404


def test_a_locked_home_says_so(known):
    opened = known.open()
    known.keeper.lock()
    found = known.msi(opened)
    assert found.status == 423
    assert "devvault unlock" in found.json["message"]
    known.keeper.unlock()


def test_cae_is_granted_where_it_is_asked_for(known):
    assert claims(known.msi(known.open(), xms_cc="cp1"))["xms_cc"] == ["CP1"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/local/status"), ("POST", "/msi/token"), ("GET", "/msi/token/x")],
)
def test_there_is_nothing_else(known, method, path):
    opened = known.open()
    url = f"{BASE}{path}?api-version=2019-08-01&resource={AUDIENCE}"
    found = known.ask(HTTP, method, url, headers={"X-IDENTITY-HEADER": opened.header})
    assert found.status in {400, 404}
    assert not found.read


@pytest.mark.parametrize("version", ["", "2018-01-01", "x"])
def test_an_unknown_version_is_refused(known, version):
    opened = known.open()
    url = f"{BASE}/msi/token?api-version={version}&resource={AUDIENCE}"
    found = known.ask(HTTP, "GET", url, headers={"X-IDENTITY-HEADER": opened.header})
    assert found.status == 400


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1", f"127.0.0.1:{HTTP_PORT + 1}", f"127.0.0.2:{HTTP_PORT}", ""],
)
def test_another_host_is_refused(known, host):
    opened = known.open()
    headers = {"X-IDENTITY-HEADER": opened.header}
    url = f"{BASE}/msi/token?api-version=2019-08-01&resource={AUDIENCE}"
    assert known.ask(HTTP, "GET", url, host=host, headers=headers).status == 421
    for good in (f"127.0.0.1:{HTTP_PORT}", f"localhost:{HTTP_PORT}"):
        assert known.ask(HTTP, "GET", url, host=good, headers=headers).status == 200


def test_no_secret_of_a_run_is_in_the_trail(known):
    opened = known.open()
    known.imds(opened.path)
    known.imds(opened.path, headers={})
    known.imds(opened.path + "x")
    known.imds(opened.header)
    known.msi(opened)
    known.msi(opened.header + "x")
    known.ask(HTTP, "GET", f"{BASE}/{opened.path}")
    known.ask(HTTP, "GET", f"{BASE}/{opened.path}/msi/token")
    known.ask(HTTP, "GET", f"{BASE}/{opened.path}", host="evil.example")
    whole = repr(known.trail())
    for secret in (opened.path, opened.header, opened.proxy):
        assert secret[16:] not in whole
    uris = {record.uri for record in known.trail("TokenIssue")}
    assert uris == {
        f"{BASE}/msi/token",
        f"{BASE}/.../metadata/identity/oauth2/token",
        f"{BASE}/.../msi/token",
        f"{BASE}/...",
    }


def test_what_is_given_out_is_recorded(known):
    known.msi(known.open(APP.oid))
    (record,) = known.trail("TokenIssue")
    assert (record.oid, record.name, record.id) == (APP.oid, "my-web-app", AUDIENCE)
    assert (record.status, record.address) == (200, "127.0.0.1")
