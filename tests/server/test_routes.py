from __future__ import annotations

import re

import pytest

from devvault.server.routes import CONTROL
from devvault.server.versions import DATA_VERSIONS
from tests.server.planes import HOST, Azure


@pytest.mark.parametrize(
    "version",
    [*DATA_VERSIONS, "7.6-preview.2", "2025-06-01-preview", "2026-03-01-preview", "7.6-PREVIEW.2"],
)
def test_known_versions(azure: Azure, version: str) -> None:
    assert azure.data("GET", "/secrets", query={"api-version": version}).status == 200


@pytest.mark.parametrize(
    "version", ["7.7", "1.0", "2024-01-01", "7.5\n", "2025-07-02", "latest", "7", "7.5 "]
)
def test_unknown_versions_in_azures_words(azure: Azure, version: str) -> None:
    refused = azure.data("GET", "/secrets", query={"api-version": version})
    assert refused.status == 400
    assert refused.error == {
        "code": "BadParameter",
        "message": f"The specified version ({version}) is not recognized. Consider using the"
        " latest supported version (2026-04-01).",
    }


@pytest.mark.parametrize("query", [{}, {"api-version": ""}, {"version": "7.5"}])
def test_a_version_is_needed(azure: Azure, query: dict) -> None:
    refused = azure.data("GET", "/secrets", query=query)
    assert (refused.status, refused.error["code"]) == (400, "BadParameter")
    refused = azure.arm("GET", azure.vault, query={"api-version": "", **query})
    assert (refused.status, refused.error["code"]) == (400, "MissingApiVersionParameter")


@pytest.mark.parametrize(
    "version", ["2015-11-01", "2023-07-01", "2026-02-01", "2030-01-01-preview"]
)
def test_any_date_is_a_version_of_the_control_plane(azure: Azure, version: str) -> None:
    assert azure.arm("GET", azure.vault, version=version).status == 200


@pytest.mark.parametrize("version", ["7.5", "2023", "2023-07-01x", "2023-07-01\n", "x"])
def test_what_is_no_date_is_none(azure: Azure, version: str) -> None:
    refused = azure.arm("GET", azure.vault, version=version)
    assert (refused.status, refused.error["code"]) == (400, "InvalidApiVersionParameter")


def test_a_post_may_stand_for_another_method(azure: Azure) -> None:
    made = azure.data("POST", "/secrets/n", {"value": "1"}, headers={"x-http-method": "put"})
    assert made.body["value"] == "1"
    patched = azure.data(
        "POST", "/secrets/n", {"tags": {"a": "b"}}, headers={"x-http-method": "PATCH"}
    )
    assert patched.body["tags"] == {"a": "b"}
    assert azure.data("GET", "/secrets/n", headers={"x-http-method": "DELETE"}).body["value"] == "1"
    assert azure.data("POST", "/secrets/n", headers={"x-http-method": "GET"}).status == 405
    gone = azure.data("POST", "/secrets/n", headers={"x-http-method": "DELETE"})
    assert "recoveryId" in gone.body


def test_slashes_more_or_less(azure: Azure) -> None:
    azure.set("n")
    for path in ("/secrets", "/secrets/", "//secrets", "//secrets//"):
        assert azure.data("GET", path).names == ["n"]
    for path in (azure.vault, azure.vault + "/", "/" + azure.vault):
        assert azure.arm("GET", path).status == 200


@pytest.mark.parametrize("path", ["", "/", "/keys", "/secrets/a/b/c", "/x/../secrets", "/Secret"])
def test_no_such_path(azure: Azure, path: str) -> None:
    assert azure.data("GET", path).status == 404


def test_a_wrong_method_names_the_right_ones(azure: Azure) -> None:
    refused = azure.data("POST", "/secrets")
    assert refused.status == 405
    assert refused.error["code"] == "MethodNotAllowed"
    assert refused.headers["allow"] == "GET"
    refused = azure.data("OPTIONS", "/secrets/n")
    assert set(refused.headers["allow"].split(", ")) == {"PUT", "DELETE", "GET", "PATCH"}
    assert azure.arm("POST", azure.vault).status == 405


def test_a_path_is_not_decoded_twice(azure: Azure) -> None:
    refused = azure.data("PUT", "/secrets/a%41", {"value": "1"})
    assert refused.error["message"] == "The request URI contains an invalid name: a%41"


def test_paths_compare_without_case(azure: Azure) -> None:
    azure.set("n")
    assert azure.data("GET", "/SECRETS/N").body["value"] == "1"
    assert azure.arm("GET", azure.vault.upper()).body["name"] == "my-vault"
    assert azure.arm("GET", azure.vault.lower()).body["id"] == azure.vault


def test_another_subscription_is_unknown(azure: Azure) -> None:
    refused = azure.arm("GET", "/subscriptions/nope/resourcegroups")
    assert (refused.status, refused.error["code"]) == (404, "SubscriptionNotFound")
    refused = azure.arm("GET", "//subscriptions//nope//resourcegroups")
    assert refused.error["code"] == "SubscriptionNotFound"


def test_what_arm_has_and_we_have_not(azure: Azure) -> None:
    path = f"{azure.group}/providers/Microsoft.Compute/virtualMachines"
    refused = azure.arm("GET", path)
    assert refused.status == 404
    assert set(refused.error) == {"code", "message"}


def test_arm_says_bad_request(azure: Azure) -> None:
    refused = azure.arm("PUT", azure.vault, b"{")
    assert (refused.status, refused.error["code"]) == (400, "BadRequest")


def test_every_route_is_reached_by_its_own_row() -> None:
    """No row is hidden by an earlier one of the same method."""
    samples = {"([^/]+)": "x", "(/subscriptions/.+?)": "/subscriptions/s"}
    for place, (method, pattern, _handler) in enumerate(CONTROL):
        path = pattern.pattern
        for group, text in samples.items():
            path = path.replace(group, text)
        path = re.sub(r"\(\|(/[^)]*)\)", r"/subscriptions/s", path)
        path = re.sub(r"\(\?:([a-z]+)\|[a-z]+\)", r"\1", path).replace("\\.", ".")
        assert pattern.fullmatch(path), path
        first = next(
            number
            for number, (wanted, other, _) in enumerate(CONTROL)
            if wanted == method and other.fullmatch(path)
        )
        assert first == place, path


def test_every_answer_bears_the_services_headers(azure: Azure) -> None:
    for answer in (
        azure.set("n"),
        azure.data("GET", "/secrets/nope"),
        azure.data("GET", "/nope"),
        azure.data("GET", "/secrets", query={}),
    ):
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["pragma"] == "no-cache"
        assert answer.headers["expires"] == "-1"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-ms-keyvault-region"] == "westeurope"
        assert answer.headers["x-ms-keyvault-network-info"] == (
            "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;"
        )
        assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-ms-request-id"])
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
    unknown = azure.data("GET", "/secrets", host="other.vault.azure.net")
    assert "x-ms-keyvault-region" not in unknown.headers
    assert azure.arm("GET", azure.vault).headers["cache-control"] == "no-cache"


def test_the_clients_id_comes_back_where_it_is_harmless(azure: Azure) -> None:
    sent = {"x-ms-client-request-id": "3f0c8f5e-1"}
    assert azure.data("GET", "/secrets", headers=sent).headers["x-ms-client-request-id"] == (
        "3f0c8f5e-1"
    )
    for bad in ("a\r\nset-cookie: b", "é", "", "x" * 129):
        answer = azure.data("GET", "/secrets", headers={"x-ms-client-request-id": bad})
        assert "x-ms-client-request-id" not in answer.headers


def test_the_host_alone_names_the_vault(azure: Azure) -> None:
    azure.set("n")
    assert azure.data("GET", "/secrets/n", host=HOST.upper()).body["value"] == "1"
    assert azure.data("GET", "/secrets/n", host="my-vault2.vault.azure.net").status == 404
