"""Roles: what an assignment allows. The built-in ones are Azure's own, by name and GUID."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Role:
    """A role definition; patterns hold `*`, which matches any text, slashes too.

    `assigns` is the one condition that a built-in role carries: the roles (GUIDs) that its holder
    may give and take away. None is no condition. `assignable` is where a role can be assigned;
    what is there for a custom role alone is empty in a built-in one.
    """

    id: str
    name: str
    description: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    data_actions: tuple[str, ...]
    not_data_actions: tuple[str, ...]
    assigns: frozenset[str] | None = None
    assignable: tuple[str, ...] = ("/",)
    custom: bool = False
    created: datetime | None = None
    updated: datetime | None = None
    created_by: str = ""
    updated_by: str = ""

    def allows(self, action: str, *, data: bool) -> bool:
        """Say whether the role allows an action (or data action), its exceptions applied."""
        granted = self.data_actions if data else self.actions
        excepted = self.not_data_actions if data else self.not_actions
        return matches(granted, action) and not matches(excepted, action)

    def may_assign(self, role_id: str) -> bool:
        """Say whether the role's condition lets its holder give or take that role."""
        return self.assigns is None or role_id.lower() in self.assigns


@lru_cache(maxsize=8192)
def matches(patterns: tuple[str, ...], action: str) -> bool:
    """Say whether one of the patterns matches the action, case-insensitively.

    Its cost is bounded for every pattern that a custom role may hold, and paid once.
    """
    wanted = action.lower()
    return any(_matches(pattern.lower(), wanted) for pattern in patterns)


def _matches(pattern: str, action: str) -> bool:
    first, *rest = pattern.split("*")
    if not rest:
        return action == first
    *middle, last = rest
    if not action.startswith(first) or not action.endswith(last):
        return False
    at, end = len(first), len(action) - len(last)
    for part in middle:
        found = action.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end


@cache
def built_in() -> Mapping[str, Role]:
    """Return Azure's built-in roles that concern a key vault, by GUID."""
    text = Path(__file__).with_name("roles.json").read_text(encoding="utf-8")
    found = (
        Role(
            role["id"],
            role["name"],
            role["description"],
            tuple(role["actions"]),
            tuple(role["notActions"]),
            tuple(role["dataActions"]),
            tuple(role["notDataActions"]),
            frozenset(role["assigns"]) if "assigns" in role else None,
        )
        for role in json.loads(text)
    )
    return MappingProxyType({role.id: role for role in found})


def find(name: str) -> Role | None:
    """Return a role by its name, its GUID or its full resource id, or None."""
    wanted = name.rsplit("/", 1)[-1].lower()
    for role in built_in().values():
        if wanted in {role.id, role.name.lower()}:
            return role
    return None
