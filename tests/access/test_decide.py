from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.access.decide import Question, decide, refusal
from devvault.access.permissions import data_operations
from devvault.access.principals import Caller
from devvault.access.rbac import Assignment, Grants, scope_covers
from devvault.access.roles import built_in, find
from devvault.model import operations as op
from devvault.model.operations import OPERATIONS, Operation
from devvault.model.vault import Policy, Vault

AT = datetime(2026, 3, 1, tzinfo=UTC)
TENANT = "7e7e7e7e-0000-4000-8000-000000000001"
SUBSCRIPTION = "5a5a5a5a-0000-4000-8000-000000000001"
OIDS = {
    "caller": "AAAAAAAA-0000-4000-8000-000000000001",
    "group": "bbbbbbbb-0000-4000-8000-000000000002",
    "other": "cccccccc-0000-4000-8000-000000000003",
}
APPS = {"caller": "Dddddddd-0000-4000-8000-000000000004", "other": "eeee"}
CALLER = Caller(
    OIDS["caller"], APPS["caller"].lower(), TENANT, "alice", groups=(OIDS["group"].upper(),)
)
CALLERS = {
    "": CALLER,
    "owner": replace(CALLER, owner=True),
    "system": replace(CALLER, kind="System"),
}
VAULT = Vault("a", "team", "westeurope", SUBSCRIPTION, TENANT, AT, AT)
SECRET = f"{VAULT.id}/secrets/db"
WHOLE = json.loads(
    (Path(__file__).parents[1] / "vectors" / "decisions.json").read_text(encoding="utf-8")
)
VECTOR, MATRIX = WHOLE["cases"], WHOLE["matrix"]


def assignment(role: str, scope: str, whose: str = "caller") -> Assignment:
    known = find(role)
    role_id = known.id if known else role
    return Assignment("id", role_id, OIDS[whose].lower(), "User", scope, AT, "x")


def policy(entry: dict) -> Policy:
    return Policy(
        TENANT.upper() if entry.get("tenant") is None else entry["tenant"],
        OIDS[entry["who"]],
        APPS[entry["app"]] if "app" in entry else "",
        keys=tuple(entry.get("keys", ())),
        secrets=tuple(entry["secrets"]),
    )


def question_of(case: dict) -> Question:
    vault = replace(
        VAULT,
        rbac=case.get("rbac", True),
        policies=tuple(policy(entry) for entry in case.get("policies", ())),
    )
    return Question(
        CALLERS[case.get("kind", "")],
        OPERATIONS[case["operation"]],
        case["resource"],
        vault,
        case.get("role", ""),
    )


@pytest.mark.parametrize("case", VECTOR, ids=lambda case: case["name"])
def test_decisions(case):
    question = question_of(case)
    decision = decide(question, Grants([assignment(*role) for role in case["roles"]]))
    assert decision.allowed is case["allowed"], decision.reason
    assert decision.reason
    by_role = decision.allowed and bool(case["roles"])
    assert (decision.assignment is not None) == by_role
    if not decision.allowed:
        assert refusal(question, decision).message


def test_there_are_enough_cases_of_both_kinds():
    assert len(VECTOR) >= 80
    assert 40 < sum(case["allowed"] for case in VECTOR) < len(VECTOR) - 40


def place_of(name: str, kind: str = "secrets") -> str:
    text = MATRIX["scopes"][name].replace("/KIND/", f"/{kind}/")
    return re.sub("^/subscriptions/S(?![a-z])", f"/subscriptions/{SUBSCRIPTION}", text)


def asked_at(operation: Operation, where: str) -> Question:
    """Return the question of an operation that is asked at a place of the matrix."""
    resource, _, version = place_of(where, operation.kind).partition("/versions/")
    vault = VAULT if operation.data else None
    return Question(CALLER, operation, resource, vault, version=version)


def operations_of(plane: str) -> list[Operation]:
    return [
        Operation(id, id, action, plane == "data", "verb" if plane == "data" else "")
        for id, action in MATRIX[plane].items()
    ]


@pytest.mark.parametrize("role", sorted(MATRIX["allows"]))
@pytest.mark.parametrize("plane", ["data", "control"])
def test_every_operation_with_every_role_at_every_scope(role, plane):
    wrong = []
    for operation in operations_of(plane):
        has = operation.id in MATRIX["allows"][role][plane]
        for where, covering in MATRIX["covers"].items():
            question = asked_at(operation, where)
            for scope in MATRIX["scopes"]:
                given_here = assignment(role, place_of(scope, operation.kind))
                allowed = decide(question, Grants([given_here])).allowed
                if allowed is not (has and scope in covering):
                    wrong.append((operation.id, where, scope, allowed))
    assert not wrong


def test_the_matrix_is_whole():
    assert set(MATRIX["allows"]) == {role.name for role in built_in().values()}
    assert set(MATRIX["data"]) == {operation.id for operation in data_operations()}
    for operation in OPERATIONS.values():
        if operation.action.startswith("Microsoft.KeyVault/"):
            known = MATRIX["data" if operation.data else "control"]
            assert known[operation.id] == operation.action
    for role in ("Owner", "Contributor", "Key Vault Contributor", "Reader"):
        assert not MATRIX["allows"][role]["data"]
    for role in ("Owner", "Contributor", "Key Vault Contributor"):
        assert "VaultsDelete" in MATRIX["allows"][role]["control"]


names = st.text("abAB-9", min_size=1, max_size=4)
operations = st.sampled_from(sorted(OPERATIONS))
roles = st.sampled_from(sorted(built_in()))


def resource_ids(group: str, vault: str, secret: str) -> list[str]:
    subscription = f"/subscriptions/{SUBSCRIPTION}"
    top = f"{subscription}/resourceGroups/{group}"
    return [
        "/",
        subscription,
        top,
        f"{top}/providers/Microsoft.KeyVault/vaults/{vault}",
        f"{top}/providers/Microsoft.KeyVault/vaults/{vault}/secrets/{secret}",
    ]


scopes = st.builds(resource_ids, names, names, names).flatmap(st.sampled_from)


@given(operations, roles, scopes, scopes, st.integers(0, 40))
def test_a_narrower_scope_never_allows_more(operation, role, scope, resource, cut):
    wide = "/" + "/".join(scope.strip("/").split("/")[: cut % 10])
    question = Question(CALLER, OPERATIONS[operation], resource)
    if decide(question, Grants([assignment(role, scope)])).allowed:
        assert decide(question, Grants([assignment(role, wide)])).allowed


@given(operations, roles, scopes, scopes)
def test_what_is_allowed_above_is_allowed_below(operation, role, scope, resource):
    below = resource.rstrip("/") + "/x"
    if decide(
        Question(CALLER, OPERATIONS[operation], resource), Grants([assignment(role, scope)])
    ).allowed:
        question = Question(CALLER, OPERATIONS[operation], below)
        assert decide(question, Grants([assignment(role, scope)])).allowed


@given(operations, roles, scopes, scopes, st.randoms(use_true_random=False))
def test_case_makes_no_difference(operation, role, scope, resource, random):
    def shuffled(text: str) -> str:
        return "".join(random.choice((char.lower(), char.upper())) for char in text)

    plain = decide(
        Question(CALLER, OPERATIONS[operation], resource), Grants([assignment(role, scope)])
    ).allowed
    caller = replace(CALLER, oid=shuffled(CALLER.oid))
    mixed = replace(assignment(shuffled(role), shuffled(scope)), principal=shuffled(OIDS["caller"]))
    asked = replace(OPERATIONS[operation], action=shuffled(OPERATIONS[operation].action))
    # The condition of a role looks at the operation itself, which has one spelling.
    if asked.action.lower() not in {
        op.PUT_ASSIGNMENT.action.lower(),
        op.DELETE_ASSIGNMENT.action.lower(),
    }:
        assert decide(Question(caller, asked, shuffled(resource)), Grants([mixed])).allowed == plain


@given(operations, roles, scopes, scopes)
def test_more_assignments_never_take_away(operation, role, scope, resource):
    question = Question(CALLER, OPERATIONS[operation], resource)
    some = [assignment("Key Vault Secrets User", scope)]
    if decide(question, Grants(some)).allowed:
        assert decide(question, Grants([assignment(role, resource), *some])).allowed


some_assignments = st.lists(
    st.builds(assignment, roles, scopes, st.sampled_from(sorted(OIDS))), max_size=5
)
versions = st.sampled_from(["", "0" * 32, "1" * 32])


@given(operations, some_assignments, scopes, versions, st.randoms(use_true_random=False))
def test_order_makes_no_difference(operation, some, resource, version, random):
    question = Question(CALLER, OPERATIONS[operation], resource, version=version)
    mixed = random.sample(some, len(some))
    assert decide(question, Grants(some)).allowed is decide(question, Grants(mixed)).allowed


@given(operations, some_assignments, scopes, versions, st.data())
def test_taking_away_never_gives(operation, some, resource, version, data):
    question = Question(CALLER, OPERATIONS[operation], resource, version=version)
    fewer = [one for one in some if data.draw(st.booleans())]
    assert decide(question, Grants(fewer)).allowed <= decide(question, Grants(some)).allowed


@given(operations, some_assignments, scopes, versions)
def test_it_is_what_looking_at_each_assignment_says(operation, some, resource, version):
    asked = OPERATIONS[operation]
    question = Question(CALLER, asked, resource, version=version)
    if asked.action.startswith("Devvault/"):
        assert not decide(question, Grants(some)).allowed
        return
    expected = any(
        one.principal.lower() in CALLER.ids
        and scope_covers(one.scope, question.place)
        and (role := built_in()[one.role_id]).allows(asked.action, data=asked.data)
        and (
            role.assigns is None or "roleAssignments/" not in asked.action or asked.changes is False
        )
        for one in some
    )
    assert decide(question, Grants(some)).allowed is expected


@given(operations, roles, scopes, st.text("abAB9", min_size=1, max_size=3))
def test_a_longer_last_segment_is_another_place(operation, role, scope, more):
    question = Question(CALLER, OPERATIONS[operation], scope.rstrip("/") + more)
    if scope != "/":
        assert not decide(question, Grants([assignment(role, scope)])).allowed


@given(operations, scopes)
def test_nobody_without_an_id_matches_an_assignment_without_one(operation, resource):
    nobody = replace(CALLER, oid="", groups=("",))
    empty = replace(assignment("Key Vault Administrator", "/"), principal="")
    assert not decide(Question(nobody, OPERATIONS[operation], resource), Grants([empty])).allowed
    vault = replace(VAULT, rbac=False, policies=(Policy(TENANT, "", secrets=("all", "purge")),))
    question = Question(nobody, OPERATIONS[operation], resource, vault)
    assert not decide(question, Grants([])).allowed


def test_a_refusal_under_rbac_is_azures_text():
    question = Question(CALLER, op.GET_SECRET, SECRET, VAULT)
    error = refusal(question, decide(question, Grants([])))
    assert (error.code, error.inner) == ("Forbidden", "ForbiddenByRbac")
    assert error.message == (
        "Caller is not authorized to perform action on resource.\r\n"
        "If role assignments, deny assignments or role definitions were changed recently,"
        " please observe propagation time.\r\n"
        f"Caller: appid={CALLER.appid};oid={CALLER.oid};"
        f"iss=https://sts.windows.net/{TENANT}/\r\n"
        "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\n"
        f"Resource: '/subscriptions/{SUBSCRIPTION}/resourcegroups/team/providers/"
        "microsoft.keyvault/vaults/a/secrets/db'\r\n"
        "Assignment: (not found)\r\n"
        "DenyAssignmentId: null\r\n"
        "DecisionReason: 'DeniedWithNoValidRBAC' \r\n"
        "Vault: a;location=westeurope\r\n"
    )


def test_a_refusal_by_policy_is_azures_text():
    question = Question(CALLER, op.GET_SECRET, SECRET, replace(VAULT, rbac=False))
    error = refusal(question, decide(question, Grants([])))
    assert (error.code, error.inner) == ("Forbidden", "AccessDenied")
    assert error.message == (
        f"The user, group or application '{CALLER.words}' does not have secrets get permission on"
        " key vault 'a;location=westeurope'. For help resolving this issue, please see"
        " https://go.microsoft.com/fwlink/?linkid=2125287"
    )


def test_a_refusal_of_the_control_plane_is_arms_text():
    question = Question(CALLER, op.DELETE_VAULT, VAULT.id, VAULT)
    error = refusal(question, decide(question, Grants([])))
    assert error.code == "AuthorizationFailed"
    assert error.message == (
        f"The client 'alice' with object id '{CALLER.oid}' does not have authorization to perform"
        f" action 'Microsoft.KeyVault/vaults/delete' over scope '{VAULT.id}' or the scope is"
        " invalid. If access was recently granted, please refresh your credentials."
    )


def test_only_the_owner_may_do_what_is_ours():
    question = Question(CALLER, op.REKEY_HOME, "/")
    decision = decide(question, Grants([assignment("Owner", "/")]))
    assert not decision.allowed
    assert "owner" in refusal(question, decision).message
