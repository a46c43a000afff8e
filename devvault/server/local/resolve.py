"""References of a folder answered by the vaults themselves: App Service's words for every end.

The source of the plan that `run` and the library share. A vault that the folder was not given is
denied before anything in it is looked at.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from devvault.access.explain import own_policy, policy_command
from devvault.access.principals import Caller
from devvault.errors import Damaged, DevvaultError, Forbidden, Invalid, NotFound
from devvault.references.base import parse
from devvault.references.reference import Reference
from devvault.references.status import Status
from devvault.resolver.outlook import Met
from devvault.resolver.plan import Failure, Lookup, failure_of, resolve_all
from devvault.secretvalue import SecretValue
from devvault.server.local.base import Ask, Plane, Route, text
from devvault.server.reply import Reply, json_reply
from devvault.vault import trust
from devvault.vault.gate import Gate, Receipts
from devvault.vault.principals import find_identity
from devvault.vault.secrets import find_secret, get_secrets, live_vault

_LIMIT = 1024 * 1024


def source(
    plane: Plane,
    folder: str,
    identity: str = "",
    met: dict[str, Met] | None = None,
    receipts: Receipts | None = None,
) -> Lookup:
    """Return the look-up of a folder, as an identity.

    `met` is told which version each reference led to, by lower-case URI; `receipts` are what the
    gate needs to repeat the answer. The look-up raises Locked or Unavailable where the home as a
    whole cannot answer.
    """
    trust.check_folder(folder)

    def look_up(references: Sequence[Reference]) -> list[SecretValue | Failure]:
        gate = plane.gate()
        who = _identity(plane, gate, identity)
        if isinstance(who, Failure):
            return [who] * len(references)
        return _answers(gate, who, folder, references, met, receipts)

    return look_up


def resolve(plane: Plane, ask: Ask) -> Reply:
    """Resolve named references for the library."""
    members = ask.members()
    given = members.get("references")
    if not isinstance(given, dict):
        raise Invalid("the member 'references' must be an object")
    wanted = {name: text(given, name) for name in given}
    renamed = members.get("vaults", {})
    if not isinstance(renamed, dict):
        raise Invalid("the member 'vaults' must be an object")
    vaults = {name.lower(): text(renamed, name) for name in renamed}
    met: dict[str, Met] = {}
    lookup = source(plane, text(members, "folder"), text(members, "identity", ""), met)
    plane.gate()
    values, failures = resolve_all(wanted, lookup, vaults)
    for id in plane.sessions.heard_around(ask.pid):  # a program below a `run` that masks
        for name, value in values.items():
            at = parse(wanted[name])
            plane.hearers.tell(plane.sessions.hearers.get(id, ""), f"{at.vault}/{at.name}", value)
    return json_reply(
        200,
        {
            "values": values,
            "versions": {uri: at.version for uri, at in met.items()},
            "failures": [
                {
                    "setting": item.setting,
                    "reference": item.reference,
                    "status": str(item.failure.status),
                    "reason": item.failure.reason,
                    "hint": item.failure.hint,
                }
                for item in failures
            ],
        },
    )


def _identity(plane: Plane, gate: Gate, word: str) -> Caller | Failure:
    """Return whom the references resolve as, or why nobody is."""
    try:
        who = find_identity(gate, word)
    except Invalid as error:
        return Failure(Status.MSI_NOT_ENABLED, error.message, "devvault identity list -o table")
    if who is None:
        name = _plain(word)
        return Failure(
            Status.MSI_NOT_ENABLED,
            f"this home has no identity named {name}",
            f"devvault webapp identity assign --name {shlex.quote(name)}",
        )
    return plane.developer() if who is gate.developer else who.caller(gate.tenant)


def _answers(
    gate: Gate,
    caller: Caller,
    folder: str,
    references: Sequence[Reference],
    met: dict[str, Met] | None,
    receipts: Receipts | None,
) -> list[SecretValue | Failure]:
    trusted = trust.trusted_vaults(gate, folder)
    refused = [_refusal(gate, caller, folder, trusted, reference) for reference in references]
    asked = [ref for ref, failure in zip(references, refused, strict=True) if failure is None]
    wanted = [(ref.vault, ref.name, ref.version or "") for ref in asked]
    answers = iter(get_secrets(gate, caller, wanted, receipts) if wanted else ())
    found: list[SecretValue | Failure] = []
    for reference, failure in zip(references, refused, strict=True):
        answer = failure or next(answers)
        if isinstance(answer, DevvaultError):
            found.append(_failure(gate, caller, reference, answer))
        elif isinstance(answer, Failure):
            found.append(answer)
        else:
            found.append(SecretValue(answer.value or ""))
            if met is not None:
                met[reference.uri.lower()] = Met(answer.version, answer.attributes.exp)
    return found


def _refusal(
    gate: Gate, caller: Caller, folder: str, trusted: frozenset[str], reference: Reference
) -> Failure | None:
    """Return why a reference is not looked up at all."""
    if not reference.is_served:
        return Failure(
            Status.VAULT_NOT_FOUND,
            f"{reference.host} is of a cloud that devvault does not answer for",
            "map the vault to a local one: [vaults] in devvault.toml",
        )
    vault = gate.find_vault(reference.vault)
    if vault is None:
        return Failure(
            Status.VAULT_NOT_FOUND,
            f"there is no vault named {reference.vault} in this home",
            f"devvault keyvault create --name {reference.vault}",
        )
    # The second question puts the refusal into the trail.
    if reference.vault in trusted or trust.may_resolve(gate, caller, folder, vault.name):
        return None
    return Failure(
        Status.ACCESS_TO_KEY_VAULT_DENIED,
        f"this folder was not allowed to resolve from the vault {vault.name}",
        f"devvault allow {vault.name}",
    )


def _failure(gate: Gate, caller: Caller, reference: Reference, error: DevvaultError) -> Failure:
    vault, name = reference.vault, reference.name
    if isinstance(error, NotFound):
        if reference.version and _exists(gate, reference):
            return Failure(
                Status.SECRET_VERSION_NOT_FOUND,
                f"the secret {name} in {vault} has no version {_plain(reference.version)}",
                f"devvault keyvault secret list-versions --vault-name {vault} --name {name}",
            )
        if _is_deleted(gate, reference):
            return Failure(
                Status.SECRET_NOT_FOUND,
                f"the secret {name} in {vault} is deleted",
                f"devvault keyvault secret recover --vault-name {vault} --name {name}",
            )
        return Failure(
            Status.SECRET_NOT_FOUND,
            f"there is no secret named {name} in {vault}",
            f"devvault keyvault secret set --vault-name {vault} --name {name} --value -",
        )
    if isinstance(error, Forbidden) and error.inner == "SecretDisabled":
        return Failure(
            Status.OTHER_REASONS,
            f"the secret {name} in {vault} is disabled",
            f"devvault keyvault secret set-attributes --vault-name {vault} --name {name}"
            " --enabled true",
        )
    if isinstance(error, Forbidden):
        return Failure(
            Status.ACCESS_TO_KEY_VAULT_DENIED,
            f"{_plain(caller.name)} may not read the secret {name} in {vault}",
            _granting(gate, caller, vault),
        )
    if isinstance(error, Damaged):
        return Failure(Status.OTHER_REASONS, error.message, "devvault audit verify")
    return failure_of(error)


def _granting(gate: Gate, caller: Caller, name: str) -> str:
    """Return the command that lets somebody read the secrets of a vault."""
    vault = gate.find_vault(name)
    if vault is None or vault.rbac:
        scope = "SCOPE" if vault is None else vault.id
        return (
            f"devvault role assignment create --assignee {caller.oid}"
            f' --role "Key Vault Secrets User" --scope {scope}'
        )
    own = own_policy(vault, caller.oid)
    return policy_command(vault.name, caller.oid, own, "secrets", "get")


def _exists(gate: Gate, reference: Reference) -> bool:
    with gate.store.read() as reading:
        vault = live_vault(gate, reference.vault)
        found = find_secret(gate, reading, vault, reference.name)
    return found is not None and found.deleted is None


def _is_deleted(gate: Gate, reference: Reference) -> bool:
    with gate.store.read() as reading:
        vault = live_vault(gate, reference.vault)
        found = find_secret(gate, reading, vault, reference.name)
    return found is not None and found.deleted is not None


def _plain(words: str) -> str:
    """Return what a client sent, fit for a message."""
    return "".join(c if c.isprintable() else "?" for c in words)[:80]


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/local/resolve"): Route(resolve, quick=True, limit=_LIMIT),
}
