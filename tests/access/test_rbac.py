from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.access.rbac import Assignment, Grants, is_scope, scope_covers
from devvault.access.roles import Role, built_in

segments = st.lists(st.text("abcAB-.()", min_size=1, max_size=5), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("scope", "resource", "covers"),
    [
        ("/a/vaults/a", "/a/vaults/a", True),
        ("/a/vaults/a", "/a/vaults/a/secrets/n", True),
        ("/a/vaults/a", "/a/vaults/ab", False),
        ("/a/vaults/a", "/a/vaults/ab/secrets/n", False),
        ("/a/vaults/a", "/a/vaults", False),
        ("/a/vaults/a/", "/A/VAULTS/A", True),
        ("/a", "/b/a", False),
        ("/", "/anything", True),
        ("", "/anything", False),
    ],
)
def test_by_segment(scope, resource, covers):
    assert scope_covers(scope, resource) is covers


@given(segments, segments)
def test_covers_is_exactly_prefix_of_segments(scope, resource):
    above = [segment.lower() for segment in scope]
    below = [segment.lower() for segment in resource]
    expected = below[: len(above)] == above
    assert scope_covers("/" + "/".join(scope), "/" + "/".join(resource)) is expected


AT = datetime(2026, 3, 1, tzinfo=UTC)
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"
VERSION = "0123456789abcdef0123456789abcdef"


def give(principal: str, scope: str, role: str = READER) -> Assignment:
    return Assignment("id", role, principal, "User", scope, AT, "x")


@given(st.lists(st.tuples(st.sampled_from("aAbB"), segments), max_size=6), segments)
def test_the_index_finds_exactly_what_covers(given_scopes, resource):
    everything = [give(who, "/" + "/".join(scope)) for who, scope in given_scopes]
    place = "/" + "/".join(resource)
    found = [one for one, _ in Grants(everything).above(frozenset("a"), place)]
    wanted = [
        one for one in everything if one.principal.lower() == "a" and scope_covers(one.scope, place)
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, wanted))


def test_nobody_and_nowhere_are_left_out():
    grants = Grants([give("", "/"), give("a", "")])
    assert not list(grants.above(frozenset({"", "a"}), "/x"))


def test_a_custom_role_never_stands_in_for_a_built_in_one():
    fake = Role(READER.upper(), "Mine", "", ("*",), (), ("*",), (), custom=True)
    assert Grants([], [fake]).roles[READER] == built_in()[READER]


def test_a_role_is_found_by_id_before_name():
    mine = Role("11111111-0000-4000-8000-000000000001", READER, "", ("*",), (), (), (), custom=True)
    grants = Grants([], [mine])
    assert grants.find_role(READER) == built_in()[READER]
    assert grants.find_role(mine.id.upper()) == mine
    assert grants.find_role("no such role") is None


def test_an_assignment_of_a_role_that_is_gone_gives_nothing():
    grants = Grants([give("a", "/", role="11111111-0000-4000-8000-000000000001")])
    assert not list(grants.above(frozenset("a"), "/x"))
    assert not list(grants.of(frozenset("a")))


def test_single_versions_are_known_by_their_object():
    grants = Grants([give("a", f"{VAULT}/secrets/DB/versions/{VERSION}")])
    assert grants.has_versions(frozenset("a"), f"{VAULT.upper()}/secrets/db")
    assert not grants.has_versions(frozenset("b"), f"{VAULT}/secrets/db")
    assert not grants.has_versions(frozenset("a"), f"{VAULT}/secrets/db2")


@pytest.mark.parametrize(
    "scope",
    [
        "/subscriptions/s",
        "/subscriptions/s/",
        "/subscriptions/s/resourceGroups/g",
        VAULT,
        VAULT.upper(),
        f"{VAULT}/secrets/db",
        f"{VAULT}/keys/k/",
        f"{VAULT}/certificates/c",
        f"{VAULT}/secrets/db/versions/{VERSION}",
        f"{VAULT}/SECRETS/db/Versions/{VERSION.upper()}",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a",
    ],
)
def test_scopes(scope):
    assert is_scope(scope)


@pytest.mark.parametrize(
    "scope",
    [
        "/subscriptions//resourceGroups/g",
        "/subscriptions/s/resourceGroups/..",
        "/subscriptions/s/resourceGroups/g /providers",
        f"{VAULT}/secrets",
        f"{VAULT}/storage/db",
        f"{VAULT}/secrets/d_b",
        f"{VAULT}/secrets/\u212aey",
        f"{VAULT}/secrets/db/{VERSION}",
        f"{VAULT}/secrets/db/versions",
        f"{VAULT}/secrets/db/versions/1",
        f"{VAULT}/secrets/db/versions/{VERSION}/x",
    ],
)
def test_what_is_no_scope(scope):
    assert not is_scope(scope)
