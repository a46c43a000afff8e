"""Access policies -> role assignments: who gets which roles, and what that adds or takes away.

Pure: it says what is to be done. Built-in roles are chosen where they fit, which is where they
add nothing but looking at names and attributes, or where the policy lets its holder manage a kind
of object anyway. Elsewhere a custom role allows exactly what the policy did.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from devvault.access.least import gives, is_power, least_roles
from devvault.access.permissions import DataOperation, data_operations, is_of_a_version
from devvault.access.policies import granted, verbs_of
from devvault.access.rbac import Assignment, Grants, scope_covers
from devvault.access.roles import Role
from devvault.model.names import group_scope
from devvault.model.vault import Policy, Vault

KINDS = ("secrets", "keys", "certificates")
# Azure's own templates (specification: access, section 6): whoever has all of one manages the kind.
_SHARED = frozenset({"get", "list", "delete", "recover", "backup", "restore"})
_MANAGES = {
    "secrets": _SHARED | {"set"},
    "keys": _SHARED | {"update", "create", "import"},
    "certificates": _SHARED
    | {"update", "create", "import", "managecontacts", "manageissuers", "getissuers"}
    | {"listissuers", "setissuers", "deleteissuers"},
}
_NAME_LIMIT = 200
_OBJECT_SEGMENTS = 2  # secrets/NAME; a version has two more


@dataclass(frozen=True, slots=True)
class Below:
    """What an assignment adds, when roles begin to count, on one object or under its condition."""

    scope: str
    operations: tuple[DataOperation, ...]
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """What becomes of one identity (an object id).

    `roles` are to be assigned at the vault; `held` are assignments of hers that begin to count.
    `keeps` are the operations that her policies allowed, `adds` those that the roles allow beyond
    them in the whole vault, `loses` the permissions that no role can give. `applications` are
    those that her policies were bound to: a role is hers through whatever application.
    """

    oid: str
    keeps: tuple[DataOperation, ...]
    roles: tuple[Role, ...]
    held: tuple[Assignment, ...]
    adds: tuple[DataOperation, ...]
    below: tuple[Below, ...]
    loses: tuple[str, ...]
    applications: tuple[str, ...] = ()
    # What her policies gave through an application only, and the roles give without one.
    freed: tuple[DataOperation, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole change of one vault: an entry for everybody whose rights it touches."""

    moves: tuple[Move, ...]

    @property
    def custom(self) -> tuple[Role, ...]:
        """The custom roles that must be there first."""
        found = {role.id: role for move in self.moves for role in move.roles if role.custom}
        return tuple(found[id] for id in sorted(found))


def plan_migration(vault: Vault, grants: Grants, *, custom: bool = True) -> Plan:
    """Return what makes roles decide in a vault without taking anything from anybody.

    Without `custom`, built-in roles alone are used, whatever they add.
    """
    by_oid: dict[str, list[Policy]] = {}
    for policy in vault.policies:
        if policy.oid and policy.tenant.lower() == vault.tenant.lower():
            by_oid.setdefault(policy.oid.lower(), []).append(policy)
    for oid in sorted({one.principal.lower() for one in grants.touching(vault.id)}):
        by_oid.setdefault(oid, [])
    moves = (_move(vault, grants, oid, mine, custom=custom) for oid, mine in by_oid.items())
    return Plan(tuple(move for move in moves if _matters(move)))


def labels(operations: Iterable[DataOperation], had: Iterable[DataOperation] = ()) -> list[str]:
    """Return operations in words: a permission where all of its operations are among them.

    `had` are operations that go without saying. `all` is, as in a policy, all but purge; of a
    permission that is not whole the operations are named.
    """
    chosen = set(operations)
    whole = chosen | set(had)
    words: dict[str, None] = {}
    for kind in KINDS:
        every = [one for one in data_operations() if one.kind == kind]
        rest = [one for one in every if one.verbs[0] != "purge"]
        if chosen.issuperset(rest):
            words[f"{kind} all"] = None
            every = [one for one in every if one.verbs[0] == "purge"]
        for one in every:
            if one in chosen:
                same = {other for other in data_operations() if _is(other, kind, one.verbs[0])}
                words[f"{kind} {one.verbs[0] if same <= whole else one.id}"] = None
    return list(words)


def _is(operation: DataOperation, kind: str, verb: str) -> bool:
    return operation.kind == kind and operation.verbs[0] == verb


def _matters(move: Move) -> bool:
    return bool(move.keeps or move.roles or move.adds or move.below or move.loses)


def _move(vault: Vault, grants: Grants, oid: str, policies: list[Policy], *, custom: bool) -> Move:
    before = _allowed(policies)
    alone = frozenset(_allowed([policy for policy in policies if not policy.appid]))
    held, held_below = _held(grants, oid, vault.id)
    held_gives = frozenset[str]().union(*(gives(role) for _, role in held))
    roles = _choose(vault, before, held_gives, custom=custom)
    after = held_gives.union(*map(gives, roles))
    allowed = [one for one in data_operations() if one.action in after]
    had = frozenset(before)
    known = had.union(allowed)
    return Move(
        oid,
        tuple(before),
        roles,
        tuple(assignment for assignment, _ in (*held, *held_below)),
        tuple(one for one in allowed if one not in had),
        tuple(
            Below(
                assignment.scope,
                tuple(
                    one
                    for one in data_operations()
                    if one.action in gives(role)
                    and one not in known
                    and _reaches(one, vault.id, assignment.scope)
                ),
                assignment.condition,
            )
            for assignment, role in held_below
        ),
        tuple(
            f"storage {verb.lower()}"
            for policy in policies
            for verb in dict.fromkeys(verbs_of(policy)["storage"])
        ),
        tuple(dict.fromkeys(policy.appid for policy in policies if policy.appid)),
        tuple(one for one in before if one not in alone),
    )


def _allowed(policies: list[Policy]) -> list[DataOperation]:
    given = frozenset[tuple[str, str]]().union(*map(granted, policies))
    return [
        one for one in data_operations() if any((one.kind, verb) in given for verb in one.verbs)
    ]


def is_of_the_vault(operation: DataOperation) -> bool:
    """Say whether an operation is done with a vault, and so not given by a role on one object."""
    words = operation.action.split("/")
    return operation.verbs[0] == "list" or words[2] in {"certificatecas", "certificatecontacts"}


def _reaches(operation: DataOperation, vault: str, scope: str) -> bool:
    """Say whether a role at a scope, in the vault or above it, can be used for an operation."""
    tail = scope.rstrip("/")[len(vault.rstrip("/")) :].strip("/").split("/")
    if not scope_covers(vault, scope) or tail == [""]:
        return True
    if tail[0].lower() != operation.kind or is_of_the_vault(operation):
        return False
    return len(tail) <= _OBJECT_SEGMENTS or is_of_a_version(operation.id)


def _held(
    grants: Grants, oid: str, vault: str
) -> tuple[list[tuple[Assignment, Role]], list[tuple[Assignment, Role]]]:
    """Return what a principal has already: on the whole vault, and below it."""
    whole, below = [], []
    for assignment, role in grants.of(frozenset({oid})):
        if not gives(role):
            continue
        if scope_covers(assignment.scope, vault) and not assignment.condition:
            whole.append((assignment, role))
        elif scope_covers(vault, assignment.scope) or scope_covers(assignment.scope, vault):
            # With a condition it is not sure to give anything, and may.
            below.append((assignment, role))
    return whole, below


def _choose(
    vault: Vault, allowed: list[DataOperation], held: frozenset[str], *, custom: bool
) -> tuple[Role, ...]:
    fitting: set[str] = set()
    rest: set[str] = set()
    for kind in KINDS:
        mine = [one for one in allowed if one.kind == kind]
        wanted = {one.action for one in mine}
        if not wanted - held:
            continue
        manages = _MANAGES[kind] <= {verb for one in mine for verb in one.verbs}
        if not custom or manages or _fits(frozenset(wanted)):
            fitting |= wanted
        else:
            rest |= wanted
    roles = least_roles(frozenset(fitting))
    return (*roles, _custom_role(vault, frozenset(rest))) if rest else roles


def _fits(wanted: frozenset[str]) -> bool:
    roles = least_roles(wanted)
    given = frozenset[str]().union(*map(gives, roles))
    return wanted <= given and not any(map(is_power, given - wanted))


def _custom_role(vault: Vault, actions: frozenset[str]) -> Role:
    """Return the role that allows exactly these; the same ones in one vault are one role."""
    ordered = tuple(sorted(actions))
    id = str(uuid.uuid5(uuid.NAMESPACE_URL, "\n".join((vault.id.lower(), *ordered))))
    within = [one for one in data_operations() if one.action in actions]
    by_kind: dict[str, list[str]] = {}
    for one in within:
        verbs = by_kind.setdefault(one.kind, [])
        if one.verbs[0] not in verbs:
            verbs.append(one.verbs[0])
    what = "; ".join(f"{kind} {', '.join(verbs)}" for kind, verbs in by_kind.items())
    name = f"{vault.name} {what}"
    if len(name) > _NAME_LIMIT:
        name = f"{vault.name} policy {id[:8]}"
    return Role(
        id,
        name,
        f"What an access policy of the vault {vault.name} allowed: {what}.",
        (),
        (),
        ordered,
        (),
        assignable=(group_scope(vault.subscription, vault.group),),
        custom=True,
    )
