from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from devvault.errors import Forbidden, Invalid
from devvault.model.attributes import Change
from devvault.vault import deleted, overview, secrets, vaults
from devvault.vault.vaults import VaultSpec


def set_expiring(plane, name, days, *, enabled=True):
    gate = plane.plane.gate()
    change = Change(enabled=enabled, exp=gate.clock.now() + timedelta(days=days))
    secrets.set_secret(
        gate, plane.plane.developer(), "my-vault", name, "a value in it", change=change
    )


def test_an_empty_home(plane):
    found = plane.get("/local/overview")
    assert found["vaults"] == [{"name": "my-vault", "secrets": 0, "deleted": 0}]
    assert (
        found["expiring"] == found["deleted"] == found["deleted_vaults"] == found["refused"] == []
    )


def test_what_expires_soon_comes_soonest_first(plane):
    for name, days in (("later", 31), ("soon", 29), ("gone", -2), ("sooner", 3)):
        set_expiring(plane, name, days)
    set_expiring(plane, "off", 1, enabled=False)
    plane.set("my-vault", "never", "v")
    found = plane.get("/local/overview")
    assert [one["name"] for one in found["expiring"]] == ["gone", "sooner", "soon"]
    assert found["expiring"][1]["expires"] - found["now"] == 3 * 86400
    assert found["vaults"][0]["secrets"] == 6
    assert len(plane.get("/local/overview", days="40")["expiring"]) == 4
    assert [one["name"] for one in plane.get("/local/overview", days="0")["expiring"]] == ["gone"]


def test_a_newer_version_ends_the_worry(plane):
    set_expiring(plane, "a", 3)
    plane.set("my-vault", "a", "new")
    assert plane.get("/local/overview")["expiring"] == []


def test_what_is_deleted(plane):
    gate, me = plane.plane.gate(), plane.plane.developer()
    plane.set("my-vault", "a", "v")
    plane.set("my-vault", "b", "v")
    secrets.delete_secret(gate, me, "my-vault", "a")
    vaults.create_vault(gate, me, VaultSpec("old-vault", "devvault", None, rbac=True))
    vaults.delete_vault(gate, me, "old-vault")
    found = plane.get("/local/overview")
    assert found["vaults"] == [{"name": "my-vault", "secrets": 1, "deleted": 1}]
    assert [(one["vault"], one["name"]) for one in found["deleted"]] == [("my-vault", "a")]
    assert found["deleted"][0]["purge"] > found["now"]
    assert found["deleted_vaults"] == ["old-vault"]
    deleted.recover(gate, me, "my-vault", "a")
    assert plane.get("/local/overview")["deleted"] == []


def test_what_was_refused_lately(plane):
    plane.set("my-vault", "a", "v")
    wanted = {"x": "@Microsoft.KeyVault(VaultName=my-vault;SecretName=a)"}
    plane.post("/local/resolve", folder="/stranger", references=wanted)
    found = plane.get("/local/overview")
    assert [one["operationName"] for one in found["refused"]] == ["FolderRefused"]
    assert found["refusals"] == 1
    plane.keeper.clock.set(plane.keeper.clock.now() + timedelta(days=8))
    assert plane.get("/local/overview")["refused"] == []


def test_no_value_is_in_it(plane):
    set_expiring(plane, "a", 1)
    assert "a value in it" not in json.dumps(plane.get("/local/overview"))


def test_a_bad_horizon(plane):
    for days in ("-1", "x", "99999999"):
        with pytest.raises(Invalid):
            plane.get("/local/overview", days=days)


def test_names(plane):
    gate, me = plane.plane.gate(), plane.plane.developer()
    vaults.create_vault(gate, me, VaultSpec("b-vault", "devvault", None, rbac=True))
    plane.set("my-vault", "DB-Password", "v")
    plane.set("my-vault", "old", "v")
    secrets.delete_secret(gate, me, "my-vault", "old")
    whole = {"b-vault": [], "my-vault": ["DB-Password"]}
    assert plane.get("/local/names")["vaults"] == whole
    assert plane.get("/local/names", vault="MY-VAULT")["vaults"] == {"my-vault": ["DB-Password"]}
    assert plane.get("/local/names", vault="nope")["vaults"] == {}


def test_both_are_in_the_trail_and_for_the_owner_alone(plane):
    plane.get("/local/names")
    plane.get("/local/overview")
    names = [one["operationName"] for one in plane.get("/local/audit")["records"]]
    assert {"HomeNames", "HomeOverview"} <= set(names)
    gate = plane.plane.gate()
    stranger = replace(
        plane.plane.developer(), oid="11111111-1111-1111-1111-111111111111", owner=False
    )
    with pytest.raises(Forbidden):
        overview.names(gate, stranger)
    with pytest.raises(Forbidden):
        overview.overview(gate, stranger, until=gate.clock.now(), since=gate.clock.now())
