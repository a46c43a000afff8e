from __future__ import annotations

from datetime import timedelta

from tests.server.planes import HOST, Azure

AT = 1772366400


def test_delete_answers_when_it_goes(azure: Azure) -> None:
    made = azure.set("db", "1", tags={"a": "b"}).body
    azure.clock.move(timedelta(seconds=10))
    gone = azure.data("DELETE", "/secrets/DB")
    assert gone.status == 200
    del made["value"]
    assert gone.body == {
        **made,
        "recoveryId": f"https://{HOST}/deletedsecrets/db",
        "deletedDate": AT + 10,
        "scheduledPurgeDate": AT + 10 + 90 * 86400,
    }
    assert azure.data("GET", "/deletedsecrets/db").body == gone.body
    assert azure.data("GET", "/secrets/db").status == 404
    assert azure.data("GET", "/secrets").body["value"] == []


def test_a_held_name_is_a_conflict_until_it_is_purged(azure: Azure) -> None:
    azure.set("db")
    azure.data("DELETE", "/secrets/db")
    held = azure.data("PUT", "/secrets/db", {"value": "2"})
    assert held.status == 409
    assert held.error["code"] == "Conflict"
    assert held.error["innererror"] == {"code": "ObjectIsDeletedButRecoverable"}
    assert held.error["message"].startswith(
        "Secret db is currently in a deleted but recoverable state, and its name cannot be reused;"
    )
    assert azure.data("DELETE", "/secrets/db").status == 404
    purged = azure.data("DELETE", "/deletedsecrets/db")
    assert (purged.status, purged.body) == (204, None)
    azure.set("db", "3")
    assert len(azure.data("GET", "/secrets/db/versions").body["value"]) == 1


def test_recover_brings_all_versions_back(azure: Azure) -> None:
    ids = {azure.set("db", str(number)).body["id"] for number in range(2)}
    azure.data("DELETE", "/secrets/db")
    back = azure.data("POST", "/deletedsecrets/db/recover")
    assert back.status == 200
    assert "value" not in back.body
    assert not {"recoveryId", "deletedDate"} & set(back.body)
    assert azure.data("GET", "/secrets/db/").body["value"] == "1"
    found = azure.data("GET", "/secrets/db/versions").body["value"]
    assert {item["id"] for item in found} == ids


def test_the_unknown_in_azures_words(azure: Azure) -> None:
    azure.set("live")
    for name in ("nope", "live"):
        for method, path in (
            ("GET", f"/deletedsecrets/{name}"),
            ("POST", f"/deletedsecrets/{name}/recover"),
            ("DELETE", f"/deletedsecrets/{name}"),
        ):
            missing = azure.data(method, path)
            assert (missing.status, missing.error) == (
                404,
                {"code": "SecretNotFound", "message": f"Deleted Secret not found: {name}"},
            )


def test_the_list_goes_page_by_page(azure: Azure) -> None:
    for name in ("a", "b", "c"):
        azure.set(name)
        azure.data("DELETE", f"/secrets/{name}")
    azure.set("live")
    first = azure.data("GET", "/deletedsecrets", query={"api-version": "7.5", "maxresults": "2"})
    assert first.names == ["a", "b"]
    assert set(first.body["value"][0]) == {
        "id",
        "attributes",
        "recoveryId",
        "deletedDate",
        "scheduledPurgeDate",
    }
    second = azure.follow(first.body["nextLink"])
    assert (second.names, second.body["nextLink"]) == (["c"], None)


def test_purge_protection_in_azures_words(azure: Azure) -> None:
    assert (
        azure.create("safe", enablePurgeProtection=True, softDeleteRetentionInDays=7).status < 300
    )
    host = "safe.vault.azure.net"
    made = azure.data("PUT", "/secrets/db", {"value": "1"}, host=host)
    assert made.body["attributes"]["recoveryLevel"] == "CustomizedRecoverable"
    assert made.body["attributes"]["recoverableDays"] == 7
    azure.data("DELETE", "/secrets/db", host=host)
    refused = azure.data("DELETE", "/deletedsecrets/db", host=host)
    assert refused.status == 403
    assert refused.error == {
        "code": "Forbidden",
        "message": 'Operation "purge" is not allowed because purge protection is enabled for this'
        " vault. Key Vault service will automatically purge it after the retention period has"
        " passed. Vault: safe;location=westeurope",
    }
