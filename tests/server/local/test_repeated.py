"""The same run again: the same answer, its reads in the trail again, and nothing after a change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from devvault.errors import Locked
from devvault.model.attributes import Change
from devvault.server.reply import Reply
from devvault.vault import deleted, grants, secrets, trust, vaults
from devvault.vault.rekeying import rekey
from devvault.vault.upkeep import read_audit
from tests.daemon.running import env_file, reference, run_body

V = "my-vault"
DB = reference(V, "db")
BODY = run_body("/app", [env_file("/app/.env", f"DB={DB}\nOTHER={DB}\n".encode())])


def ask(plane) -> list[str]:
    found = plane.raw("POST", "/local/run", BODY)
    assert isinstance(found, Reply)
    return [part.decode() for part in found.body.split(b"\0")]


def reads(plane) -> int:
    found = read_audit(plane.plane.gate(), plane.plane.developer(), limit=1000)
    return sum(record.operation == "SecretGet" for _, record in found)


@pytest.fixture
def asked(plane):
    plane.set(V, "db", "value-1")
    assert "SDB=value-1" in ask(plane)
    assert plane.plane.gate().answers
    return plane


def test_it_is_recorded_each_time(asked):
    before = reads(asked)
    for _ in range(3):
        assert "SDB=value-1" in ask(asked)
    assert reads(asked) == before + 3
    times = [
        record.time
        for _, record in read_audit(asked.plane.gate(), asked.plane.developer())
        if record.operation == "SecretGet"
    ]
    assert times == sorted(times, reverse=True)


def new_version(plane) -> None:
    plane.set(V, "db", "value-2")


def disabled(plane) -> None:
    gate, me = plane.plane.gate(), plane.plane.developer()
    secrets.update_secret(gate, me, V, "db", change=Change(enabled=False))


def gone(plane) -> None:
    secrets.delete_secret(plane.plane.gate(), plane.plane.developer(), V, "db")


def purged(plane) -> None:
    gone(plane)
    deleted.purge(plane.plane.gate(), plane.plane.developer(), V, "db")


def untrusted(plane) -> None:
    trust.disallow(plane.plane.gate(), plane.plane.developer(), "/app", V)


def without_vault(plane) -> None:
    vaults.delete_vault(plane.plane.gate(), plane.plane.developer(), V)


def without_role(plane) -> None:
    gate, me = plane.plane.gate(), plane.plane.developer()
    scope = f"/subscriptions/{gate.subscription}"
    for found in grants.list_assignments(gate, me, scope):
        if found.role_id.startswith("00482a5a"):
            grants.remove_assignment(gate, me, found.scope, found.id)


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        (new_version, "SDB=value-2"),
        (disabled, "X78"),
        (gone, "X78"),
        (purged, "X78"),
        (untrusted, "X78"),
        (without_vault, "X78"),
        (without_role, "X78"),
    ],
)
def test_every_change_is_seen_at_once(asked, change: Callable[..., None], answer: str):
    change(asked)
    assert not asked.plane.gate().answers
    found = ask(asked)
    assert answer in found
    assert "SDB=value-1" not in found


def test_nothing_is_answered_while_locked(asked):
    asked.keeper.lock()
    with pytest.raises(Locked):
        ask(asked)


def test_a_rekey_drops_what_was_kept(asked):
    gate = asked.plane.gate()
    rekey(asked.keeper, asked.plane.developer(), lambda _done, _total: None)
    assert not gate.answers
    assert "SDB=value-1" in ask(asked)


def test_another_configuration_or_day_is_another_answer(asked):
    asked.config = replace(asked.config, plaintext="warn")
    assert "SDB=value-1" in ask(asked)
    asked.keeper.clock.move(timedelta(days=1))
    before = len(asked.plane.gate().answers)
    assert "SDB=value-1" in ask(asked)
    assert len(asked.plane.gate().answers) == before


def test_what_was_refused_is_never_kept(plane):
    plane.set(V, "db", "value-1")
    text = f"DB={DB}\nNO={reference(V, 'none')}\n"
    body = run_body("/app", [env_file("/app/.env", text.encode()), b"Uliteral\0"])
    for _ in range(2):
        assert isinstance(plane.raw("POST", "/local/run", body), Reply)
        assert not plane.plane.gate().answers


def test_only_a_few_are_kept(plane):
    plane.set(V, "db", "value-1")
    for number in range(40):
        text = f"DB={DB}\nN={number}\n"
        plane.raw("POST", "/local/run", run_body("/app", [env_file("/app/.env", text.encode())]))
    assert 0 < len(plane.plane.gate().answers) <= 16
