from __future__ import annotations

import pytest

from devvault.access.roles import find
from devvault.model import operations
from devvault.model.operations import OPERATIONS, Operation


def test_the_register_holds_every_operation_of_the_module_under_its_id():
    found = [item for item in vars(operations).values() if isinstance(item, Operation)]
    assert {item.id: item for item in found} == OPERATIONS
    assert len(found) == len(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda found: found.id)
def test_a_row_is_whole(operation):
    assert operation.audit
    assert operation.action
    ours = operation.action.startswith("Devvault/")
    assert ours or operation.action.startswith("Microsoft.")
    assert not (ours and operation.data)
    if operation.data:
        kind = operation.action.split("/")[2]
        assert kind == "secrets"
        administrator = find("Key Vault Administrator")
        assert administrator is not None
        assert administrator.allows(operation.action, data=True)


# REST specification 7.5 and the ABAC reference.
@pytest.mark.parametrize(
    ("id", "permission", "action"),
    [
        ("SetSecret", "set", "setSecret/action"),
        ("GetSecret", "get", "getSecret/action"),
        ("UpdateSecret", "set", "update/action"),
        ("GetSecrets", "list", "readMetadata/action"),
        ("GetSecretVersions", "list", "readMetadata/action"),
        ("DeleteSecret", "delete", "delete"),
        ("GetDeletedSecret", "get", "readMetadata/action"),
        ("GetDeletedSecrets", "list", "readMetadata/action"),
        ("RecoverDeletedSecret", "recover", "recover/action"),
        ("PurgeDeletedSecret", "purge", "purge/action"),
        ("BackupSecret", "backup", "backup/action"),
        ("RestoreSecret", "restore", "restore/action"),
    ],
)
def test_what_a_secret_operation_needs(id, permission, action):
    found = OPERATIONS[id]
    assert found.permission == permission
    assert found.action == f"Microsoft.KeyVault/vaults/secrets/{action}"
    assert found.data
