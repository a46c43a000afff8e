"""Why may, or may not, somebody do something: asked by the home's owner about anybody."""

from __future__ import annotations

import re
from dataclasses import dataclass

from devvault.access.explain import Explanation, explain
from devvault.access.permissions import data_operations, is_of_a_version
from devvault.access.principals import Caller, Principal
from devvault.errors import Invalid
from devvault.model import operations as op
from devvault.model.names import check_object_name, fold, object_scope, subscription_scope
from devvault.model.operations import OPERATIONS, Operation
from devvault.model.vault import Vault
from devvault.store.base import Reading
from devvault.vault.codecs import unpack_version
from devvault.vault.gate import Gate, Target
from devvault.vault.principals import find_principal, get_principal
from devvault.vault.records import SECRET_VERSION
from devvault.vault.secrets import find_secret, live_vault

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KINDS = ("secrets", "keys", "certificates")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: may `identity` do `action`, with this object or with the vault?

    `action` is an access-policy verb (`get`), an operation (`GetSecret`, `VaultsDelete`) or a full
    action. An empty `version` means the current one.
    """

    identity: str
    action: str
    vault: str = ""
    kind: str = ""
    name: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The explanation, and what it is about; `note` tells what stands in the way besides rights."""

    principal: Principal
    operation: Operation
    vault: Vault | None
    resource: str
    explanation: Explanation
    note: str = ""


def explain_access(gate: Gate, caller: Caller, asked: Asked) -> Answer:
    """Say whether somebody may do something, by which assignment or policy, or for want of which.

    Raises:
        NotFound: no such identity, or no such vault.
        Invalid: no such action, a malformed name or version.
    """
    principal = _principal(gate, asked.identity)
    operation = _operation(asked.kind, asked.action)
    vault = live_vault(gate, asked.vault) if asked.vault else None
    resource = _resource(gate, asked, operation, vault)
    of_version = asked.name != "" and is_of_a_version(operation.id)
    if asked.version and not of_version:
        raise Invalid("a version is read or updated; all else is done with the whole object")

    def act(reading: Reading) -> Answer:
        grants = gate.directory.within(reading).grants
        who = principal.caller(gate.tenant)
        note, current = _look(gate, reading, asked, operation, vault)
        version = asked.version.lower()
        found = explain(who, operation, resource, vault, grants, version=version)
        # As the gate: a role on single versions counts where the current one is among them.
        single = of_version and not version and grants.has_versions(who.ids, resource)
        if single and not found.allowed:
            now = explain(who, operation, resource, vault, grants, version=current)
            found = now if now.allowed else found
        return Answer(principal, operation, vault, resource, found, note)

    target = Target(resource, vault, extra={"identity": principal.oid, "action": operation.action})
    return gate.read(caller, op.EXPLAIN_ACCESS, target, act)


def _principal(gate: Gate, word: str) -> Principal:
    """Return who is meant; an object id that nobody has yet is somebody with no other name."""
    found = find_principal(gate, word)
    if found is None and _GUID.fullmatch(fold(word)) is not None:
        return Principal(fold(word), fold(word), "Unknown", fold(word))
    return found or get_principal(gate, word)


def _operation(kind: str, action: str) -> Operation:
    wanted = action.strip().lower()
    for operation in OPERATIONS.values():
        if not operation.action.startswith("Devvault/") and wanted in {
            operation.id.lower(),
            operation.action.lower(),
        }:
            return operation
    kind = kind or KINDS[0]
    for one in data_operations():
        by_id = wanted in {one.id.lower(), one.action.lower()}
        by_verb = one.kind == kind and (wanted in one.verbs or wanted == one.action.split("/")[3])
        if by_id or by_verb:
            return OPERATIONS.get(one.id) or Operation(one.id, "", one.action, True, one.verbs[0])
    raise Invalid(
        f"there is no action '{_shown(action)}' on {kind}",
        hint="use a permission like get, list or set, or a full action of a role",
    )


def _resource(gate: Gate, asked: Asked, operation: Operation, vault: Vault | None) -> str:
    if vault is None:
        if operation.data:
            raise Invalid(
                f"{operation.id} is done in a vault: name it",
                hint="devvault access explain --vault NAME ...",
            )
        return subscription_scope(gate.subscription)
    if not asked.name or not operation.data or operation.permission == "list":
        return vault.id
    check_object_name(asked.name)
    return object_scope(vault.id, operation.kind, asked.name)


def _look(
    gate: Gate, reading: Reading, asked: Asked, operation: Operation, vault: Vault | None
) -> tuple[str, str]:
    """Return what there is to know about the secret besides rights, and its current version."""
    if vault is None or not asked.name or operation.kind != KINDS[0] or not operation.data:
        return "", ""
    secret = find_secret(gate, reading, vault, asked.name)
    if secret is None:
        return f"there is no secret {asked.name} in {vault.name}", ""
    if secret.deleted is not None:
        return f"the secret {secret.name} is deleted", secret.current
    wanted = asked.version or secret.current
    row = reading.find(SECRET_VERSION, fold(vault.name), fold(secret.name), fold(wanted))
    if row is None:
        return f"the secret {secret.name} has no such version", secret.current
    at = unpack_version(vault, secret.name, wanted, gate.records.open(row), value=False).attributes
    return "" if at.enabled else "this version is disabled", secret.current


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:120]
