"""The access policies of one vault, changed where they are: nothing in between is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from devvault.access.policies import check_policies
from devvault.access.principals import Caller
from devvault.model import operations as op
from devvault.model.vault import Policy, Vault
from devvault.store.base import Writing
from devvault.vault.gate import Gate
from devvault.vault.vaults import read_vault, vault_target, write_vault

Policies = tuple[Policy, ...]


def change_policies(
    gate: Gate, caller: Caller, name: str, group: str, change: Callable[[Policies], Policies]
) -> Vault:
    """Change a vault's access policies as they are when it is done; return the vault.

    Raises:
        NotFound: there is no such vault.
        Invalid: the list that comes out is one that a vault cannot have.
    """

    def act(writing: Writing) -> Vault:
        old = read_vault(gate, writing, name, group)
        policies = change(old.policies)
        check_policies(policies, old.tenant)
        return write_vault(gate, writing, replace(old, policies=policies, updated=gate.clock.now()))

    vault = gate.change_access(caller, op.PUT_POLICIES, vault_target(gate, group, name), act)
    # A right that was taken away must not come back with an older copy of the database.
    gate.secure_point()
    return vault
