from __future__ import annotations

import base64
import re
from datetime import timedelta

import pytest

from tests.server.planes import HOST, STRANGER, Azure

BASE = f"https://{HOST}/secrets"
AT = 1772366400  # the clock's start, 2026-03-01T12:00:00Z


def attributes(**more: object) -> dict:
    return {
        "enabled": True,
        "created": AT,
        "updated": AT,
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": 90,
        **more,
    }


def test_set_answers_the_whole_bundle(azure: Azure) -> None:
    made = azure.data(
        "PUT",
        "/secrets/Db",
        {
            "value": "sésame\r\n",
            "contentType": "text/plain",
            "tags": {"a": "b"},
            "attributes": {"enabled": True, "nbf": 1, "exp": 4102444800},
        },
    )
    assert made.status == 200
    version = made.body["id"].rsplit("/", 1)[-1]
    assert re.fullmatch("[0-9a-f]{32}", version)
    assert made.body == {
        "value": "sésame\r\n",
        "id": f"{BASE}/Db/{version}",
        "contentType": "text/plain",
        "attributes": attributes(nbf=1, exp=4102444800),
        "tags": {"a": "b"},
    }


def test_what_is_absent_is_left_out(azure: Azure) -> None:
    assert set(azure.set("db").body) == {"value", "id", "attributes"}
    assert azure.set("db").body["attributes"] == attributes()


def test_every_set_is_a_new_version_and_the_newest_is_current(azure: Azure) -> None:
    first, second = azure.set("db", "1").body["id"], azure.set("DB", "2").body["id"]
    assert first != second
    for path in ("/secrets/db", "/secrets/db/", "/secrets/DB", "//secrets//db"):
        assert azure.data("GET", path).body["value"] == "2"
    older = azure.data("GET", first.removeprefix(f"https://{HOST}"))
    assert (older.body["value"], older.body["id"]) == ("1", first)


def test_ids_bear_the_host_and_port_that_the_client_used(azure: Azure) -> None:
    host = "my-vault.vault.localhost:8443"
    assert (
        azure.data("PUT", "/secrets/n", {"value": ""}, host=host)
        .body["id"]
        .startswith(f"https://{host}/secrets/n/")
    )
    assert azure.data("GET", "/secrets/n", host=host).body["value"] == ""
    page = azure.data("GET", "/secrets", host=host).body
    assert page == {
        "value": [{"id": f"https://{host}/secrets/n", "attributes": attributes()}],
        "nextLink": None,
    }


def test_update_changes_metadata_and_gives_no_value(azure: Azure) -> None:
    azure.set("db", "1", tags={"a": "b"}, contentType="x")
    azure.clock.move(timedelta(seconds=5))
    changed = azure.data("PATCH", "/secrets/db/", {"attributes": {"exp": 7}})
    assert changed.status == 200
    assert "value" not in changed.body
    assert changed.body["attributes"] == attributes(exp=7, updated=AT + 5)
    assert (changed.body["tags"], changed.body["contentType"]) == ({"a": "b"}, "x")
    version = changed.body["id"].rsplit("/", 1)[-1]
    again = azure.data("PATCH", f"/secrets/db/{version}", {"tags": {"c": "d"}})
    assert (again.body["tags"], again.body["attributes"]["exp"]) == ({"c": "d"}, 7)
    assert "tags" not in azure.data("PATCH", "/secrets/db", {"tags": {}}).body
    assert azure.data("GET", "/secrets/db").body["value"] == "1"
    assert azure.data("PATCH", "/secrets/db", {"value": "2"}).status == 400
    assert azure.data("PATCH", "/secrets/nope", {}).status == 404
    assert azure.data("PATCH", f"/secrets/db/{'0' * 32}", {}).status == 404


def test_a_disabled_version_is_listed_and_not_given(azure: Azure) -> None:
    old = azure.set("db", "1").body["id"]
    azure.set("db", "2", attributes={"enabled": False})
    refused = azure.data("GET", "/secrets/db")
    assert refused.status == 403
    assert refused.error == {
        "code": "Forbidden",
        "message": "Operation get is not allowed on a disabled secret.",
        "innererror": {"code": "SecretDisabled"},
    }
    assert azure.data("GET", old.removeprefix(f"https://{HOST}")).body["value"] == "1"
    assert azure.data("GET", "/secrets").body["value"][0]["attributes"]["enabled"] is False


def test_outside_its_times_a_secret_is_given(azure: Azure) -> None:
    azure.set("old", "1", attributes={"exp": AT - 1})
    azure.set("new", "2", attributes={"nbf": AT + 999, "exp": 1})
    assert azure.data("GET", "/secrets/old").body["value"] == "1"
    assert azure.data("GET", "/secrets/new").body["value"] == "2"


def test_a_javascript_date_after_2038_is_kept_as_it_came(azure: Azure) -> None:
    azure.set("db", attributes={"exp": -1773355776})
    assert azure.data("GET", "/secrets/db").body["attributes"]["exp"] == -1773355776


def test_lists_never_hold_a_value_and_go_page_by_page(azure: Azure) -> None:
    for number in range(7):
        azure.set(f"n{number}", "hidden", tags={"a": "b"}, contentType="x")
    first = azure.data("GET", "/secrets", query={"api-version": "7.4", "maxresults": "3"})
    assert first.names == ["n0", "n1", "n2"]
    assert set(first.body["value"][0]) == {"id", "attributes", "tags", "contentType"}
    link = first.body["nextLink"]
    assert link.startswith(f"https://{HOST}:443/secrets?api-version=7.4&$skiptoken=")
    assert "+" not in link
    azure.data("DELETE", "/secrets/n3")
    second = azure.follow(link)
    assert second.names == ["n4", "n5", "n6"]
    assert second.body["nextLink"] is None
    assert "hidden" not in str(first.body) + str(second.body)


def test_a_default_page_holds_25(azure: Azure) -> None:
    for number in range(26):
        azure.set(f"n{number:02}")
    page = azure.data("GET", "/secrets/")
    assert len(page.names) == 25
    assert azure.follow(page.body["nextLink"]).names == ["n25"]


def test_versions_have_full_ids_and_an_unknown_name_none(azure: Azure) -> None:
    made = {azure.set("db", str(number)).body["id"] for number in range(3)}
    first = azure.data(
        "GET", "/secrets/db/versions", query={"api-version": "7.5", "maxresults": "2"}
    )
    rest = azure.follow(first.body["nextLink"])
    assert {found["id"] for found in first.body["value"] + rest.body["value"]} == made
    assert azure.data("GET", "/secrets/nope/versions").body == {"value": [], "nextLink": None}


def test_backup_and_restore(azure: Azure) -> None:
    ids = [azure.set("db", str(number)).body["id"] for number in range(3)]
    blob = azure.data("POST", "/secrets/db/backup").body["value"]
    assert re.fullmatch(r"[A-Za-z0-9_-]+", blob)
    raw = base64.urlsafe_b64decode(blob + "=" * (-len(blob) % 4))
    assert raw[:42] == b")AzureKeyVaultSecretBackupV1.microsoft.com"
    held = azure.data("POST", "/secrets/restore", {"value": blob})
    assert (held.status, held.error["code"]) == (409, "Conflict")
    azure.data("DELETE", "/secrets/db")
    held = azure.data("POST", "/secrets/restore", {"value": blob})
    assert held.error["innererror"] == {"code": "ObjectIsDeletedButRecoverable"}
    azure.data("DELETE", "/deletedsecrets/db")
    back = azure.data("POST", "/secrets/restore", {"value": blob})
    assert back.status == 200
    assert back.body["id"] == ids[-1]
    assert "value" not in back.body
    for id, value in zip(ids, "012", strict=True):
        assert azure.data("GET", id.removeprefix(f"https://{HOST}")).body["value"] == value


@pytest.mark.parametrize("value", [None, 7, "", "!!!", "AAAA", "é", "A" * 5000])
def test_what_is_no_blob(azure: Azure, value: object) -> None:
    refused = azure.data("POST", "/secrets/restore", {"value": value})
    assert (refused.status, refused.error["code"]) == (400, "BadParameter")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"value": None},
        {"value": 7},
        {"value": "x" * 25601},
        {"value": "x", "tags": {"a": 1}},
        {"value": "x", "tags": []},
        {"value": "x", "tags": {str(number): "" for number in range(16)}},
        {"value": "x", "contentType": "y" * 256},
        {"value": "x", "contentType": 1},
        {"value": "x", "attributes": {"enabled": "true"}},
        {"value": "x", "attributes": {"exp": "tomorrow"}},
        {"value": "x", "attributes": {"exp": 1e300}},
        {"value": "x", "attributes": {"exp": 10**15}},
        {"value": "x", "attributes": {"nbf": True}},
        {"value": "x", "attributes": []},
        b"",
        b"[]",
        b"{",
        b'{"value": "\xff"}',
        b'{"value": "\\ud800"}',
        b'{"value": "x", "contentType": "\\udc00"}',
        b'{"value": "x", "tags": {"\\ud800": "y"}}',
        '{"value": "x"}'.encode("utf-16"),
        b"[" * 100_000,
    ],
)
def test_bad_bodies_are_refused_and_nothing_is_made(azure: Azure, body: object) -> None:
    refused = azure.data("PUT", "/secrets/db", body)
    assert (refused.status, refused.error["code"]) == (400, "BadParameter")
    assert azure.data("GET", "/secrets").body["value"] == []


@pytest.mark.parametrize("name", ["a_b", "a.b", "é", "a%2Fb", "x" * 128, "a b"])
def test_bad_names(azure: Azure, name: str) -> None:
    refused = azure.data("PUT", f"/secrets/{name}", {"value": "1"})
    assert (refused.status, refused.error["message"]) == (
        400,
        f"The request URI contains an invalid name: {name}",
    )


def test_not_found_in_azures_words(azure: Azure) -> None:
    missing = azure.data("GET", "/secrets/nope/")
    assert (missing.status, missing.error["code"]) == (404, "SecretNotFound")
    assert missing.error["message"].startswith(
        "A secret with (name/id) nope was not found in this key vault."
    )
    azure.set("db")
    version = "0" * 32
    missing = azure.data("GET", f"/secrets/db/{version}")
    assert f"(name/id) db/{version} was not found" in missing.error["message"]
    gone = azure.data("GET", "/secrets/n", host="other.vault.azure.net")
    assert (gone.status, gone.error["code"]) == (404, "VaultNotFound")


def test_a_stranger_is_refused_in_azures_words(azure: Azure) -> None:
    azure.set("db")
    for method, path, body in (
        ("GET", "/secrets/db", None),
        ("GET", "/secrets", None),
        ("PUT", "/secrets/db", {"value": "2"}),
        ("PATCH", "/secrets/db", {}),
        ("DELETE", "/secrets/db", None),
        ("POST", "/secrets/db/backup", None),
        ("GET", "/deletedsecrets", None),
        ("DELETE", "/deletedsecrets/db", None),
        ("POST", "/deletedsecrets/db/recover", None),
    ):
        refused = azure.data(method, path, body, caller=STRANGER)
        assert refused.status == 403, (method, path)
        assert refused.error["innererror"] == {"code": "ForbiddenByRbac"}
        assert "DecisionReason: 'DeniedWithNoValidRBAC' \r\n" in refused.error["message"]
    assert azure.data("GET", "/secrets/db").body["value"] == "1"


def test_another_form_of_a_plain_secret_is_refused(azure: Azure) -> None:
    azure.set("db", "1", contentType="application/x-pem-file")
    query = {"api-version": "2026-04-01", "outContentType": "application/x-pem-file"}
    assert azure.data("GET", "/secrets/db", query=query).body["value"] == "1"
    query["outContentType"] = "application/x-pkcs12"
    refused = azure.data("GET", "/secrets/db", query=query)
    assert refused.status == 400
    assert "value" not in refused.body
