"""The least roles for what was done: from uses of rights, as a trail tells them.

Pure. Reading what a trail says of the past promises nothing for what comes: whoever takes a role
away by this advice should look at a time that is long enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from devvault.access.least import gives, least_roles
from devvault.access.rbac import Assignment, Grants, scope_covers
from devvault.access.roles import Role

# On more objects than this the same roles are recommended for the whole vault.
OBJECTS_LIMIT = 5


@dataclass(frozen=True, slots=True)
class Use:
    """One data action that an identity did, or asked for, on a vault or an object of it."""

    action: str
    vault: str
    resource: str


@dataclass(frozen=True, slots=True)
class Advice:
    """A role at a scope, and the data actions that it is for."""

    role: Role
    scope: str
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wide:
    """An assignment that allows more than was done: how many data actions, how many were used."""

    assignment: Assignment
    role: Role
    allowed: int
    used: int


def recommend(uses: Iterable[Use]) -> tuple[Advice, ...]:
    """Return the fewest rights, as built-in roles, that allow all of these."""
    by_vault: dict[str, dict[str, set[str]]] = {}
    for use in uses:
        places = by_vault.setdefault(use.vault, {})
        places.setdefault(use.resource, set()).add(use.action)
    found: list[Advice] = []
    for vault in sorted(by_vault):
        found += _in_vault(vault, by_vault[vault])
    return tuple(found)


def wide_assignments(uses: Iterable[Use], ids: frozenset[str], grants: Grants) -> tuple[Wide, ...]:
    """Return the assignments of these principals that allow data actions which were not done."""
    done = tuple(uses)
    found = []
    for assignment, role in grants.of(ids):
        allowed = gives(role)
        used = {use.action for use in done if scope_covers(assignment.scope, use.resource)}
        if allowed - used:
            found.append(Wide(assignment, role, len(allowed), len(allowed & used)))
    return tuple(sorted(found, key=lambda one: (one.used, one.assignment.scope, one.role.name)))


def _in_vault(vault: str, places: dict[str, set[str]]) -> list[Advice]:
    whole = frozenset(places.get(vault, ()))
    objects = {place: actions for place, actions in places.items() if place != vault}
    alike: dict[frozenset[str], list[str]] = {}
    for place in sorted(objects):
        alike.setdefault(frozenset(objects[place]), []).append(place)
    for actions, many in list(alike.items()):
        if len(many) > OBJECTS_LIMIT:
            whole |= actions
            del alike[actions]
    found = [Advice(role, vault, _of(role, whole)) for role in least_roles(whole)]
    covered = frozenset[str]().union(*(gives(one.role) for one in found))
    for actions, many in alike.items():
        rest = actions - covered
        found += [
            Advice(role, place, _of(role, rest)) for place in many for role in least_roles(rest)
        ]
    return found


def _of(role: Role, actions: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(gives(role) & actions))
