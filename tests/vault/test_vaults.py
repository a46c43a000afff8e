from __future__ import annotations

from datetime import timedelta

import pytest

from devvault.access.principals import Caller
from devvault.clock import SetClock
from devvault.errors import Conflict, Forbidden, Invalid, NotFound
from devvault.vault.deleted import purge_due
from devvault.vault.gate import Gate
from devvault.vault.grants import assign, list_assignments, remove_assignment
from devvault.vault.groups import list_groups, put_group
from devvault.vault.opened import SYSTEM
from devvault.vault.secrets import get_secret, set_secret
from devvault.vault.trust import allow, disallow, list_trust, may_resolve, trusted_vaults
from devvault.vault.vaults import (
    VaultSpec,
    check_name,
    create_vault,
    delete_group,
    delete_vault,
    get_deleted_vault,
    get_vault,
    list_deleted_vaults,
    list_vaults,
    purge_vault,
    recover_vault,
    update_vault,
)
from tests.vault.conftest import STRANGER

V = "my-vault"


def test_defaults(gate: Gate, alice: Caller) -> None:
    vault = get_vault(gate, alice, "MY-VAULT")
    assert (vault.name, vault.group, vault.location) == (V, "devvault", "westeurope")
    assert (vault.rbac, vault.retention, vault.purge_protection, vault.sku) == (
        True,
        90,
        False,
        "standard",
    )
    assert vault.uri == "https://my-vault.vault.azure.net/"
    assert [found.name for found in list_vaults(gate, alice)] == [V]


@pytest.mark.parametrize("name", ["ab", "x" * 25, "1ab", "a--b", "ab-", "a_b", "ab.c", ""])
def test_bad_names(gate: Gate, alice: Caller, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        create_vault(gate, alice, VaultSpec(name, "devvault"))
    assert caught.value.code == "VaultNameNotValid"
    assert check_name(gate, alice, name)[0] is False


def test_what_azure_refuses(gate: Gate, alice: Caller) -> None:
    with pytest.raises(Invalid, match="softDeleteRetentionInDays"):
        update_vault(gate, alice, VaultSpec(V, "devvault", retention=7))
    with pytest.raises(Invalid, match="enableSoftDelete"):
        update_vault(gate, alice, VaultSpec(V, "devvault", soft_delete=False))
    update_vault(gate, alice, VaultSpec(V, "devvault", purge_protection=True))
    with pytest.raises(Invalid, match="enablePurgeProtection"):
        update_vault(gate, alice, VaultSpec(V, "devvault", purge_protection=False))
    for days in (6, 91, -1):
        with pytest.raises(Invalid, match="between 7 and 90"):
            create_vault(gate, alice, VaultSpec("other", "devvault", retention=days))
    with pytest.raises(NotFound) as caught:
        create_vault(gate, alice, VaultSpec("other", "nowhere"))
    assert caught.value.code == "ResourceGroupNotFound"
    with pytest.raises(Invalid):
        create_vault(gate, alice, VaultSpec("other", "devvault", sku="gold"))


def test_delete_recover_purge(gate: Gate, alice: Caller) -> None:
    set_secret(gate, alice, V, "n", "1")
    gone = delete_vault(gate, alice, V)
    assert gone.purge_at == gone.deleted + timedelta(days=90)
    with pytest.raises(NotFound):
        get_secret(gate, alice, V, "n")
    with pytest.raises(Conflict, match="deleted state"):
        create_vault(gate, alice, VaultSpec(V, "devvault"))
    assert [vault.name for vault in list_deleted_vaults(gate, alice)] == [V]
    recover_vault(gate, alice, V)
    assert get_secret(gate, alice, V, "n").value == "1"
    with pytest.raises(NotFound):
        purge_vault(gate, alice, V)
    delete_vault(gate, alice, V)
    purge_vault(gate, alice, V)
    with pytest.raises(NotFound):
        get_deleted_vault(gate, alice, V)
    create_vault(gate, alice, VaultSpec(V, "devvault"))
    with pytest.raises(NotFound):
        get_secret(gate, alice, V, "n")


def test_a_protected_vault_is_purged_only_when_due(
    gate: Gate, alice: Caller, clock: SetClock
) -> None:
    create_vault(gate, alice, VaultSpec("safe", "devvault", retention=7, purge_protection=True))
    delete_vault(gate, alice, "safe")
    with pytest.raises(Forbidden) as caught:
        purge_vault(gate, alice, "safe")
    assert caught.value.code == "MethodNotAllowed"
    clock.move(timedelta(days=7))
    assert purge_due(gate, SYSTEM) == 1
    with pytest.raises(NotFound):
        get_deleted_vault(gate, alice, "safe")


def test_groups(gate: Gate, alice: Caller) -> None:
    put_group(gate, alice, "team", "northeurope", {"a": "b"})
    create_vault(gate, alice, VaultSpec("team-vault", "team"))
    assert [group.name for group in list_groups(gate, alice)] == ["devvault", "team"]
    assert [vault.name for vault in list_vaults(gate, alice, "team")] == ["team-vault"]
    assert get_vault(gate, alice, "team-vault").location == "northeurope"
    delete_group(gate, alice, "team")
    assert [vault.name for vault in list_deleted_vaults(gate, alice)] == ["team-vault"]
    recover_vault(gate, alice, "team-vault")
    assert "team" in [group.name for group in list_groups(gate, alice)]


def test_a_role_opens_and_its_removal_closes(gate: Gate, alice: Caller) -> None:
    set_secret(gate, alice, V, "n", "1")
    scope = get_vault(gate, alice, V).id
    with pytest.raises(Forbidden):
        get_secret(gate, STRANGER, V, "n")
    made = assign(gate, alice, "Key Vault Secrets User", STRANGER.oid, "ServicePrincipal", scope)
    assert get_secret(gate, STRANGER, V, "n").value == "1"
    with pytest.raises(Forbidden):
        set_secret(gate, STRANGER, V, "n", "2")
    with pytest.raises(Conflict) as caught:
        assign(gate, alice, "Key Vault Secrets User", STRANGER.oid, "ServicePrincipal", scope)
    assert caught.value.code == "RoleAssignmentExists"
    assert made.id in [found.id for found in list_assignments(gate, alice, scope)]
    assert remove_assignment(gate, alice, scope, made.id) is not None
    with pytest.raises(Forbidden):
        get_secret(gate, STRANGER, V, "n")
    with pytest.raises(NotFound):
        assign(gate, alice, "Key Vault Nobody", STRANGER.oid, "ServicePrincipal", scope)
    with pytest.raises(Forbidden):
        assign(gate, STRANGER, "Owner", STRANGER.oid, "ServicePrincipal", scope)


def test_folder_trust(gate: Gate, alice: Caller) -> None:
    assert not may_resolve(gate, alice, "/src/app", V)
    allow(gate, alice, "/src/app", V)
    assert may_resolve(gate, alice, "/src/app", "MY-VAULT")
    assert not may_resolve(gate, alice, "/src/app2", V)
    assert not may_resolve(gate, alice, "/src", V)
    assert trusted_vaults(gate, "/src/app") == {V}
    assert [(trust.folder, trust.vault) for trust in list_trust(gate, alice)] == [("/src/app", V)]
    disallow(gate, alice, "/src/app", V)
    assert not may_resolve(gate, alice, "/src/app", V)
    with pytest.raises(NotFound):
        disallow(gate, alice, "/src/app", V)
    for folder in ("src", "/src/../etc", "/a\0b", ""):
        with pytest.raises(Invalid):
            allow(gate, alice, folder, V)
    with pytest.raises(Forbidden):
        allow(gate, STRANGER, "/src/app", V)


def test_trust_does_not_outlive_a_purged_vault(gate: Gate, alice: Caller) -> None:
    allow(gate, alice, "/src/app", V)
    delete_vault(gate, alice, V)
    purge_vault(gate, alice, V)
    create_vault(gate, alice, VaultSpec(V, "devvault"))
    assert not may_resolve(gate, alice, "/src/app", V)
