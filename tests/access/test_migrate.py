"""After a migration nobody has lost anything, and what anybody gains is what the plan says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devvault.access.decide import Question, decide
from devvault.access.least import gives, is_power
from devvault.access.migrate import (
    KINDS,
    Move,
    Plan,
    is_of_the_vault,
    labels,
    plan_migration,
)
from devvault.access.permissions import DataOperation, data_operations
from devvault.access.policies import PERMISSIONS
from devvault.access.principals import Caller
from devvault.access.rbac import Assignment, Grants, scope_covers
from devvault.access.roles import built_in, find
from devvault.model.operations import Operation
from devvault.model.vault import Policy, Vault

AT = datetime(2026, 3, 1, tzinfo=UTC)
TENANT, SUBSCRIPTION = "tenant", "sub"
VAULT = Vault("my-kv", "team", "westeurope", SUBSCRIPTION, TENANT, AT, AT, rbac=False)
SCOPES = (
    f"/subscriptions/{SUBSCRIPTION}",
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/team",
    VAULT.id,
    f"{VAULT.id}/secrets/db",
    f"{VAULT.id}x",
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/other",
)
WHO = ("alice", "bob", "crew")


def verbs(kind: str) -> st.SearchStrategy[tuple[str, ...]]:
    words = st.sampled_from(sorted(PERMISSIONS[kind]))
    return st.lists(words, max_size=5, unique=True).map(tuple)


policies = st.builds(
    Policy,
    st.sampled_from((TENANT, TENANT.upper())),
    st.sampled_from((*WHO, "ALICE")),
    st.sampled_from(("", "", "app")),
    keys=verbs("keys"),
    secrets=verbs("secrets"),
    certificates=verbs("certificates"),
    storage=st.sampled_from(((), ("get",))),
)
given_roles = st.builds(
    lambda role, who, scope, condition: Assignment(
        "id", role, who, "User", scope, AT, "x", condition
    ),
    st.sampled_from(sorted(built_in())),
    st.sampled_from(WHO),
    st.sampled_from(SCOPES),
    st.sampled_from(
        ("", "", "@Resource[Microsoft.KeyVault/vaults/secrets:name] StringStartsWith 'd'")
    ),
)
operations = st.sampled_from(data_operations())
callers = st.builds(
    lambda oid, app, groups: Caller(oid, app, TENANT, oid, groups=groups),
    st.sampled_from(WHO[:2]),
    st.sampled_from(("app", "other")),
    st.sampled_from(((), ("Crew",))),
)


def carried_out(plan: Plan, grants: list[Assignment]) -> Grants:
    new = [
        Assignment("new", role.id, move.oid, "User", VAULT.id, AT, "x")
        for move in plan.moves
        for role in move.roles
    ]
    return Grants([*grants, *new], plan.custom)


def may(vault: Vault, grants: Grants, caller: Caller, one: DataOperation, place: str) -> bool:
    return any(
        decide(
            Question(caller, Operation("x", "x", one.action, True, verb), place, vault), grants
        ).allowed
        for verb in one.verbs
    )


@settings(max_examples=150)
@given(
    st.lists(policies, max_size=4).map(tuple),
    st.lists(given_roles, max_size=3),
    callers,
    operations,
    st.booleans(),
)
def test_nobody_loses_and_what_is_gained_is_said(found, held, caller, operation, custom):
    vault = replace(VAULT, policies=found)
    plan = plan_migration(vault, Grants(held), custom=custom)
    after = carried_out(plan, held)
    moved = replace(vault, rbac=True)
    mine = [move for move in plan.moves if move.oid in caller.ids]
    objects = (f"{VAULT.id}/{operation.kind}/db", f"{VAULT.id}/{operation.kind}/x")
    for place in (VAULT.id,) if is_of_the_vault(operation) else objects:
        was = may(vault, Grants(held), caller, operation, place)
        now = may(moved, after, caller, operation, place)
        assert was <= now
        said = any(
            operation in move.adds
            or operation in move.freed
            or any(
                operation in below.operations and scope_covers(below.scope, place)
                for below in move.below
            )
            for move in mine
        )
        if now and not was:
            assert said
        # And what the plan says is given is given, where it stands under no condition.
        if any(operation in move.adds for move in mine):
            assert now
        for below in (one for move in mine for one in move.below if not one.condition):
            if operation in below.operations and below.scope == place:
                assert now
    if not custom:
        assert not plan.custom


@given(st.lists(policies, max_size=4).map(tuple))
def test_only_what_is_no_power_is_added_unless_a_kind_is_managed(found):
    for move in plan_migration(replace(VAULT, policies=found), Grants([])).moves:
        for role in move.roles:
            if role.custom:
                kept = {one.action for one in move.keeps}
                assert set(role.data_actions) <= kept
        managed = {
            kind
            for kind in KINDS
            if {"get", "list", "delete", "recover"}
            <= {one.verbs[0] for one in move.keeps if one.kind == kind}
        }
        for one in move.adds:
            assert one.kind in managed or not is_power(one.action)


def moved(**given: tuple[str, ...]) -> Move:
    vault = replace(VAULT, policies=(Policy(TENANT, "alice", **given),))
    (found,) = plan_migration(vault, Grants([])).moves
    return found


ALL = dict.fromkeys(KINDS, ("all",))
SECRET_MANAGEMENT = ("get", "list", "set", "delete", "recover", "backup", "restore")
KEY_MANAGEMENT = (
    "get", "list", "update", "create", "import", "delete", "recover", "backup", "restore",
)  # fmt: skip
CERTIFICATE_MANAGEMENT = (
    "get", "list", "update", "create", "import", "delete", "recover", "backup", "restore",
    "managecontacts", "manageissuers", "getissuers", "listissuers", "setissuers", "deleteissuers",
)  # fmt: skip


# Azure's table of policy templates and roles, and our own rule for what is not in it.
@pytest.mark.parametrize(
    ("given_verbs", "roles", "adds"),
    [
        (
            {
                "keys": KEY_MANAGEMENT,
                "secrets": SECRET_MANAGEMENT,
                "certificates": CERTIFICATE_MANAGEMENT,
            },
            ["Key Vault Administrator"],
            None,
        ),
        (
            {"keys": KEY_MANAGEMENT, "secrets": SECRET_MANAGEMENT},
            ["Key Vault Crypto Officer", "Key Vault Secrets Officer"],
            None,
        ),
        (
            {"certificates": CERTIFICATE_MANAGEMENT, "secrets": SECRET_MANAGEMENT},
            ["Key Vault Certificates Officer", "Key Vault Secrets Officer"],
            ["secrets purge", "certificates purge"],
        ),
        ({"keys": KEY_MANAGEMENT}, ["Key Vault Crypto Officer"], None),
        ({"secrets": SECRET_MANAGEMENT}, ["Key Vault Secrets Officer"], ["secrets purge"]),
        (
            {"certificates": CERTIFICATE_MANAGEMENT},
            ["Key Vault Certificates Officer"],
            ["certificates purge"],
        ),
        (
            {"keys": ("get", "list", "wrapKey", "unwrapKey")},
            ["Key Vault Crypto Service Encryption User"],
            [],
        ),
        (
            {"keys": ("get", "list", "unwrapKey")},
            ["my-kv keys get, list, unwrapkey"],
            [],
        ),
        (
            {"keys": ("get", "list", "backup"), "secrets": ("get", "list", "backup")},
            ["my-kv secrets get, list, backup; keys get, list, backup"],
            [],
        ),
        (
            {"keys": ("get", "decrypt", "sign")},
            ["my-kv keys get, list, decrypt, sign"],
            ["keys list"],
        ),
        ({"secrets": ("get", "list")}, ["Key Vault Secrets User"], []),
        ({"secrets": ("GET",)}, ["Key Vault Secrets User"], ["secrets list"]),
        (
            {"secrets": ("list",)},
            ["Key Vault Reader"],
            [
                "secrets GetDeletedSecret",
                "keys get",
                "keys list",
                "keys getrotationpolicy",
                "certificates get",
                "certificates list",
                "certificates getissuers",
                "certificates listissuers",
            ],
        ),
        ({"secrets": ("all",)}, ["Key Vault Secrets Officer"], ["secrets purge"]),
        ({"secrets": ("all", "purge")}, ["Key Vault Secrets Officer"], []),
        (ALL, ["Key Vault Administrator"], ["secrets purge", "keys purge", "certificates purge"]),
        ({"keys": ("release",)}, ["Key Vault Crypto Service Release User"], []),
    ],
    ids=str,
)
def test_the_roles_of_a_policy(given_verbs, roles, adds):
    found = moved(**given_verbs)
    assert [role.name for role in found.roles] == roles
    if adds is not None:
        assert labels(found.adds, found.keeps) == adds
    assert not found.loses


def test_certificates_are_read_without_the_values_of_secrets():
    found = moved(certificates=("get", "list"))
    assert [role.name for role in found.roles] == ["Key Vault Reader"]
    assert "secrets get" not in labels(found.adds, found.keeps)


def test_what_has_no_role_is_lost_and_said():
    found = moved(secrets=("get", "list"), storage=("get", "getsas"))
    assert found.loses == ("storage get", "storage getsas")


def test_an_application_is_no_condition_any_more():
    vault = replace(VAULT, policies=(Policy(TENANT, "alice", "app", secrets=("get", "list")),))
    (found,) = plan_migration(vault, Grants([])).moves
    assert found.applications == ("app",)
    assert labels(found.freed) == ["secrets get", "secrets list"]


def test_who_has_the_role_already_gets_no_other():
    administrator = find("Key Vault Administrator")
    assert administrator is not None
    held = Assignment("h", administrator.id, "ALICE", "User", SCOPES[0], AT, "x")
    vault = replace(VAULT, policies=(Policy(TENANT, "alice", secrets=("get",)),))
    (found,) = plan_migration(vault, Grants([held])).moves
    assert found.roles == ()
    assert found.held == (held,)
    assert "secrets set" in labels(found.adds, found.keeps)


def test_roles_of_who_has_no_policy_begin_to_count():
    user = find("Key Vault Secrets User")
    assert user is not None
    here = Assignment("h", user.id, "bob", "User", VAULT.id, AT, "x")
    there = replace(here, id="t", scope=f"{VAULT.id}/secrets/db", principal="crew")
    aside = replace(here, id="a", scope=f"{VAULT.id}x", principal="carol")
    plan = plan_migration(VAULT, Grants([here, there, aside]))
    assert [move.oid for move in plan.moves] == ["bob", "crew"]
    assert labels(plan.moves[0].adds) == ["secrets get", "secrets list"]
    (below,) = plan.moves[1].below
    assert below.scope == there.scope
    # Listing is done on the vault, and no role on one secret gives it.
    assert labels(below.operations) == ["secrets get"]


@pytest.mark.parametrize(
    ("tail", "adds"),
    [
        (
            "secrets/db",
            [
                f"secrets {verb}"
                for verb in ("set", "get", "delete", "recover", "purge", "backup", "restore")
            ],
        ),
        ("secrets/db/versions/" + "0" * 32, ["secrets GetSecret", "secrets UpdateSecret"]),
        (
            "certificates/c/versions/" + "0" * 32,
            ["certificates GetCertificate", "certificates UpdateCertificate"],
        ),
    ],
)
def test_a_role_on_an_object_adds_what_can_be_done_with_it(tail, adds):
    administrator = find("Key Vault Administrator")
    assert administrator is not None
    held = Assignment("h", administrator.id, "bob", "User", f"{VAULT.id}/{tail}", AT, "x")
    (move,) = plan_migration(VAULT, Grants([held])).moves
    (below,) = move.below
    assert {one.kind for one in below.operations} == {tail.split("/")[0]}
    assert not any(map(is_of_the_vault, below.operations))
    assert labels(below.operations) == adds


def test_the_same_rights_are_one_custom_role():
    some = tuple(Policy(TENANT, who, keys=("sign",)) for who in WHO)
    plan = plan_migration(replace(VAULT, policies=some), Grants([]))
    (role,) = plan.custom
    assert role.assignable == (f"/subscriptions/{SUBSCRIPTION}/resourceGroups/team",)
    assert gives(role) == {"Microsoft.KeyVault/vaults/keys/sign/action"}


def test_a_long_role_name_is_cut_short():
    words = tuple(sorted(PERMISSIONS["keys"] - {"get", "all"}))
    more = tuple(sorted(PERMISSIONS["certificates"] - {"get", "all"}))
    found = moved(keys=words, certificates=more, secrets=("set",))
    assert all(len(role.name) <= 200 for role in found.roles)
