"""Access policies: vault-wide lists of verbs per kind of object, for vaults without RBAC."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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
# What `manageissuers` includes (REST specification: "the manageissuers/getissuers permission").
_ISSUERS = frozenset({"getissuers", "listissuers", "setissuers", "deleteissuers"})


def allows(vault: Vault, caller: Caller, kind: str, permission: str) -> bool:
    """Say whether some policy of the vault gives the caller this verb on this kind.

    A policy is the caller's by object id or by one of her groups; with an application id both must
    match. One of another tenant than the vault's gives nothing. `all` is everything but the
    privileged `purge`.
    """
    return giving(vault, caller, kind, permission) is not None


def giving(vault: Vault, caller: Caller, kind: str, permission: str) -> Policy | None:
    """Return the first policy that gives the caller this verb on this kind, or None."""
    ids = caller.ids
    for policy in vault.policies:
        if policy.oid.lower() not in ids:
            continue
        if _is_for(policy, vault, caller) and gives_verb(policy, kind, permission):
            return policy
    return None


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
        for kind, verbs in verbs_of(policy).items():
            for verb in verbs:
                if verb.lower() not in PERMISSIONS[kind]:
                    raise Invalid(
                        f"An invalid value was provided for 'accessPolicies': '{verb}' is no"
                        f" permission on {kind}."
                    )


def add_policies(policies: tuple[Policy, ...], given: tuple[Policy, ...]) -> tuple[Policy, ...]:
    """Return the policies with more permissions, or more entries."""

    def more(old: Policy, new: Policy) -> Policy:
        had = verbs_of(old)
        both = {kind: (*had[kind], *verbs) for kind, verbs in verbs_of(new).items()}
        return _with(old, {kind: _distinct(verbs) for kind, verbs in both.items()})

    return _merged(policies, given, more)


def replace_policies(policies: tuple[Policy, ...], given: tuple[Policy, ...]) -> tuple[Policy, ...]:
    """Return the policies with these instead of those of the same identities; others stay."""
    return _merged(policies, given, lambda _old, new: new)


def remove_policies(policies: tuple[Policy, ...], given: tuple[Policy, ...]) -> tuple[Policy, ...]:
    """Return the policies without these permissions; an entry with none left goes.

    An entry of `given` without any permission takes the identity's whole entry away.
    """

    def less(old: Policy, new: Policy) -> Policy:
        taken = verbs_of(new)
        everything = not any(taken.values())
        left = {
            kind: () if everything else _without(kind, verbs, taken[kind])
            for kind, verbs in verbs_of(old).items()
        }
        return _with(old, left)

    known = {_identity(policy) for policy in policies}
    merged = _merged(policies, tuple(one for one in given if _identity(one) in known), less)
    touched = {_identity(policy) for policy in given}
    return tuple(
        policy
        for policy in merged
        if _identity(policy) not in touched or any(verbs_of(policy).values())
    )


def _merged(
    policies: tuple[Policy, ...],
    given: tuple[Policy, ...],
    join: Callable[[Policy, Policy], Policy],
) -> tuple[Policy, ...]:
    found = list(policies)
    places: dict[tuple[str, str, str], list[int]] = {}
    for at, old in enumerate(found):
        places.setdefault(_identity(old), []).append(at)
    for new in given:
        known = places.get(_identity(new))
        if known is None:
            places[_identity(new)] = [len(found)]
            found.append(new)
        else:
            for at in known:
                found[at] = join(found[at], new)
    return tuple(found)


def _with(policy: Policy, verbs: dict[str, tuple[str, ...]]) -> Policy:
    return replace(
        policy,
        keys=verbs["keys"],
        secrets=verbs["secrets"],
        certificates=verbs["certificates"],
        storage=verbs["storage"],
    )


def _distinct(verbs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple({verb.lower(): verb for verb in verbs}.values())


def _identity(policy: Policy) -> tuple[str, str, str]:
    return policy.tenant.lower(), policy.oid.lower(), policy.appid.lower()


def _without(kind: str, verbs: tuple[str, ...], taken: tuple[str, ...]) -> tuple[str, ...]:
    gone = {verb.lower() for verb in taken}
    if "all" in gone:
        gone |= PERMISSIONS[kind] - {"purge"}
    elif gone and "all" in {verb.lower() for verb in verbs}:
        # All but some: what is left is written out.
        spelled = (verb for verb in verbs if verb.lower() != "all")
        rest = sorted(PERMISSIONS[kind] - {"all", "purge"})
        verbs = _distinct((*rest, *spelled))
    return tuple(verb for verb in verbs if verb.lower() not in gone)


def _is_for(policy: Policy, vault: Vault, caller: Caller) -> bool:
    """Say whether a policy of one of the caller's object ids is hers in every other respect."""
    if policy.tenant.lower() != vault.tenant.lower():
        return False
    return not policy.appid or policy.appid.lower() == caller.appid.lower()


def granted(policy: Policy) -> frozenset[tuple[str, str]]:
    """Return every (kind, permission) that an entry gives, `all` and the like written out."""
    return frozenset(
        (kind, verb)
        for kind, verbs in verbs_of(policy).items()
        if verbs
        for verb in PERMISSIONS[kind]
        if verb != "all" and gives_verb(policy, kind, verb)
    )


def gives_verb(policy: Policy, kind: str, permission: str) -> bool:
    """Say whether an entry holds a permission, or one that includes it."""
    verbs = {verb.lower() for verb in verbs_of(policy).get(kind, ())}
    wanted = permission.lower()
    if wanted in _ISSUERS and "manageissuers" in verbs:
        return True
    return wanted != "" and (wanted in verbs or ("all" in verbs and wanted != "purge"))


def verbs_of(policy: Policy) -> dict[str, tuple[str, ...]]:
    """Return the permissions of an entry, per kind of object."""
    return {
        "secrets": policy.secrets,
        "keys": policy.keys,
        "certificates": policy.certificates,
        "storage": policy.storage,
    }
