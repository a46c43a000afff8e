"""Access policies: vault-wide lists of verbs per kind of object, for vaults without RBAC."""

from __future__ import annotations

from devvault.access.principals import Caller
from devvault.model.vault import Policy, Vault


def allows(vault: Vault, caller: Caller, kind: str, permission: str) -> bool:
    """Say whether some policy of the vault gives the caller this verb on this kind.

    A policy is the caller's by object id or by one of her groups; with an application id both must
    match. One of another tenant than the vault's gives nothing. `all` is everything but the
    privileged `purge`.
    """
    return any(
        _is_for(policy, vault, caller) and _gives(policy, kind, permission)
        for policy in vault.policies
    )


def _is_for(policy: Policy, vault: Vault, caller: Caller) -> bool:
    if policy.tenant.lower() != vault.tenant.lower():
        return False
    if policy.appid and policy.appid.lower() != caller.appid.lower():
        return False
    return policy.oid.lower() in caller.ids


def _gives(policy: Policy, kind: str, permission: str) -> bool:
    named = {
        "secrets": policy.secrets,
        "keys": policy.keys,
        "certificates": policy.certificates,
        "storage": policy.storage,
    }.get(kind, ())
    verbs = {verb.lower() for verb in named}
    wanted = permission.lower()
    return wanted != "" and (wanted in verbs or ("all" in verbs and wanted != "purge"))
