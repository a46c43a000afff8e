"""Access policies: vault-wide lists of verbs per kind of object, for vaults without RBAC."""

from __future__ import annotations

from devvault.access.principals import Caller
from devvault.errors import Invalid
from devvault.model.vault import Policy, Vault

POLICIES_LIMIT = 1024
# ARM's enumerations, in lower case: names compare case-insensitively.
_SHARED = {"all", "get", "list", "delete", "recover", "purge", "backup", "restore"}
PERMISSIONS: dict[str, frozenset[str]] = {
    "secrets": frozenset(_SHARED | {"set"}),
    "keys": frozenset(
        _SHARED
        | {"create", "import", "update", "encrypt", "decrypt", "sign", "verify", "wrapkey"}
        | {"unwrapkey", "release", "rotate", "getrotationpolicy", "setrotationpolicy"}
    ),
    "certificates": frozenset(
        _SHARED
        | {"create", "import", "update", "managecontacts", "manageissuers", "getissuers"}
        | {"listissuers", "setissuers", "deleteissuers"}
    ),
    "storage": frozenset(
        _SHARED | {"set", "update", "regeneratekey", "getsas", "listsas", "setsas", "deletesas"}
    ),
}


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


def check_policies(policies: tuple[Policy, ...], tenant: str) -> None:
    """Refuse a vault's list of policies as ARM does.

    Raises:
        Invalid: over 1024 entries, one of another tenant or of nobody, or an unknown permission.
    """
    if len(policies) > POLICIES_LIMIT:
        raise Invalid(f"The number of access policies exceeds the maximum of {POLICIES_LIMIT}.")
    for policy in policies:
        if policy.tenant.lower() != tenant.lower() or not policy.oid:
            raise Invalid(
                "An invalid value was provided for 'accessPolicies': each entry names the vault's"
                f" own tenant {tenant} and an object id."
            )
        for kind, verbs in _verbs(policy).items():
            for verb in verbs:
                if verb.lower() not in PERMISSIONS[kind]:
                    raise Invalid(
                        f"An invalid value was provided for 'accessPolicies': '{verb}' is no"
                        f" permission on {kind}."
                    )


def _is_for(policy: Policy, vault: Vault, caller: Caller) -> bool:
    if policy.tenant.lower() != vault.tenant.lower():
        return False
    if policy.appid and policy.appid.lower() != caller.appid.lower():
        return False
    return policy.oid.lower() in caller.ids


def _gives(policy: Policy, kind: str, permission: str) -> bool:
    verbs = {verb.lower() for verb in _verbs(policy).get(kind, ())}
    wanted = permission.lower()
    return wanted != "" and (wanted in verbs or ("all" in verbs and wanted != "purge"))


def _verbs(policy: Policy) -> dict[str, tuple[str, ...]]:
    return {
        "secrets": policy.secrets,
        "keys": policy.keys,
        "certificates": policy.certificates,
        "storage": policy.storage,
    }
