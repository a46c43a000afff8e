from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from devvault.access.decide import Question, decide
from devvault.access.permissions import data_actions
from devvault.access.principals import Caller
from devvault.access.rbac import Assignment, Grants
from devvault.access.recommend import OBJECTS_LIMIT, Use, recommend, wide_assignments
from devvault.access.roles import find
from devvault.model.operations import Operation

AT = datetime(2026, 3, 1, tzinfo=UTC)
VAULTS = [
    f"/subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/{name}"
    for name in ("a", "b")
]
V = "Microsoft.KeyVault/vaults"
GET, LIST = f"{V}/secrets/getSecret/action", f"{V}/secrets/readMetadata/action"
ALICE = Caller("alice", "app", "t", "alice")

uses = st.builds(
    lambda action, vault, tail: Use(action, vault, vault + tail),
    st.sampled_from(sorted(data_actions())),
    st.sampled_from(VAULTS),
    st.sampled_from(["", *(f"/secrets/s{number}" for number in range(8))]),
)


def at(vault: str, *names: str, action: str = GET) -> list[Use]:
    return [Use(action, vault, f"{vault}/secrets/{name}" if name else vault) for name in names]


@given(st.lists(uses, max_size=12))
def test_what_is_recommended_is_enough(done):
    given_roles = [
        Assignment("id", one.role.id, "alice", "User", one.scope, AT, "x")
        for one in recommend(done)
    ]
    grants = Grants(given_roles)
    for use in done:
        operation = Operation("x", "x", use.action, True, "x")
        assert decide(Question(ALICE, operation, use.resource), grants).allowed


@given(st.lists(uses, max_size=12))
def test_nothing_is_recommended_where_nothing_was_done(done):
    touched = {use.vault for use in done}
    for one in recommend(done):
        assert any(one.scope.startswith(vault) for vault in touched)
        assert one.actions


def test_one_secret_is_one_secret():
    (one,) = recommend(at(VAULTS[0], "db"))
    assert (one.role.name, one.scope) == ("Key Vault Secrets User", f"{VAULTS[0]}/secrets/db")


def test_many_alike_are_the_vault():
    names = [f"s{number}" for number in range(OBJECTS_LIMIT + 1)]
    (one,) = recommend(at(VAULTS[0], *names))
    assert (one.role.name, one.scope) == ("Key Vault Secrets User", VAULTS[0])


def test_a_list_is_the_vaults_and_needs_no_values():
    found = recommend([*at(VAULTS[0], "", action=LIST), *at(VAULTS[0], "db")])
    assert [(one.role.name, one.scope) for one in found] == [
        ("Key Vault Reader", VAULTS[0]),
        ("Key Vault Secrets User", f"{VAULTS[0]}/secrets/db"),
    ]


def test_what_is_had_beyond_is_told():
    officer = find("Key Vault Secrets Officer")
    assert officer is not None
    held = Assignment("id", officer.id, "alice", "User", VAULTS[0], AT, "x")
    (wide,) = wide_assignments(at(VAULTS[0], "db"), ALICE.ids, Grants([held]))
    assert (wide.assignment, wide.used, wide.allowed) == (held, 1, 9)
