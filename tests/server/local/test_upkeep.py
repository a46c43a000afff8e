from __future__ import annotations

import json

import pytest

from devvault.errors import (
    Conflict,
    DevvaultError,
    Invalid,
    Locked,
    NotFound,
    Unavailable,
    WrongUse,
)
from devvault.server.local.base import Stream


class Lines:
    def __init__(self) -> None:
        self.lines: list[dict] = []

    def put(self, data: bytes) -> None:
        self.lines.append(json.loads(data))

    offer = put


def test_status_of_a_new_home_makes_nothing(fresh):
    found = fresh.get("/local/status")
    assert found["state"] == "new"
    assert (found["protocol"], found["version"], found["generation"]) == (1, "1.2.3", None)
    assert not fresh.keeper.home.root.exists()


def test_init_makes_home_vaults_and_trust(fresh):
    found = fresh.post(
        "/local/init", key_source="file", folder="/app", vaults=["first-kv", "second-kv"]
    )
    assert found["created"]
    assert found["vaults"] == found["made"] == ["first-kv", "second-kv"]
    assert found["untrusted"] == []
    trusted = fresh.get("/local/trust")["trust"]
    assert trusted == [
        {"folder": "/app", "vault": "first-kv"},
        {"folder": "/app", "vault": "second-kv"},
    ]
    status = fresh.get("/local/status")
    assert (status["state"], status["key_source"], status["generation"]) == ("unlocked", "file", 1)
    assert status["tenant"] == found["tenant"]


def test_init_again_changes_nothing(plane):
    again = plane.post("/local/init", key_source="file", folder="/app")
    assert not again["created"]
    assert again["vaults"] == ["my-vault"]
    assert again["made"] == []


def test_init_names_a_vault_after_the_folder_and_keeps_names_apart(plane):
    one = plane.post("/local/init", key_source="file", folder="/home/me/My App")
    two = plane.post("/local/init", key_source="file", folder="/elsewhere/My App")
    assert one["vaults"] == ["my-app"]
    assert two["vaults"] == ["my-app-2"]


def test_init_does_not_open_a_vault_that_a_repository_merely_mentions(plane):
    found = plane.post(
        "/local/init", key_source="file", folder="/cloned", vaults=["my-vault", "new-kv"]
    )
    assert found["untrusted"] == ["my-vault"]
    assert found["made"] == ["new-kv"]
    trusted = [
        item["vault"] for item in plane.get("/local/trust")["trust"] if item["folder"] == "/cloned"
    ]
    assert trusted == ["new-kv"]


def test_init_trusts_what_the_user_named(plane):
    found = plane.post("/local/init", key_source="file", folder="/other", name="my-vault")
    assert found["untrusted"] == []
    assert {"folder": "/other", "vault": "my-vault"} in plane.get("/local/trust")["trust"]


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({"key_source": "paper"}, WrongUse),
        ({"key_source": 1}, Invalid),
        ({"vaults": "x"}, Invalid),
        ({"vaults": ["-bad"]}, Invalid),
        ({"folder": "relative"}, Invalid),
        ({"passphrase": ""}, Invalid),
        ({"recovery": "yes"}, Invalid),
        ({"key_file": "relative"}, WrongUse),
    ],
)
def test_init_refuses_bad_members(fresh, members, kind):
    with pytest.raises(kind):
        fresh.post("/local/init", **{"key_source": "file", "vaults": ["a-vault"], **members})


def test_a_key_file_in_the_home_is_refused(fresh):
    place = str(fresh.keeper.home.root / "key")
    with pytest.raises(WrongUse, match="must not lie in the home"):
        fresh.post("/local/init", key_source="file", key_file=place)


def test_another_key_source_for_an_existing_home_is_refused(plane):
    with pytest.raises(Conflict):
        plane.post("/local/init", key_source="passphrase", passphrase="x")


def test_locked_stays_locked_until_it_is_unlocked(plane):
    assert plane.post("/local/lock")["state"] == "locked"
    with pytest.raises(Locked):
        plane.get("/local/trust")
    assert plane.post("/local/unlock")["state"] == "unlocked"
    assert plane.get("/local/trust")["trust"]


def test_a_passphrase_home(fresh):
    fresh.post("/local/init", key_source="passphrase", passphrase="correct horse", name="my-vault")
    fresh.post("/local/lock")
    for members in ({}, {"passphrase": "wrong horse"}):
        with pytest.raises(Locked):
            fresh.post("/local/unlock", **members)
    assert fresh.post("/local/unlock", passphrase="correct horse")["state"] == "unlocked"


def test_a_recovery_key_unlocks_and_can_be_taken_back(plane):
    key = plane.post("/local/recovery/add")["recovery_key"]
    assert plane.get("/local/status")["recovery"]
    plane.post("/local/lock")
    with pytest.raises(DevvaultError):
        plane.post("/local/unlock", recovery="DVRK-nonsense")
    assert plane.post("/local/unlock", recovery=key)["state"] == "unlocked"
    plane.post("/local/recovery/remove")
    with pytest.raises(NotFound):
        plane.post("/local/recovery/remove")


def test_init_can_make_the_recovery_key_at_once(fresh):
    found = fresh.post("/local/init", key_source="file", recovery=True)
    assert found["recovery_key"].startswith("DVRK-")


def test_rekey_tells_its_steps_and_its_result(plane):
    plane.set("my-vault", "a", "v")
    answer = plane.raw("POST", "/local/rekey")
    assert isinstance(answer, Stream)
    lines = Lines()
    answer.produce(lines)
    assert lines.lines[-1] == {"result": {"generation": 2}}
    assert all(line["done"] <= line["total"] for line in lines.lines[:-1])
    assert plane.get("/local/status")["generation"] == 2


def test_rekey_without_a_home_is_refused(fresh):
    with pytest.raises(Unavailable):
        fresh.raw("POST", "/local/rekey")


def test_stop_asks_for_the_end(plane):
    plane.post("/local/stop")
    assert plane.stopped == [True]
