"""The least roles that allow some data actions: those that add the fewest powers beyond them."""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import combinations

from devvault.access.permissions import data_actions
from devvault.access.roles import Role, built_in
from devvault.model.operations import OPERATIONS

# More roles than there are kinds of objects are never the least.
_MOST = 4


def is_power(action: str) -> bool:
    """Say whether a data action is more than looking at names, attributes and public keys."""
    return not action.endswith(("/read", "/readMetadata/action"))


@lru_cache(maxsize=1024)
def gives(role: Role) -> frozenset[str]:
    """Return every data action of a key vault that a role allows."""
    return frozenset(action for action in data_actions() if role.allows(action, data=True))


@lru_cache(maxsize=1024)
def least_roles(wanted: frozenset[str]) -> tuple[Role, ...]:
    """Return the built-in roles that allow all of these data actions and add least.

    Fewest added powers first, then fewest roles, then the least to look at. Empty where nothing is
    wanted, or where no roles allow it.
    """
    if not wanted:
        return ()
    best: tuple[tuple[int, int, int, tuple[str, ...]], tuple[Role, ...]] | None = None
    powers = frozenset(filter(is_power, wanted))
    for roles, given, given_powers in _combinations():
        if not wanted <= given:
            continue
        added = len(given_powers) - len(powers)
        rank = added, len(roles), len(given), tuple(role.name for role in roles)
        if best is None or rank < best[0]:
            best = rank, roles
    return () if best is None else best[1]


def least_role(action: str, roles: tuple[Role, ...], *, data: bool) -> Role | None:
    """Return the one of some roles that allows an action and otherwise as little as can be."""

    def rank(role: Role) -> tuple[int, int, int, bool, str]:
        given = gives(role)
        controls = _controls(role)
        return sum(map(is_power, given)) + controls, controls, len(given), role.custom, role.name

    fitting = [role for role in roles if role.allows(action, data=data)]
    return min(fitting, key=rank, default=None)


@cache
def _controls(role: Role) -> int:
    """Return how many operations on vaults, groups and roles a role allows that change them."""
    return sum(
        role.allows(operation.action, data=False)
        for operation in OPERATIONS.values()
        if operation.changes and not operation.data
    )


@cache
def _combinations() -> tuple[tuple[tuple[Role, ...], frozenset[str], frozenset[str]], ...]:
    """Return every few roles, the data actions they allow, and those among them that are powers."""
    roles = sorted((role for role in built_in().values() if gives(role)), key=lambda one: one.name)
    found = []
    for count in range(1, _MOST + 1):
        for some in combinations(roles, count):
            given = frozenset[str]().union(*map(gives, some))
            found.append((some, given, frozenset(filter(is_power, given))))
    return tuple(found)
