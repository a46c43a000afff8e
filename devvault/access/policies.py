"""Access policies: vault-wide lists of verbs per kind of object, for vaults without RBAC."""

from __future__ import annotations

from devvault.access.principals import Caller
from devvault.model.vault import Policy, Vault


def allows(vault: Vault, caller: Caller, kind: str, permission: str) -> bool:
    """Say whether some policy of the vault gives the caller this verb on this kind.

    A policy is the caller's by object id or by one of her groups; with an application id both must
    match. `all` is everything but the privileged `purge`.
    """
    return any(
        _is_for(policy, caller) and _gives(policy, kind, permission) for policy in vault.policies
    )


def _is_for(policy: Policy, caller: Caller) -> bool:
    ids = {caller.oid.lower(), *(group.lower() for group in caller.groups)}
    if policy.appid and policy.appid.lower() != caller.appid.lower():
        return False
    return policy.oid.lower() in ids


def _gives(policy: Policy, kind: str, permission: str) -> bool:
    named = {
        "secrets": policy.secrets,
        "keys": policy.keys,
        "certificates": policy.certificates,
        "storage": policy.storage,
    }[kind]
    verbs = {verb.lower() for verb in named}
    wanted = permission.lower()
    return wanted in verbs or ("all" in verbs and wanted != "purge")
