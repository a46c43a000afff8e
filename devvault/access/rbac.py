"""Role assignments: who has which role, at which scope; scopes are inherited downwards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from devvault.access.roles import Role, built_in

# What a scope of one version of an object has before the version: our own extension to Azure's.
_VERSIONS = "/versions/"
_OBJECT = re.compile(
    r"(?:secrets|keys|certificates)/[0-9a-z-]{1,127}(?:/versions/[0-9a-f]{32})?",
    re.IGNORECASE | re.ASCII,
)
_VAULT = re.compile(
    r"/subscriptions/[^/]+/resourcegroups/[^/]+/providers/microsoft\.keyvault/vaults/[^/]+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A principal (object id) has a role (its GUID) at a scope (an ARM resource id).

    `condition` is ABAC's text; an assignment whose condition is not met gives nothing.
    """

    id: str
    role_id: str
    principal: str
    principal_type: str
    scope: str
    created: datetime
    created_by: str
    condition: str = ""
    description: str = ""


class Grants:
    """Assignments and roles, arranged so that a decision looks at the few that can matter.

    By principal, then by scope: what a request costs does not grow with the number of assignments.
    """

    __slots__ = ("_by", "_versioned", "roles")

    def __init__(self, assignments: Iterable[Assignment], custom: Iterable[Role] = ()) -> None:
        known = {role.id.lower(): role for role in custom}
        # A custom role never stands in the place of a built-in one.
        self.roles: Mapping[str, Role] = MappingProxyType({**known, **built_in()})
        self._by: dict[str, dict[str, list[Assignment]]] = {}
        self._versioned: set[tuple[str, str]] = set()
        for assignment in assignments:
            if not assignment.scope or not assignment.principal:
                continue  # a mistake, which covers nothing and is nobody's
            scope, principal = _folded(assignment.scope), assignment.principal.lower()
            self._by.setdefault(principal, {}).setdefault(scope, []).append(assignment)
            above, mark, _ = scope.rpartition(_VERSIONS)
            if mark:
                self._versioned.add((principal, above))

    def above(self, ids: frozenset[str], resource: str) -> Iterator[tuple[Assignment, Role]]:
        """Yield what these principals have at a resource and at every scope above it, with roles.

        An assignment of a role that is gone is left out.
        """
        whole = _folded(resource) + "/"
        for principal in ids:
            scopes = self._by.get(principal)
            if scopes is None:
                continue
            at = whole.find("/")
            while at >= 0:
                for assignment in scopes.get(whole[:at], ()):
                    role = self.roles.get(assignment.role_id.lower())
                    if role is not None:
                        yield assignment, role
                at = whole.find("/", at + 1)

    def of(self, ids: frozenset[str]) -> Iterator[tuple[Assignment, Role]]:
        """Yield everything that these principals have, wherever it is, with its role."""
        for principal in ids:
            for found in self._by.get(principal, {}).values():
                for assignment in found:
                    role = self.roles.get(assignment.role_id.lower())
                    if role is not None:
                        yield assignment, role

    def touching(self, resource: str) -> Iterator[Assignment]:
        """Yield every assignment at a resource, above it or below it."""
        for scopes in self._by.values():
            for scope, found in scopes.items():
                place = scope or "/"
                if scope_covers(place, resource) or scope_covers(resource, place):
                    yield from found

    def has_versions(self, ids: frozenset[str], resource: str) -> bool:
        """Say whether one of these principals has a role on single versions of this object."""
        folded = _folded(resource)
        return any((principal, folded) in self._versioned for principal in ids)

    def find_role(self, name: str) -> Role | None:
        """Return a role by its GUID, its full resource id or its name, or None."""
        wanted = name.rsplit("/", 1)[-1].lower()
        found = self.roles.get(wanted)
        if found is not None:
            return found
        return next((role for role in self.roles.values() if role.name.lower() == wanted), None)


def scope_covers(scope: str, resource: str) -> bool:
    """Say whether a scope is the resource itself or lies above it, by whole path segments.

    `/` is above everything; an empty scope is a mistake and covers nothing.
    """
    if not scope:
        return False
    return (_folded(resource) + "/").startswith(_folded(scope) + "/")


def is_scope(scope: str) -> bool:
    """Say whether a resource id can be a scope: whole segments, and below a vault what is there.

    That is a secret, key or certificate, or one version of it: `.../secrets/NAME/versions/VERSION`.
    A scope of another shape would never match, and its author would believe that it does.
    """
    scope = scope.rstrip("/")
    segments = scope.split("/")[1:]
    if not all(segments) or any(part in {".", ".."} or part != part.strip() for part in segments):
        return False
    vault = _VAULT.match(scope)
    if vault is None or vault.end() == len(scope):
        return True
    return _OBJECT.fullmatch(scope[vault.end() + 1 :]) is not None


def _folded(scope: str) -> str:
    return scope.lower().rstrip("/")
