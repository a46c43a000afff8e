"""What a decision costs, and that 10,000 role assignments cost it no more than ten."""

import statistics
import time
from datetime import UTC, datetime

from devvault.access.decide import Question, decide
from devvault.access.policies import POLICIES_LIMIT
from devvault.access.principals import Caller
from devvault.access.rbac import Assignment, Grants
from devvault.access.roles import built_in
from devvault.model.operations import GET_SECRET
from devvault.model.vault import Policy, Vault
from tests.bench.measure import Row

AT = datetime(2026, 3, 1, tzinfo=UTC)
VAULT = Vault("a", "team", "westeurope", "sub", "tenant", AT, AT)
MANY, FEW, ASKED, ROUNDS = 10_000, 10, 2_000, 15
CREW = tuple(f"crew-{number}" for number in range(20))
ALICE = Caller("alice", "app", "tenant", "alice", groups=CREW)
USER = next(role.id for role in built_in().values() if role.name == "Key Vault Secrets User")


def given(count: int, principal: str = "") -> Grants:
    """Return so many assignments: of as many principals, or on as many secrets of one."""
    some = [
        Assignment(
            str(number),
            USER,
            principal or f"somebody-{number}",
            "User",
            f"{VAULT.id}/secrets/s{number}",
            AT,
            "x",
        )
        for number in range(count)
    ]
    return Grants([*some, Assignment("mine", USER, "alice", "User", VAULT.id, AT, "x")])


def spent(grants: Grants, vault: Vault = VAULT, caller: Caller = ALICE) -> float:
    """Return the seconds of one decision, the mean of many."""
    question = Question(caller, GET_SECRET, f"{vault.id}/secrets/db", vault)
    start = time.perf_counter()
    for _ in range(ASKED):
        decide(question, grants)
    return (time.perf_counter() - start) / ASKED


def rows() -> list[Row]:
    few = given(FEW)
    found = [
        _row("decision, 10,000 principals' assignments", few, given(MANY)),
        _row("decision, 10,000 assignments of one principal", few, given(MANY, "alice")),
    ]
    policies = tuple(
        Policy("tenant", f"somebody-{number}", secrets=("get",)) for number in range(POLICIES_LIMIT)
    )
    under = Vault("a", "team", "westeurope", "sub", "tenant", AT, AT, rbac=False, policies=policies)
    worst = statistics.median(spent(few, under) for _ in range(3))
    found.append(
        Row("refusal under 1024 access policies", f"{worst * 1e6:.1f} us", "microseconds", None)
    )
    return found


def _row(what: str, few: Grants, many: Grants) -> Row:
    pairs = [(spent(many), spent(few)) for _ in range(ROUNDS)]
    ratio = statistics.median(big / small for big, small in pairs)
    big = statistics.median(pair[0] for pair in pairs) * 1e6
    small = statistics.median(pair[1] for pair in pairs) * 1e6
    return Row(what, f"{big:.1f} us", f"{FEW} assignments, {small:.1f} us", ratio, 1.5)
