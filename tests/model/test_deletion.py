from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from devvault.errors import Forbidden
from devvault.model.deletion import (
    check_may_purge,
    held,
    no_deleted_secret,
    no_secret,
    purge_time,
)
from tests.model.things import AT, VAULT


def test_purge_comes_exactly_after_the_retention():
    assert (purge_time(VAULT, AT) - AT).total_seconds() == 90 * 86400
    assert purge_time(replace(VAULT, retention=7), AT) == AT + timedelta(days=7)


def test_purge_protection_in_azures_words():
    check_may_purge(VAULT)
    with pytest.raises(Forbidden) as caught:
        check_may_purge(replace(VAULT, purge_protection=True))
    assert caught.value.message == (
        'Operation "purge" is not allowed because purge protection is enabled for this vault. Key'
        " Vault service will automatically purge it after the retention period has passed."
        " Vault: My-Vault;location=westeurope"
    )


def test_a_held_name_in_azures_words():
    error = held("Secret", "db")
    assert error.message == (
        "Secret db is currently in a deleted but recoverable state, and its name cannot be reused;"
        " in this state, the secret can only be recovered or purged."
    )
    assert (error.code, error.inner) == ("Conflict", "ObjectIsDeletedButRecoverable")
    assert held("Key", "k").message.endswith("the key can only be recovered or purged.")


def test_what_is_not_found():
    assert (no_secret("n").code, no_deleted_secret("n").code) == ("SecretNotFound",) * 2
    assert "(name/id) n was not found in this key vault." in no_secret("n").message
    assert "(name/id) n/1 was not found" in no_secret("n", "1").message
    assert no_deleted_secret("n").message == "Deleted Secret not found: n"
