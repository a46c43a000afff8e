"""A secret that is read again: from memory while nothing changed, recorded all the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from devvault.access.principals import Caller, Origin
from devvault.errors import DevvaultError, Forbidden, Locked, NotFound, Unavailable
from devvault.model.attributes import Change
from devvault.vault import deleted, grants, secrets
from devvault.vault.gate import Gate
from devvault.vault.keeper import Keeper
from devvault.vault.vaults import VaultSpec, delete_vault, update_vault
from tests.vault.conftest import STRANGER

V = "my-vault"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"


@pytest.fixture
def asked(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Tells which secrets were really looked up in the store."""
    found: list[str] = []
    real = gate.store.find_two

    def find_two(one, other):
        found.append(one[2])
        return real(one, other)

    monkeypatch.setattr(gate.store, "find_two", find_two)
    return found


def read(gate: Gate, caller: Caller, name: str = "n", version: str = "") -> str | None:
    return secrets.get_secret(gate, caller, V, name, version).value


def trail(gate: Gate) -> list:
    gate.store.flush()
    with gate.store.read() as reading:
        found = gate.trail.page(reading, before=None, after=None, limit=50)
    return [record for _, record in reversed(found) if record.operation == "SecretGet"]


def test_it_is_looked_up_once_and_recorded_each_time(gate, alice, asked, clock):
    secrets.set_secret(gate, alice, V, "n", "1")
    here = alice.at(Origin("127.0.0.1", "one", "https://a", "7.5", "c1"))
    there = alice.at(Origin("127.0.0.1", "two", "https://b", "7.6", "c2"))
    assert [read(gate, here), read(gate, there), read(gate, here)] == ["1"] * 3
    assert asked in (["n"], ["n", "n"])
    first, second, third = trail(gate)
    assert (first.agent, second.agent, third.agent) == ("one", "two", "one")
    assert (second.uri, second.api_version, second.correlation) == ("https://b", "7.6", "c2")
    assert {record.status for record in (first, second, third)} == {200}
    assert second.oid == alice.oid
    assert second.extra == first.extra


CHANGES: dict[str, Callable[[Gate, Caller], object]] = {
    "another value": lambda gate, me: secrets.set_secret(gate, me, V, "n", "2"),
    "another secret": lambda gate, me: secrets.set_secret(gate, me, V, "m", "2"),
    "its attributes": lambda gate, me: secrets.update_secret(gate, me, V, "n", tags={"a": "b"}),
    "the vault": lambda gate, me: update_vault(gate, me, VaultSpec(V, "devvault")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_any_change_to_the_home_drops_it(gate, alice, asked, change):
    secrets.set_secret(gate, alice, V, "n", "1")
    read(gate, alice)
    read(gate, alice)
    asked.clear()
    change(gate, alice)
    assert read(gate, alice) in {"1", "2"}
    assert "n" in asked


def test_what_has_become_of_it_is_told_at_once(gate, alice):
    secrets.set_secret(gate, alice, V, "n", "1")
    assert read(gate, alice) == "1"
    secrets.update_secret(gate, alice, V, "n", change=Change(enabled=False))
    with pytest.raises(Forbidden):
        read(gate, alice)
    secrets.update_secret(gate, alice, V, "n", change=Change(enabled=True))
    assert read(gate, alice) == "1"
    secrets.delete_secret(gate, alice, V, "n")
    with pytest.raises(NotFound):
        read(gate, alice)
    deleted.recover(gate, alice, V, "n")
    assert read(gate, alice) == "1"
    delete_vault(gate, alice, V)
    with pytest.raises(NotFound):
        read(gate, alice)


def test_a_role_that_is_taken_away_is_gone_at_once(gate, alice):
    secrets.set_secret(gate, alice, V, "n", "1")
    scope = gate.find_vault(V).id
    made = grants.assign(gate, alice, SECRETS_USER, STRANGER.oid, STRANGER.kind, scope)
    assert [read(gate, STRANGER), read(gate, STRANGER)] == ["1", "1"]
    grants.remove_assignment(gate, alice, scope, made.id)
    with pytest.raises(Forbidden):
        read(gate, STRANGER)
    assert [record.status for record in trail(gate)][-3:] == [200, 200, 403]


def test_what_one_may_read_is_not_read_to_another(gate, alice):
    secrets.set_secret(gate, alice, V, "n", "1")
    assert read(gate, alice) == "1"
    for other in (STRANGER, STRANGER.at(alice.origin)):
        with pytest.raises(Forbidden):
            read(gate, other)
    with pytest.raises(DevvaultError):
        read(gate, alice, "m")


def test_a_refusal_is_never_kept(gate, alice, asked):
    secrets.set_secret(gate, alice, V, "n", "1")
    for _ in range(2):
        with pytest.raises(Forbidden):
            read(gate, STRANGER)
        with pytest.raises(NotFound):
            read(gate, alice, "none")
    assert asked.count("none") >= 2


def test_a_locked_home_has_nothing(gate, alice, keeper: Keeper):
    secrets.set_secret(gate, alice, V, "n", "1")
    assert read(gate, alice) == "1"
    keeper.lock()
    with pytest.raises((Locked, Unavailable)):
        read(keeper.gate, alice)


def test_without_a_trail_nothing_is_handed_out(gate, alice, monkeypatch):
    secrets.set_secret(gate, alice, V, "n", "1")
    assert read(gate, alice) == "1"

    def full(*_: object) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(gate.store, "gather", full)
    with pytest.raises(Unavailable):
        read(gate, alice)


def test_a_change_in_the_middle_leaves_nothing_old(gate, alice, monkeypatch):
    """What was read before a change and is kept after it would be old for ever."""
    secrets.set_secret(gate, alice, V, "n", "1")
    real = gate.store.find_two

    def find_two(one, other):
        found = real(one, other)
        monkeypatch.setattr(gate.store, "find_two", real)
        secrets.set_secret(gate, alice, V, "n", "2")
        return found

    monkeypatch.setattr(gate.store, "find_two", find_two)
    assert read(gate, alice) == "1"
    assert read(gate, alice) == "2"


def test_large_values_are_not_all_kept(gate, alice, asked, monkeypatch):
    monkeypatch.setattr("devvault.vault.gate._LOOKED_SIZE", 100)
    for name in ("a", "b"):
        secrets.set_secret(gate, alice, V, name, name * 60)
    read(gate, alice, "a")
    asked.clear()
    read(gate, alice, "a")
    assert asked == []
    read(gate, alice, "b")
    asked.clear()
    assert read(gate, alice, "a") == "a" * 60
    assert "a" in asked
    assert len(trail(gate)) == 4
