from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.access.condition import check_condition, facts_of, holds
from devvault.errors import Invalid

V = "Microsoft.KeyVault/vaults"
GET = f"{V}/secrets/getSecret/action"
SET = f"{V}/secrets/setSecret/action"
LIST = f"{V}/secrets/readMetadata/action"
VAULT = f"/subscriptions/s/resourceGroups/g/providers/{V}/my-kv"
NAME = f"@Resource[{V}/secrets:name]"
NEW = f"@Request[{V}/secrets:name]"
OF_VAULT = f"@Resource[{V}:name]"


def ask(condition: str, name: str = "app-db", action: str = GET) -> bool:
    check_condition(condition, "2.0")
    return holds(condition, facts_of(action, f"{VAULT}/secrets/{name}" if name else VAULT))


# The operators, and what they mean, from Azure's reference of conditions.
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (f"{NAME} StringEquals 'app-db'", True),
        (f"{NAME} StringEquals 'APP-DB'", False),
        (f"{NAME} StringEqualsIgnoreCase 'APP-DB'", True),
        (f"{NAME} StringNotEquals 'app-db'", False),
        (f"{NAME} StringNotEquals 'other'", True),
        (f"{NAME} StringNotEqualsIgnoreCase 'APP-DB'", False),
        (f"{NAME} StringStartsWith 'app-'", True),
        (f"{NAME} StringStartsWith 'pp-'", False),
        (f"{NAME} StringNotStartsWith 'app-'", False),
        (f"{NAME} StringLike 'app*'", True),
        (f"{NAME} StringLike '*-d?'", True),
        (f"{NAME} StringLike 'app'", False),
        (f"{NAME} StringNotLike '*x*'", True),
        (f"{NAME} StringLikeIgnoreCase 'APP*'", True),
        (f"{NAME} ForAnyOfAnyValues:StringEquals {{'other', 'app-db'}}", True),
        (f"{NAME} ForAnyOfAllValues:StringNotEquals {{'other','app-db'}}", False),
        (f"{NAME} ForAllOfAllValues:StringNotLike {{'x*', 'y*'}}", True),
        (f"{OF_VAULT} StringEquals 'my-kv'", True),
        (f"{OF_VAULT} StringEquals 'other'", False),
        (f"{NEW} StringEquals 'app-db'", False),
        (f"Exists {NAME}", True),
        (f"NotExists {NAME}", False),
        (f"!(ActionMatches{{'{GET}'}}) OR {NAME} StringStartsWith 'x'", False),
        (f"!(ActionMatches{{'{LIST}'}}) OR {NAME} StringStartsWith 'x'", True),
        (
            f"((ActionMatches{{'{V}/*'}}) && {NAME} StringEquals 'app-db') || {NEW} StringLike '*'",
            True,
        ),
        (f"{NAME} StringEquals 'a' OR {NAME} StringEquals 'b' AND {NAME} StringEquals 'c'", False),
        (f"{NAME} StringEquals 'app-db' OR {NAME} StringLike 'x' AND {NAME} StringLike 'x'", True),
        (f"NOT {NAME} StringEquals 'x'", True),
        (f"!!{NAME} StringEquals 'app-db'", True),
    ],
)
def test_what_holds(condition, expected):
    assert ask(condition) is expected


def test_a_list_has_no_name_and_so_no_condition_on_it_holds():
    assert not ask(f"{NAME} StringLike '*'", "", LIST)
    assert not ask(f"{NAME} StringNotEquals 'x'", "", LIST)
    assert ask(f"{OF_VAULT} StringEquals 'my-kv'", "", LIST)


def test_what_is_set_has_its_name_in_the_request():
    assert ask(f"{NEW} StringEquals 'app-db'", action=SET)
    assert not ask(f"{NAME} StringEquals 'app-db'", action=SET)


@given(st.sampled_from(["secret", "SECRET", "Secret", "sEcReT"]))
def test_a_name_in_another_case_is_never_let_through_by_a_negative(name):
    assert not ask(f"{NAME} StringNotEquals 'secret'", name)
    assert not ask(f"!({NAME} StringEquals 'secret')", name)
    assert not ask(f"{NAME} StringNotLike 'sec*'", name)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        " ",
        "nonsense",
        "true",
        "(",
        f"({NAME} StringEquals 'x'",
        f"{NAME} StringEquals 'x')",
        f"{NAME} StringEquals",
        f"{NAME} StringEquals x",
        f"{NAME} StringEquals 'x",
        f"{NAME} StringSounds 'x'",
        f"{NAME} NumericEquals 'x'",
        f"{NAME} StringNotNotEquals 'x'",
        f"{NAME} ForNobody:StringEquals {{'x'}}",
        f"{NAME} ForAnyOfAnyValues:StringEquals 'x'",
        f"{NAME} StringEquals 'x' {NAME} StringEquals 'x'",
        f"{NAME} StringEquals 'x' AND",
        "@Resource[Microsoft.Storage/x:name] StringEquals 'x'",
        "@Environment[utcNow] StringEquals 'x'",
        "SubOperationMatches{'x'}",
        "ActionMatches{x}",
        "ActionMatches{'x'",
        "!" * 100 + f"{NAME} StringEquals 'x'",
        "(" * 100 + f"{NAME} StringEquals 'x'" + ")" * 100,
        f"{NAME} StringEquals '{'x' * 9000}'",
        f"{NAME} StringEquals 'x'; drop",
    ],
)
def test_what_is_not_understood_is_refused_and_never_holds(wrong):
    with pytest.raises(Invalid):
        check_condition(wrong, "2.0")
    assert not holds(wrong, facts_of(GET, f"{VAULT}/secrets/x"))


@given(st.text("()!{}',@[]:&| ANDORStringEqualsab", max_size=60))
def test_no_text_makes_it_stumble(text):
    try:
        check_condition(text, "2.0")
    except Invalid:
        assert not holds(text, facts_of(GET, f"{VAULT}/secrets/x"))


def test_no_pattern_is_slow():
    started = time.process_time()
    assert not ask(f"{NAME} StringLike '{'*a' * 2000}b'", "a" * 127)
    assert time.process_time() - started < 10
