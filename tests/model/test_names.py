from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Invalid
from devvault.model.names import (
    ObjectId,
    check_group_name,
    check_object_name,
    check_vault_name,
    fold,
    group_scope,
    is_object_name,
    is_vault_name,
    is_version,
    legal_vault_name,
    object_scope,
    subscription_scope,
    vault_host,
    vault_scope,
)


@pytest.mark.parametrize("name", ["abc", "A1-b", "a" * 24, "my-app-vault", "abc-1-2-3"])
def test_vault_names(name):
    assert is_vault_name(name)
    assert check_vault_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "a" * 25,
        "1abc",
        "-abc",
        "abc-",
        "a--b",
        "a_b",
        "a.b",
        "a b",
        "äbc",
        "abc\n",
        "a\0bc",
        "ab\u0663",
    ],
)
def test_bad_vault_names(name):
    assert not is_vault_name(name)
    with pytest.raises(Invalid) as caught:
        check_vault_name(name)
    assert caught.value.code == "VaultNameNotValid"


@pytest.mark.parametrize("name", ["a", "0", "-", "--", "Db-Connection-String", "a" * 127])
def test_object_names(name):
    assert is_object_name(name)
    assert check_object_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "a" * 128, "a_b", "a.b", "a/b", "a b", "é", "n\n", "a\0", "..", "a%b", "\u212a"]
)
def test_bad_object_names(name):
    assert not is_object_name(name)
    with pytest.raises(Invalid) as caught:
        check_object_name(name)
    assert caught.value.code == "BadParameter"
    assert caught.value.message == f"The request URI contains an invalid name: {name}"


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("0123456789abcdef" * 2, True),
        ("0123456789ABCDEF" * 2, False),
        ("0" * 31, False),
        ("0" * 33, False),
        ("g" * 32, False),
        ("\u0660" * 32, False),
        ("0" * 32 + "\n", False),
    ],
)
def test_versions(text, good):
    assert is_version(text) is good


@pytest.mark.parametrize("name", ["a", "my-group", "My_Group(1).x", "Gruppe-ä", "a" * 90])
def test_group_names(name):
    assert check_group_name(name) == name


@pytest.mark.parametrize("name", ["", "a" * 91, "ends.", "a/b", "a b", "a%", "a\n", "..", "."])
def test_bad_group_names(name):
    with pytest.raises(Invalid) as caught:
        check_group_name(name)
    assert caught.value.code == "InvalidResourceGroup"


@given(st.text(max_size=60))
def test_any_text_becomes_a_legal_vault_name(text):
    made = legal_vault_name(text)
    assert is_vault_name(made)
    assert legal_vault_name(made) == made


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("my_app", "my-app"),
        ("My App!", "my-app"),
        ("", "kv-vault"),
        ("1", "kv-1"),
        ("a", "a-vault"),
        ("2026 site", "kv-2026-site"),
        ("x" * 23 + "--y", "x" * 23),
    ],
)
def test_legal_vault_names_stay_close(text, made):
    assert legal_vault_name(text) == made


def test_ids_bear_the_host_that_was_used():
    assert str(ObjectId("v.vault.localhost:8443", "secrets", "N", "1")) == (
        "https://v.vault.localhost:8443/secrets/N/1"
    )
    assert str(ObjectId("v.vault.azure.net", "secrets", "N")) == (
        "https://v.vault.azure.net/secrets/N"
    )


def test_scopes_nest():
    subscription, group, vault = (
        subscription_scope("s"),
        group_scope("s", "g"),
        vault_scope("s", "g", "v"),
    )
    secret = object_scope(vault, "secrets", "n", "1")
    assert vault == "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"
    assert secret == f"{vault}/secrets/n/versions/1"
    assert secret.startswith(vault)
    assert vault.startswith(group)
    assert group.startswith(subscription)


def test_hosts_are_folded():
    assert vault_host("My-Vault") == "my-vault.vault.azure.net"
    assert fold("My-Vault") == "my-vault"
