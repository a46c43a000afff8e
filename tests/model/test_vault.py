from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from devvault.errors import Invalid
from devvault.model.vault import check_retention
from tests.model.things import AT, VAULT


@pytest.mark.parametrize(
    ("days", "protected", "level"),
    [
        (90, False, "Recoverable+Purgeable"),
        (7, False, "CustomizedRecoverable+Purgeable"),
        (89, False, "CustomizedRecoverable+Purgeable"),
        (90, True, "Recoverable"),
        (30, True, "CustomizedRecoverable"),
    ],
)
def test_recovery_levels(days, protected, level):
    vault = replace(VAULT, retention=days, purge_protection=protected)
    assert vault.recovery_level == level


@pytest.mark.parametrize("days", [7, 30, 90])
def test_retention(days):
    assert check_retention(days) == days


@pytest.mark.parametrize("days", [6, 91, 0, -1])
def test_bad_retention(days):
    with pytest.raises(Invalid, match="between 7 and 90"):
        check_retention(days)


def test_addresses():
    assert VAULT.id == (
        "/subscriptions/sub/resourceGroups/team/providers/Microsoft.KeyVault/vaults/My-Vault"
    )
    assert VAULT.uri == "https://my-vault.vault.azure.net/"
    assert VAULT.deleted_id == (
        "/subscriptions/sub/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/My-Vault"
    )


def test_a_live_vault_is_never_purged():
    assert VAULT.purge_at is None
    assert replace(VAULT, deleted=AT, retention=7).purge_at == AT + timedelta(days=7)


def test_tags_are_not_shared_between_vaults():
    with pytest.raises(TypeError):
        VAULT.tags["a"] = "b"
