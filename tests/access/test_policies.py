from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from devvault.access.policies import allows
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
