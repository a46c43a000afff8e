from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from devvault.access.policies import (
    PERMISSIONS,
    add_policies,
    allows,
    check_policies,
    remove_policies,
    replace_policies,
)
from devvault.access.principals import Caller
from devvault.model.vault import Policy, Vault

AT = datetime(2026, 3, 1, tzinfo=UTC)
VAULT = Vault("a", "g", "westeurope", "s", "Tenant", AT, AT, rbac=False)
ALICE = Caller("Oid", "App", "Tenant", "alice", groups=("Crew",))
VERBS = ("get", "list", "set", "delete", "recover", "backup", "restore", "purge")


def may(policy: Policy, verb: str, caller: Caller = ALICE, kind: str = "secrets") -> bool:
    return allows(replace(VAULT, policies=(policy,)), caller, kind, verb)


@given(st.sets(st.sampled_from((*VERBS, "all"))), st.sampled_from(VERBS))
def test_all_is_everything_but_purge(given_verbs, verb):
    expected = verb in given_verbs or ("all" in given_verbs and verb != "purge")
    assert may(Policy("tenant", "OID", secrets=tuple(given_verbs)), verb) is expected


def test_user_and_application_must_both_match():
    policy = Policy("Tenant", "oid", "app", secrets=("get",))
    assert may(policy, "get")
    assert not may(policy, "get", replace(ALICE, appid="other"))
    assert not may(policy, "get", replace(ALICE, oid="other", groups=()))
    assert may(replace(policy, oid="CREW"), "get")


def test_each_kind_has_its_own_verbs():
    policy = Policy(
        "Tenant",
        "oid",
        keys=("sign",),
        secrets=("get",),
        certificates=("import",),
        storage=("setsas",),
    )
    for kind, verb in (
        ("keys", "SIGN"),
        ("secrets", "get"),
        ("certificates", "import"),
        ("storage", "setsas"),
    ):
        assert may(policy, verb, kind=kind)
        assert sum(may(policy, verb, kind=other) for other in ("keys", "secrets", "x")) <= 1
    assert not may(policy, "get", kind="keyrotationpolicies")
    assert not may(Policy("Tenant", "oid", secrets=("all", "")), "")


def test_another_tenants_policy_gives_nothing():
    assert not may(Policy("other", "oid", secrets=("all",)), "get")
    assert not may(Policy("", "oid", secrets=("all",)), "get")


kinds = st.sampled_from(("keys", "secrets", "certificates"))
entries = st.builds(
    Policy,
    st.just("Tenant"),
    st.sampled_from(("oid", "OID", "other")),
    st.sampled_from(("", "app")),
    keys=st.lists(st.sampled_from(sorted(PERMISSIONS["keys"])), max_size=3).map(tuple),
    secrets=st.lists(st.sampled_from(sorted(PERMISSIONS["secrets"])), max_size=3).map(tuple),
)
lists = st.lists(entries, max_size=4).map(tuple)
questions = st.sampled_from(
    [(kind, verb) for kind in ("keys", "secrets") for verb in sorted(PERMISSIONS[kind] - {"all"})]
)


def can(policies: tuple[Policy, ...], asked: tuple[str, str]) -> bool:
    return allows(replace(VAULT, policies=policies), ALICE, *asked)


@given(lists, lists, questions)
def test_adding_gives_what_either_gives(old, new, asked):
    both = add_policies(old, new)
    assert can(both, asked) is (can(old, asked) or can(new, asked))
    check_policies(both, "Tenant")


@given(lists, lists, questions)
def test_removing_never_gives_and_takes_what_it_names(old, gone, asked):
    left = remove_policies(old, gone)
    assert can(left, asked) <= can(old, asked)
    check_policies(left, "Tenant")
    same = tuple(one for one in old if one.oid.lower() == "oid" and not one.appid)
    if len(same) == len(old) and can(gone, asked) and all(not one.appid for one in gone):
        assert not can(left, asked)


@given(lists, lists, questions)
def test_replacing_leaves_others_alone(old, new, asked):
    found = replace_policies(old, new)
    touched = {(one.oid.lower(), one.appid) for one in new}
    others = tuple(one for one in old if (one.oid.lower(), one.appid) not in touched)
    assert [one for one in found if (one.oid.lower(), one.appid) not in touched] == list(others)
    if can(others, asked):
        assert can(found, asked)


def test_all_but_one_is_written_out():
    (left,) = remove_policies(
        (Policy("Tenant", "oid", secrets=("all", "purge")),),
        (Policy("Tenant", "OID", secrets=("GET",)),),
    )
    assert "purge" in left.secrets
    assert not can((left,), ("secrets", "get"))
    assert all(can((left,), ("secrets", verb)) for verb in PERMISSIONS["secrets"] - {"get", "all"})


def test_an_entry_with_nothing_left_goes():
    old = (Policy("Tenant", "oid", secrets=("get",)), Policy("Tenant", "other", secrets=("get",)))
    assert remove_policies(old, (Policy("Tenant", "oid", secrets=("get",)),)) == old[1:]
    assert remove_policies(old, (Policy("Tenant", "oid"),)) == old[1:]
    assert remove_policies(old, (Policy("Tenant", "nobody", secrets=("get",)),)) == old
