"""The local plane's table: method and path -> route. A module is loaded for the first who asks it.

A run, before which the daemon may just have been started, must not wait for what audits,
recommends or scans.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from devvault.server.local import run
from devvault.server.local.base import Route

# What follows `/local/` in a path, and who answers there.
_MODULES = {
    "access": "access",
    "audit": "audit",
    "backup": "backup",
    "check": "check",
    "connect": "connect",
    "credentials": "principals",
    "disconnect": "connect",
    "init": "upkeep",
    "lock": "upkeep",
    "members": "principals",
    "names": "overview",
    "overview": "overview",
    "principals": "principals",
    "recovery": "upkeep",
    "rekey": "upkeep",
    "resolve": "resolve",
    "restore": "backup",
    "scan": "scan",
    "stash": "stash",
    "status": "upkeep",
    "stop": "upkeep",
    "trust": "trust",
    "unlock": "upkeep",
    "watch": "watch",
}


class _Routes(Mapping[tuple[str, str], Route]):
    """Every route; whoever goes through them loads all."""

    def __getitem__(self, key: tuple[str, str]) -> Route:
        return _routes_at(key[1])[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        yield from run.ROUTES
        for module in sorted(set(_MODULES.values())):
            yield from _load(module)

    def __len__(self) -> int:
        return sum(1 for _ in self)


ROUTES: Mapping[tuple[str, str], Route] = _Routes()


def is_path(path: str) -> bool:
    """Say whether something answers at a path, by whatever method."""
    return any(each == path for _, each in _routes_at(path))


def _routes_at(path: str) -> Mapping[tuple[str, str], Route]:
    if path == "/local/run":
        return run.ROUTES
    module = _MODULES.get(path.removeprefix("/local/").partition("/")[0])
    return {} if module is None else _load(module)


def _load(module: str) -> Mapping[tuple[str, str], Route]:
    found: Mapping[tuple[str, str], Route] = import_module(f"devvault.server.local.{module}").ROUTES
    return found
