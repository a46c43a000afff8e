"""The Store and Transaction protocols, and the register of engines.

A store knows bytes and indexes, not secrets: a row is an identity, an index, and two sealed blobs.
Whatever `write` returned from is durable; a kill at any instant loses nothing acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from devvault.model.auditrow import AuditRow

__all__ = [
    "DELETED",
    "LIVE",
    "STORES",
    "AuditRow",
    "OpenStore",
    "Reading",
    "Row",
    "Store",
    "Writing",
]

T = TypeVar("T")

# (scope, name, version)
Place = tuple[str, str, str]
# (kind, scope, name, version)
Identity = tuple[str, str, str, str]

LIVE = 0
DELETED = 1


class Row(NamedTuple):
    """One sealed record. `name` is folded; `due` is seconds since 1970, for the scheduler."""

    kind: str
    scope: str
    name: str
    version: str
    state: int
    due: int | None
    generation: int
    wrapped: bytes
    sealed: bytes


class Finding(Protocol):
    """The least that can be asked of a view: one row by its identity."""

    def find(self, kind: str, scope: str, name: str, version: str = "") -> Row | None:
        """Return the row with this identity, or None."""
        ...


class Reading(Finding, Protocol):
    """A consistent view of the store."""

    def find_many(self, kind: str, places: Sequence[Place]) -> dict[Place, Row]:
        """Return the rows of a kind at these places (scope, name, version), those that are there.

        One question whatever their number: every run asks for all of its secrets at once.
        """
        ...

    def page(
        self, kind: str, scope: str, *, state: int = LIVE, after: str = "", limit: int
    ) -> list[Row]:
        """Return up to `limit` rows of a kind and scope, ordered by name, names > `after`."""
        ...

    def versions(
        self, kind: str, scope: str, name: str, *, after: str = "", limit: int
    ) -> list[Row]:
        """Return up to `limit` rows of one name, ordered by version, versions > `after`."""
        ...

    def due(self, kind: str, until: int, limit: int) -> list[Row]:
        """Return up to `limit` rows of a kind with `due` <= `until`, the longest due first."""
        ...

    def count(
        self, kind: str | None = None, scope: str | None = None, state: int | None = None
    ) -> int:
        """Return how many rows there are, of every kind or one."""
        ...

    def rows(self) -> Iterator[Row]:
        """Go through every row in identity order (for rekey, backup, verification).

        Inside a transaction a row may be replaced while it is gone through.
        """
        ...

    def value(self, name: str) -> bytes | None:
        """Return a named value (format, slots, checkpoint), or None."""
        ...

    def values(self, prefix: str) -> dict[str, bytes]:
        """Return the named values whose name begins so."""
        ...

    def audit_head(self) -> AuditRow | None:
        """Return the newest audit row."""
        ...

    def audit_row(self, seq: int) -> AuditRow | None:
        """Return one audit row."""
        ...

    def audit_after(self, seq: int, limit: int) -> list[AuditRow]:
        """Return up to `limit` audit rows with a higher number, in order."""
        ...

    def audit_before(self, seq: int, limit: int) -> list[AuditRow]:
        """Return up to `limit` audit rows with a lower number, newest first."""
        ...


class Writing(Reading, Protocol):
    """An open transaction; all of it happens, or nothing."""

    def put(self, row: Row) -> None:
        """Insert the row, or replace the one with its identity."""
        ...

    def drop(self, kind: str, scope: str, name: str, version: str = "") -> bool:
        """Remove a row; say whether it was there."""
        ...

    def drop_name(self, kind: str, scope: str, name: str) -> int:
        """Remove every version of a name; return how many."""
        ...

    def drop_scope(self, kind: str, scope: str) -> int:
        """Remove every row of a kind and scope; return how many."""
        ...

    def set_value(self, name: str, value: bytes | None) -> None:
        """Set a named value, or remove it with None."""
        ...

    def append_audit(self, row: AuditRow) -> None:
        """Add the next audit row.

        Raises:
            Damaged: its number is taken.
        """
        ...

    def append_audits(self, rows: Sequence[AuditRow]) -> None:
        """Add the next audit rows, in order; as `append_audit`."""
        ...

    def prune_audit(self, upto: int) -> int:
        """Remove audit rows with a number <= `upto`; return how many."""
        ...


class Store(Protocol):
    """Where sealed records rest."""

    def read(self) -> AbstractContextManager[Reading]:
        """Open a consistent view, on the calling thread."""
        ...

    def find_two(self, one: Identity, other: Identity) -> tuple[Row | None, Row | None]:
        """Return the rows with these two identities, as they are at one instant.

        What a view would answer, for less: nothing is opened and nothing is to be closed.
        """
        ...

    def write(self, work: Callable[[Writing], T], undone: Callable[[], None] | None = None) -> T:
        """Run `work` in a transaction and return its result once it is durable.

        Writers that arrive together share one commit. `work` runs on the writer thread; what it
        raises undoes its own changes alone, and is raised here. `undone` is called, on that
        thread and before anything else is written, where `work` ran and nothing came of it.
        """
        ...

    def submit(self, work: Callable[[Writing], object]) -> None:
        """Queue `work` and return; it is committed with the next batch, within 50 ms.

        Where a batch cannot be written, `work` is kept and runs again until it can. A backlog of
        thousands makes the caller wait.

        Raises:
            Unavailable: the store is closed, or earlier work could not be written (see `failed`).
        """
        ...

    def gather(self, gather: Callable[[Writing, list[T]], object], item: T) -> None:
        """Queue an item as `submit` queues work; `gather` is given all that came in a row.

        One call for many items costs far less than one for each. `gather` must be the same object
        every time. Nothing that was queued in between is overtaken.

        Raises:
            Unavailable: as `submit`.
        """
        ...

    @property
    def failed(self) -> Exception | None:
        """Why the last submitted work is not durable: what may not be done unrecorded must wait.

        None again once it is written; what `work` itself raised stays until `flush` raised it.
        """
        ...

    def flush(self) -> None:
        """Return once everything submitted so far is durable.

        Raises:
            Unavailable: something queued could not be written (a full disk, say).
        """
        ...

    def truncate(self) -> None:
        """Empty the write-ahead log, trying again until no reader is in the way.

        Raises:
            Unavailable: a reader stayed in the way to the end of the store's patience.
        """
        ...

    def compact(self) -> None:
        """Rewrite the database so that no freed page holds old bytes, then `truncate`."""
        ...

    def check(self) -> None:
        """Check the database's own structure.

        Raises:
            Damaged: it is not sound.
        """
        ...

    def close(self) -> None:
        """Commit what is queued and close."""
        ...


# The register: engine name -> "module:callable", loaded on first use by daemon/build.py alone.
STORES: dict[str, str] = {"sqlite": "devvault.store.sqlite:open_store"}

OpenStore = Callable[[Path], Store]
