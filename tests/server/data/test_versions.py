"""Every secrets operation at every API version, and the two things in which versions differ."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from devvault.server.versions import DATA_VERSIONS, LATEST, OUT_CONTENT_TYPE, knows
from tests.server.planes import HOST, STRANGER, Azure


@pytest.mark.parametrize("version", DATA_VERSIONS)
def test_every_operation(azure: Azure, version: str) -> None:
    asked = {"api-version": version}

    def ask(method: str, path: str, body: object = None, **more: str) -> dict:
        answer = azure.data(method, path, body, query={**asked, **more})
        assert answer.status == (204 if "purge" in more else 200), answer.body
        return answer.body

    made = ask("PUT", "/secrets/n", {"value": "1", "tags": {"a": "b"}, "contentType": "text"})
    ask("PUT", "/secrets/m", {"value": "2"})
    assert ask("GET", "/secrets/n/")["value"] == "1"
    path = urlsplit(made["id"]).path
    assert ask("GET", path)["id"] == made["id"]
    changed = ask("PATCH", path, {"attributes": {"enabled": True, "exp": -1893456000}})
    assert changed["attributes"]["exp"] == -1893456000
    assert "value" not in changed
    first = ask("GET", "/secrets", maxresults="1")
    assert [found["id"] for found in first["value"]] == [f"https://{HOST}/secrets/m"]
    assert urlsplit(first["nextLink"]).netloc == f"{HOST}:443"
    assert azure.follow(first["nextLink"]).names == ["n"]
    assert ask("GET", "/secrets/n/versions")["value"][0]["id"] == made["id"]
    blob = ask("POST", "/secrets/n/backup")["value"]
    gone = ask("DELETE", "/secrets/n")
    assert ask("GET", "/deletedsecrets/n") == gone
    assert ask("GET", "/deletedsecrets")["value"][0]["recoveryId"] == gone["recoveryId"]
    assert ask("POST", "/deletedsecrets/n/recover")["id"] == made["id"]
    ask("DELETE", "/secrets/n")
    ask("DELETE", "/deletedsecrets/n", purge="")
    assert ask("POST", "/secrets/restore", {"value": blob})["id"] == made["id"]


@pytest.mark.parametrize("version", [*DATA_VERSIONS, "7.6-preview.2", "2026-03-01-preview"])
def test_recoverable_days_came_with_7_1(azure: Azure, version: str) -> None:
    old = version in {"2015-06-01", "2016-10-01", "7.0"}
    azure.set("n")
    asked = {"api-version": version}
    shown = azure.data("GET", "/secrets/n", query=asked).body["attributes"]
    assert shown["recoveryLevel"] == "Recoverable+Purgeable"
    assert ("recoverableDays" in shown) is not old
    listed = azure.data("GET", "/secrets", query=asked).body["value"][0]["attributes"]
    assert ("recoverableDays" in listed) is not old


def test_old_versions_do_not_look_at_the_wanted_content_type(azure: Azure) -> None:
    azure.set("n")
    pem = {"outContentType": "application/x-pem-file"}
    for version in DATA_VERSIONS:
        answer = azure.data("GET", "/secrets/n", query={"api-version": version, **pem})
        assert answer.status == (400 if knows(version, OUT_CONTENT_TYPE) else 200)
    assert knows(LATEST, OUT_CONTENT_TYPE)


@pytest.mark.parametrize("name", ["API-Version", "Api-version"])
def test_the_parameters_name_in_any_case(azure: Azure, name: str) -> None:
    azure.set("a")
    azure.set("b")
    page = azure.data("GET", "/secrets", query={name: "7.0", "maxresults": "1"})
    assert page.status == 200
    assert "recoverableDays" not in page.body["value"][0]["attributes"]
    assert "api-version=7.0&" in page.body["nextLink"]


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "operation", "status"),
    [
        ("GET", "/secrets/n", None, {}, "SecretGet", 400),
        ("GET", "/secrets/n", None, {"api-version": "7.7"}, "SecretGet", 400),
        ("PUT", "/secrets/a_b", {"value": "1"}, {"api-version": "7.5"}, "SecretSet", 400),
        ("PUT", "/secrets/a", b"{", {"api-version": "7.5"}, "SecretSet", 400),
        ("POST", "/secrets/n", None, {"api-version": "7.5"}, "Unknown", 405),
        ("GET", "/nothing", None, {"api-version": "7.5"}, "Unknown", 404),
        ("GET", "/secrets", None, {"api-version": "7.5", "maxresults": "0"}, "SecretList", 400),
        ("GET", "/secrets/none", None, {"api-version": "7.5"}, "SecretGet", 404),
        ("GET", "/secrets/n", None, {"api-version": "7.5"}, "SecretGet", 403),
    ],
)
def test_every_refusal_is_in_the_trail_once(
    azure: Azure, method, path, body, query, operation, status
) -> None:
    azure.set("n")
    caller = STRANGER if status == 403 else azure.me
    answer = azure.data(method, path, body, query=query, caller=caller)
    assert answer.status == status
    azure.gate.store.flush()
    with azure.gate.store.read() as reading:
        (_, last), (_, before) = azure.gate.trail.page(reading, before=None, after=None, limit=2)
    assert (last.operation, last.status, last.oid) == (operation, status, caller.oid)
    assert last.resource.startswith(azure.vault)
    assert (before.operation, before.status) == ("SecretSet", 200)


def test_a_vault_that_is_not_there_is_a_refusal_in_the_trail(azure: Azure) -> None:
    answer = azure.data("GET", "/secrets/n", host="other.vault.azure.net")
    assert (answer.status, answer.error["code"]) == (404, "VaultNotFound")
    azure.gate.store.flush()
    with azure.gate.store.read() as reading:
        ((_, last),) = azure.gate.trail.page(reading, before=None, after=None, limit=1)
    assert (last.operation, last.status) == ("SecretGet", 404)
    assert last.id == "https://other.vault.azure.net/secrets/n"
