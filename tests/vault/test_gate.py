"""What a decision rests on is what is so when it is made, not when the request came."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devvault.errors import Forbidden, NotFound
from devvault.model import operations as op
from devvault.model.vault import Policy
from devvault.vault import grants, secrets
from devvault.vault.policies import change_policies
from devvault.vault.vaults import VaultSpec, delete_vault, update_vault
from tests.vault.conftest import STRANGER


def model(gate, alice, *, rbac):
    return update_vault(gate, alice, VaultSpec("my-vault", "devvault", rbac=rbac))


def test_a_policy_that_was_taken_away_in_the_meantime_gives_nothing(gate, alice):
    model(gate, alice, rbac=False)
    mine = Policy(gate.tenant, STRANGER.oid, secrets=("get", "set"))
    change_policies(gate, alice, "my-vault", "devvault", lambda _old: (mine,))
    waiting = secrets.target(gate.find_vault("my-vault"), "db")
    assert gate.read(STRANGER, op.GET_SECRET, waiting, lambda _view: "seen") == "seen"
    change_policies(gate, alice, "my-vault", "devvault", lambda _old: ())
    with pytest.raises(Forbidden):
        gate.write(STRANGER, op.SET_SECRET, waiting, lambda _view: "done")
    with pytest.raises(Forbidden):
        gate.read(STRANGER, op.GET_SECRET, waiting, lambda _view: "seen")


def test_a_model_that_was_changed_in_the_meantime_counts(gate, alice):
    grants.assign(
        gate, alice, "Key Vault Secrets User", STRANGER.oid, "ServicePrincipal",
        gate.find_vault("my-vault").id,
    )  # fmt: skip
    waiting = secrets.target(gate.find_vault("my-vault"), "db")
    model(gate, alice, rbac=False)
    with pytest.raises(Forbidden) as refused:
        gate.read(STRANGER, op.GET_SECRET, waiting, lambda _view: "seen")
    assert refused.value.inner == "AccessDenied"


def test_a_vault_that_was_deleted_in_the_meantime_is_not_there(gate, alice):
    waiting = secrets.target(gate.find_vault("my-vault"), "db")
    delete_vault(gate, alice, "my-vault")
    with pytest.raises(NotFound):
        gate.write(alice, op.SET_SECRET, waiting, lambda _view: "done")


def test_what_is_opened_once_is_opened_again_when_it_changed(gate, alice):
    vault = gate.find_vault("my-vault")
    first = grants.assign(gate, alice, "Reader", STRANGER.oid, "ServicePrincipal", vault.id)
    assert first in gate.snapshot().assignments
    again = grants.assign(
        gate, alice, "Reader", STRANGER.oid, "ServicePrincipal", vault.id,
        id=first.id, description="new",
    )  # fmt: skip
    found = [one for one in gate.snapshot().assignments if one.id == first.id]
    assert found == [again] == [replace(first, description="new")]
    grants.remove_assignment(gate, alice, vault.id, first.id)
    assert all(one.id != first.id for one in gate.snapshot().assignments)


def test_a_right_that_a_vault_gave_and_took_back_is_anchored(gate, alice):
    saved = []
    gate.secure_point = lambda: saved.append(True)
    model(gate, alice, rbac=True)
    assert not saved
    model(gate, alice, rbac=False)
    mine = Policy(gate.tenant, STRANGER.oid, secrets=("get",))
    update_vault(gate, alice, VaultSpec("my-vault", "devvault", policies=(mine,)))
    update_vault(gate, alice, VaultSpec("my-vault", "devvault", policies=(mine,)))
    update_vault(gate, alice, VaultSpec("my-vault", "devvault", policies=()))
    assert len(saved) == 3
