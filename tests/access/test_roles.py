from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.access.roles import Role, built_in, find, matches
from devvault.model.operations import OPERATIONS

# GUIDs from Azure's built-in roles reference.
KNOWN = {
    "Key Vault Administrator": "00482a5a-887f-4fb3-b363-3b7fe8e74483",
    "Key Vault Reader": "21090545-7ca7-4776-b22c-e363652d74d2",
    "Key Vault Purge Operator": "a68e7c17-0ab2-4c09-9a58-125dae29748c",
    "Key Vault Certificates Officer": "a4417e6f-fecd-4de8-b567-7b0420556985",
    "Key Vault Certificate User": "db79e9a7-68ee-4b58-9aeb-b90e7c24fcba",
    "Key Vault Crypto Officer": "14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
    "Key Vault Crypto User": "12338af0-0e69-4776-bea7-57ae8d297424",
    "Key Vault Crypto Service Encryption User": "e147488a-f6f5-4113-8e2d-b22465e65bf6",
    "Key Vault Crypto Service Release User": "08bbd89e-9f13-488c-ac41-acfcb10c90ab",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Key Vault Contributor": "f25e0fa2-a7c8-4377-a976-54943a77a395",
    "Key Vault Data Access Administrator": "8b54135c-b56d-4d72-a534-26097cfdc8d8",
    "Owner": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "User Access Administrator": "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
}
patterns = st.lists(st.text("aAb/*.", min_size=1, max_size=8), max_size=4).map(tuple)
actions = st.text("aAb/.", min_size=1, max_size=12)


def role(**given: tuple[str, ...]) -> Role:
    empty = {"actions": (), "not_actions": (), "data_actions": (), "not_data_actions": ()}
    return Role("id", "name", "", **{**empty, **given})


def test_the_built_in_roles_are_azures():
    assert {found.name: found.id for found in built_in().values()} == KNOWN
    assert all(found.description for found in built_in().values())


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_find_takes_name_guid_and_resource_id(name):
    guid = KNOWN[name]
    for spelled in (
        name,
        name.upper(),
        guid,
        guid.upper(),
        f"/subscriptions/x/providers/Microsoft.Authorization/roleDefinitions/{guid}",
        f"/providers/Microsoft.Authorization/roleDefinitions/{guid}",
    ):
        found = find(spelled)
        assert found is not None
        assert found.id == guid


@pytest.mark.parametrize("name", ["", "/", "Key Vault", "Key Vault Secrets User ", "*"])
def test_find_knows_no_other(name):
    assert find(name) is None


def test_exceptions_take_away_from_data_actions():
    found = role(data_actions=("V/secrets/*",), not_data_actions=("V/secrets/getSecret/action",))
    assert found.allows("v/SECRETS/delete", data=True)
    assert not found.allows("V/secrets/GETSECRET/action", data=True)
    assert not found.allows("V/secrets/delete", data=False)


def test_actions_and_data_actions_are_apart():
    owner = find("Owner")
    assert owner is not None
    for operation in OPERATIONS.values():
        assert owner.allows(operation.action, data=operation.data) is not operation.data


def test_a_star_matches_slashes_and_a_dot_is_a_dot():
    assert matches(("Microsoft.KeyVault/*/read",), "microsoft.keyvault/a/b/c/read")
    assert not matches(("Microsoft.KeyVault/*",), "MicrosoftxKeyVault/a")
    assert not matches(("a",), "ab")
    assert not matches((), "")


@given(patterns, patterns, actions)
def test_an_exception_never_adds(granted, excepted, action):
    wide = role(data_actions=granted)
    narrow = role(data_actions=granted, not_data_actions=excepted)
    assert not (narrow.allows(action, data=True) and not wide.allows(action, data=True))
    if matches(excepted, action):
        assert not narrow.allows(action, data=True)


@given(patterns, actions)
def test_matching_is_what_the_words_say(found, action):
    def means(pattern: str) -> str:
        return ".*".join(re.escape(part) for part in pattern.lower().split("*"))

    assert matches(found, action) is any(
        re.fullmatch(means(pattern), action.lower()) is not None for pattern in found
    )


def test_no_pattern_is_slow():
    nasty = ("*a" * 200 + "b",)
    started = time.process_time()
    assert not matches(nasty, "a" * 5000)
    assert time.process_time() - started < 10


def test_one_role_has_a_condition_on_what_its_holder_gives():
    conditional = [found for found in built_in().values() if found.assigns is not None]
    assert [found.name for found in conditional] == ["Key Vault Data Access Administrator"]
    (found,) = conditional
    assert found.assigns is not None
    assert found.assigns <= built_in().keys()
    assert all(built_in()[guid].name.startswith("Key Vault ") for guid in found.assigns)
    assert found.may_assign(KNOWN["Key Vault Secrets User"].upper())
    assert not found.may_assign(KNOWN["Owner"])
    assert not found.may_assign("")
    assert find("Owner").may_assign(KNOWN["Owner"])


def test_every_action_is_spelled_like_one():
    shape = re.compile(r"\*(/read)?|[A-Za-z.]+(/[A-Za-z*]+)*")
    for found in built_in().values():
        for pattern in (
            *found.actions,
            *found.not_actions,
            *found.data_actions,
            *found.not_data_actions,
        ):
            assert shape.fullmatch(pattern), pattern
