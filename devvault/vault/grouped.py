"""Records of what lies in resource groups, apps and identities: by group and name, in any case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from devvault.model.app import App, Identity
from devvault.model.names import fold
from devvault.store.base import Reading, Writing
from devvault.vault.gate import Gate
from devvault.vault.groups import find_group

_ALL = 100_000
T = TypeVar("T", App, Identity)


@dataclass(frozen=True, slots=True)
class Grouped(Generic[T]):
    """The records of one kind, and how one is written and read."""

    kind: str
    pack: Callable[[T], Mapping[str, Any]]
    unpack: Callable[[dict[str, Any]], T]

    def find(self, gate: Gate, reading: Reading, group: str, name: str) -> T | None:
        """Return the one of this name in a group."""
        row = reading.find(self.kind, "", _key(group, name))
        return None if row is None else self.unpack(gate.records.open(row))

    def every(self, gate: Gate, reading: Reading) -> Iterator[T]:
        """Yield all of them."""
        for row in reading.page(self.kind, "", limit=_ALL):
            yield self.unpack(gate.records.open(row))

    def of(self, gate: Gate, reading: Reading, group: str) -> tuple[T, ...]:
        """Return those of a group."""
        return tuple(one for one in self.every(gate, reading) if fold(one.group) == fold(group))

    def listed(self, gate: Gate, reading: Reading, group: str) -> tuple[T, ...]:
        """Return those of a group, or all where none is named.

        Raises:
            NotFound: `ResourceGroupNotFound`.
        """
        if not group:
            return tuple(self.every(gate, reading))
        find_group(gate, reading, group)
        return self.of(gate, reading, group)

    def put(self, gate: Gate, writing: Writing, one: T) -> None:
        """Write one, in place of what has its name."""
        key = _key(one.group, one.name)
        writing.put(gate.records.seal(self.kind, "", key, self.pack(one)))

    def drop(self, writing: Writing, one: T) -> None:
        """Drop one."""
        writing.drop(self.kind, "", _key(one.group, one.name))


def _key(group: str, name: str) -> str:
    return f"{fold(group)}/{fold(name)}"
