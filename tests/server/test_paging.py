from __future__ import annotations

import base64
import json

import pytest

from tests.server.planes import Azure


def token(body: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(body).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("asked", ["0", "26", "-1", "", "x", "1.5", " 1", "\u0663", "9" * 5000])
def test_maxresults_is_1_to_25(azure: Azure, asked: str) -> None:
    refused = azure.data("GET", "/secrets", query={"api-version": "7.5", "maxresults": asked})
    assert refused.status == 400
    assert refused.error["message"] == "The value of 'maxresults' must be between 1 and 25."


@pytest.mark.parametrize(
    "bad",
    [
        "!",
        "é",
        "AAAA",
        token([]),
        token({}),
        token({"after": 7}),
        token({"after": None}),
        token({"after": "\ud800"}),
        base64.urlsafe_b64encode(b"[" * 9000).decode(),
        token({"after": "a"}) + "=====",
    ],
)
def test_a_token_that_is_not_ours(azure: Azure, bad: str) -> None:
    refused = azure.data("GET", "/secrets", query={"api-version": "7.5", "$skiptoken": bad})
    assert (refused.status, refused.error["code"]) == (400, "BadParameter")


def test_a_page_that_is_just_full_is_the_last(azure: Azure) -> None:
    azure.set("a")
    azure.set("b")
    page = azure.data("GET", "/secrets", query={"api-version": "7.5", "maxresults": "2"})
    assert (page.names, page.body["nextLink"]) == (["a", "b"], None)


def test_the_control_plane_pages_where_it_is_asked_to(azure: Azure) -> None:
    for name in ("Bravo", "alfa", "charlie"):
        azure.create(name)
    path = f"{azure.subscription}/resources"
    query = {"$filter": "resourceType eq 'Microsoft.KeyVault/vaults'", "$top": "3"}
    first = azure.arm("GET", path, version="2015-11-01", query=query)
    assert first.names == ["alfa", "Bravo", "charlie"]
    second = azure.follow(first.body["nextLink"])
    assert (second.names, "nextLink" in second.body) == (["my-vault"], False)
    whole = azure.arm("GET", path, query={"$filter": query["$filter"]})
    assert (len(whole.names), "nextLink" in whole.body) == (4, False)
    for top in ("0", "1001", "x"):
        refused = azure.arm("GET", path, query={"$top": top})
        assert (refused.status, refused.error["code"]) == (400, "BadRequest")
