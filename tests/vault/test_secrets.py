from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devvault.access.principals import Caller
from devvault.clock import SetClock
from devvault.errors import Conflict, Damaged, Forbidden, Invalid, NotFound
from devvault.model.attributes import Change
from devvault.store.base import Row
from devvault.vault.deleted import (
    get_deleted,
    list_deleted,
    next_due,
    purge,
    purge_due,
    recover,
)
from devvault.vault.gate import Gate
from devvault.vault.opened import SYSTEM
from devvault.vault.secrets import (
    delete_secret,
    get_secret,
    list_secrets,
    list_versions,
    set_secret,
    update_secret,
)
from devvault.vault.vaults import VaultSpec, update_vault
from tests.vault.conftest import STRANGER

V = "my-vault"


def test_a_value_comes_back(gate: Gate, alice: Caller) -> None:
    made = set_secret(gate, alice, V, "Db-Password", "s3cret\r\n", content_type="text/plain")
    assert made.value == "s3cret\r\n"
    assert len(made.version) == 32
    got = get_secret(gate, alice, V, "db-password")
    assert (got.value, got.name, got.version) == ("s3cret\r\n", "Db-Password", made.version)
    assert got.content_type == "text/plain"
    assert got.recovery_level == "Recoverable+Purgeable"
    assert got.recoverable_days == 90


def test_each_set_makes_the_current_version(gate: Gate, alice: Caller, clock: SetClock) -> None:
    first = set_secret(gate, alice, V, "n", "1")
    clock.move(timedelta(seconds=5))
    second = set_secret(gate, alice, V, "n", "2")
    assert first.version != second.version
    assert get_secret(gate, alice, V, "n").value == "2"
    assert get_secret(gate, alice, V, "n", first.version.upper()).value == "1"
    page = list_versions(gate, alice, V, "n")
    assert {v.version for v in page.items} == {first.version, second.version}
    assert all(v.value is None for v in page.items)


@pytest.mark.parametrize("name", ["", "a_b", "a.b", "a/b", "x" * 128, "ü", "a b", "a\n"])
def test_a_bad_name_is_refused(gate: Gate, alice: Caller, name: str) -> None:
    with pytest.raises(Invalid, match="invalid name"):
        set_secret(gate, alice, V, name, "x")


def test_the_limits(gate: Gate, alice: Caller) -> None:
    set_secret(gate, alice, V, "big", "x" * 25 * 1024)
    with pytest.raises(Invalid, match="25 KB"):
        set_secret(gate, alice, V, "big", "x" * (25 * 1024 + 1))
    with pytest.raises(Invalid, match="25 KB"):
        set_secret(gate, alice, V, "big", "ü" * (13 * 1024))
    with pytest.raises(Invalid, match="tags"):
        set_secret(gate, alice, V, "big", "x", tags={str(n): "" for n in range(16)})
    with pytest.raises(Invalid, match="Unicode"):
        set_secret(gate, alice, V, "big", "\ud800")


def test_disabled_is_refused_but_listed(gate: Gate, alice: Caller) -> None:
    old = set_secret(gate, alice, V, "n", "1")
    new = set_secret(gate, alice, V, "n", "2")
    changed = update_secret(gate, alice, V, "n", change=Change(enabled=False))
    assert changed.version == new.version
    assert changed.value is None
    with pytest.raises(Forbidden) as caught:
        get_secret(gate, alice, V, "n")
    assert caught.value.inner == "SecretDisabled"
    assert get_secret(gate, alice, V, "n", old.version).value == "1"
    assert [v.attributes.enabled for v in list_secrets(gate, alice, V).items] == [False]
    update_secret(gate, alice, V, "n", change=Change(enabled=True))
    assert get_secret(gate, alice, V, "n").value == "2"


def test_expired_can_still_be_read(gate: Gate, alice: Caller, clock: SetClock) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    set_secret(gate, alice, V, "n", "1", change=Change(exp=past, nbf=clock.now()))
    got = get_secret(gate, alice, V, "n")
    assert got.value == "1"
    assert got.attributes.exp == past


def test_update_leaves_what_is_not_named(gate: Gate, alice: Caller, clock: SetClock) -> None:
    made = set_secret(gate, alice, V, "n", "1", content_type="a", tags={"k": "v"})
    clock.move(timedelta(minutes=1))
    update_secret(gate, alice, V, "n", made.version, content_type="b")
    got = get_secret(gate, alice, V, "n")
    assert (got.content_type, dict(got.tags), got.value) == ("b", {"k": "v"}, "1")
    assert got.attributes.created == made.attributes.created
    assert got.attributes.updated == clock.now()
    update_secret(gate, alice, V, "n", tags={})
    assert dict(get_secret(gate, alice, V, "n").tags) == {}


def test_delete_holds_the_name_and_recover_brings_all_back(gate: Gate, alice: Caller) -> None:
    first = set_secret(gate, alice, V, "n", "1")
    set_secret(gate, alice, V, "n", "2")
    gone = delete_secret(gate, alice, V, "n")
    assert gone.purge_at - gone.deleted == timedelta(days=90)
    with pytest.raises(NotFound):
        get_secret(gate, alice, V, "n")
    with pytest.raises(Conflict) as caught:
        set_secret(gate, alice, V, "N", "3")
    assert caught.value.inner == "ObjectIsDeletedButRecoverable"
    assert list_secrets(gate, alice, V).items == ()
    assert list_versions(gate, alice, V, "n").items == ()
    assert get_deleted(gate, alice, V, "n").current.name == "n"
    assert len(list_deleted(gate, alice, V).items) == 1
    recover(gate, alice, V, "n")
    assert get_secret(gate, alice, V, "n").value == "2"
    assert get_secret(gate, alice, V, "n", first.version).value == "1"
    for act in (get_deleted, recover, purge):
        with pytest.raises(NotFound, match="Deleted Secret not found"):
            act(gate, alice, V, "n")


def test_purge_frees_the_name(gate: Gate, alice: Caller) -> None:
    old = set_secret(gate, alice, V, "n", "1")
    delete_secret(gate, alice, V, "n")
    purge(gate, alice, V, "n")
    with pytest.raises(NotFound):
        get_deleted(gate, alice, V, "n")
    set_secret(gate, alice, V, "n", "2")
    with pytest.raises(NotFound):
        get_secret(gate, alice, V, "n", old.version)


def test_purge_protection(gate: Gate, alice: Caller, clock: SetClock) -> None:
    update_vault(gate, alice, VaultSpec(V, "devvault", purge_protection=True))
    assert set_secret(gate, alice, V, "n", "1").recovery_level == "Recoverable"
    gone = delete_secret(gate, alice, V, "n")
    with pytest.raises(Forbidden, match="purge protection is enabled"):
        purge(gate, alice, V, "n")
    assert next_due(gate, 2**40) == int(gone.purge_at.timestamp())
    clock.set(gone.purge_at - timedelta(seconds=1))
    assert purge_due(gate, SYSTEM) == 0
    clock.set(gone.purge_at)
    assert purge_due(gate, SYSTEM) == 1
    with pytest.raises(NotFound):
        get_deleted(gate, alice, V, "n")


def test_pages_reach_everything_once(gate: Gate, alice: Caller) -> None:
    names = [f"n{number:03}" for number in range(57)]
    for name in names:
        set_secret(gate, alice, V, name, "x")
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = list_secrets(gate, alice, V, after=after, limit=10)
        seen += [item.name for item in page.items]
        after = page.after
    assert seen == names


def test_a_stranger_is_refused_everywhere(gate: Gate, alice: Caller) -> None:
    set_secret(gate, alice, V, "n", "1")
    for act in (get_secret, list_versions, delete_secret, get_deleted, recover, purge):
        with pytest.raises(Forbidden) as caught:
            act(gate, STRANGER, V, "n")
        assert caught.value.inner == "ForbiddenByRbac"
    assert get_secret(gate, alice, V, "n").value == "1"


def test_an_unknown_vault(gate: Gate, alice: Caller) -> None:
    with pytest.raises(NotFound) as caught:
        get_secret(gate, alice, "nobody", "n")
    assert caught.value.code == "VaultNotFound"


@pytest.mark.parametrize(
    "column",
    ["kind", "scope", "name", "version", "state", "due", "generation", "wrapped", "sealed"],
)
@pytest.mark.parametrize("which", ["secret", "secret.version"])
def test_every_edited_column_is_noticed(gate: Gate, alice: Caller, column: str, which: str) -> None:
    made = set_secret(gate, alice, V, "n", "1")
    set_secret(gate, alice, V, "other", "2")
    version = made.version if which == "secret.version" else ""
    with gate.store.read() as reading:
        row = reading.find(which, V, "n", version)
    assert row is not None
    edited = {
        "kind": "secret.version" if which == "secret" else "secret",
        "scope": "another",
        "name": "other",
        "version": "f" * 32,
        "state": 1,
        "due": 7,
        "generation": 9,
        "wrapped": bytes([row.wrapped[0] ^ 1]) + row.wrapped[1:],
        "sealed": row.sealed[:-1] + bytes([row.sealed[-1] ^ 1]),
    }
    fields = {name: getattr(row, name) for name in Row._fields}
    changed = Row(**{**fields, column: edited[column]})
    with pytest.raises(Damaged):
        gate.records.open(changed)


@settings(max_examples=40)
@given(
    st.text(max_size=300), st.dictionaries(st.text(min_size=1, max_size=9), st.text(), max_size=5)
)
def test_any_text_is_kept_exactly(
    gate: Gate, alice: Caller, value: str, tags: dict[str, str]
) -> None:
    set_secret(gate, alice, V, "any", value, tags=tags)
    got = get_secret(gate, alice, V, "any")
    assert got.value == value
    assert dict(got.tags) == tags
