from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devvault.access.principals import Caller
from devvault.errors import Conflict, Invalid
from devvault.vault.backup import backup_secret, restore_secret
from devvault.vault.deleted import purge
from devvault.vault.gate import Gate
from devvault.vault.keeper import Keeper
from devvault.vault.rekeying import rekey
from devvault.vault.secrets import delete_secret, get_secret, set_secret
from devvault.vault.vaults import VaultSpec, create_vault

V = "my-vault"


def test_a_blob_restores_every_version(gate: Gate, alice: Caller) -> None:
    old = set_secret(gate, alice, V, "n", "first-value", tags={"a": "b"})
    new = set_secret(gate, alice, V, "n", "second-value")
    blob = backup_secret(gate, alice, V, "n")
    assert blob[0] == 41
    assert blob[1:42] == b"AzureKeyVaultSecretBackupV1.microsoft.com"
    assert b"first-value" not in blob
    with pytest.raises(Conflict, match="already exists"):
        restore_secret(gate, alice, V, blob)
    delete_secret(gate, alice, V, "n")
    with pytest.raises(Conflict) as caught:
        restore_secret(gate, alice, V, blob)
    assert caught.value.inner == "ObjectIsDeletedButRecoverable"
    create_vault(gate, alice, VaultSpec("second", "devvault"))
    assert restore_secret(gate, alice, "second", blob).version == new.version
    purge(gate, alice, V, "n")
    restore_secret(gate, alice, V, blob)
    for vault in (V, "second"):
        assert get_secret(gate, alice, vault, "n").value == "second-value"
        assert get_secret(gate, alice, vault, "n", old.version).value == "first-value"


def test_a_blob_survives_a_rekey(keeper: Keeper, alice: Caller) -> None:
    gate = keeper.gate
    set_secret(gate, alice, V, "n", "1")
    blob = backup_secret(gate, alice, V, "n")
    delete_secret(gate, alice, V, "n")
    purge(gate, alice, V, "n")
    for _ in range(2):
        rekey(keeper, alice, lambda _done, _total: None)
    restore_secret(gate, alice, V, blob)
    assert get_secret(gate, alice, V, "n").value == "1"


@pytest.fixture
def blob(gate: Gate, alice: Caller) -> bytes:
    create_vault(gate, alice, VaultSpec("target", "devvault"))
    set_secret(gate, alice, V, "n", "1")
    return backup_secret(gate, alice, V, "n")


@settings(max_examples=60)
@given(st.data())
def test_a_changed_blob_is_refused(
    gate: Gate, alice: Caller, blob: bytes, data: st.DataObject
) -> None:
    place = data.draw(st.floats(0, 1, exclude_max=True))
    flip = data.draw(st.integers(1, 255))
    at = int(place * len(blob))
    changed = blob[:at] + bytes([blob[at] ^ flip]) + blob[at + 1 :]
    for bad in (changed, blob[:at]):
        with pytest.raises(Invalid):
            restore_secret(gate, alice, "target", bad)
