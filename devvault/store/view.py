"""What a transaction on SQLite can ask and change: the Reading and Writing of store/base.py.

A view lives as long as its transaction: afterwards every question to it is refused. No statement
stays open between two calls, so nothing pins a snapshot longer than the view itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from devvault.errors import Damaged
from devvault.model.auditrow import AuditRow
from devvault.store import queries
from devvault.store.base import LIVE, Row

_STRIDE = 256


class SqliteReading:
    """A consistent view: it begins with its first question."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection: sqlite3.Connection | None = connection

    def end(self) -> None:
        """Refuse every further question."""
        self._connection = None

    def _execute(self, statement: str, values: tuple[object, ...]) -> sqlite3.Cursor:
        if self._connection is None:
            msg = "this view of the store has ended"
            raise RuntimeError(msg)
        return self._connection.execute(statement, values)

    def find(self, kind: str, scope: str, name: str, version: str = "") -> Row | None:
        """Return the row with this identity, or None."""
        found = self._execute(queries.FIND, (kind, scope, name, version)).fetchone()
        return None if found is None else Row(*found)

    def page(
        self, kind: str, scope: str, *, state: int = LIVE, after: str = "", limit: int
    ) -> list[Row]:
        """Return up to `limit` rows of a kind and scope, ordered by name, names > `after`."""
        found = self._execute(queries.PAGE, (kind, scope, state, after, limit))
        return [Row(*each) for each in found.fetchall()]

    def versions(
        self, kind: str, scope: str, name: str, *, after: str = "", limit: int
    ) -> list[Row]:
        """Return up to `limit` rows of one name, ordered by version, versions > `after`."""
        found = self._execute(queries.VERSIONS, (kind, scope, name, after, limit))
        return [Row(*each) for each in found.fetchall()]

    def due(self, kind: str, until: int, limit: int) -> list[Row]:
        """Return up to `limit` rows of a kind with `due` <= `until`, the longest due first."""
        found = self._execute(queries.DUE, (kind, until, limit))
        return [Row(*each) for each in found.fetchall()]

    def count(
        self, kind: str | None = None, scope: str | None = None, state: int | None = None
    ) -> int:
        """Return how many rows there are, versions too, of every kind or one."""
        statement, values = queries.count(kind, scope, state)
        return int(self._execute(statement, values).fetchone()[0])

    def rows(self) -> Iterator[Row]:
        """Go through every row in identity order (for rekey, backup, verification)."""
        last = ("", "", "", "")
        while True:
            found = self._execute(queries.ROWS, (*last, _STRIDE)).fetchall()
            for each in found:
                yield Row(*each)
            if len(found) < _STRIDE:
                return
            last = found[-1][:4]

    def value(self, name: str) -> bytes | None:
        """Return a named value (format, slots, checkpoint), or None."""
        found = self._execute(queries.VALUE, (name,)).fetchone()
        return None if found is None else bytes(found[0])

    def values(self, prefix: str) -> dict[str, bytes]:
        """Return the named values whose name begins so."""
        return dict(self._execute(queries.VALUES, (prefix,)).fetchall())

    def audit_head(self) -> AuditRow | None:
        """Return the newest audit row."""
        found = self._execute(queries.AUDIT_HEAD, ()).fetchone()
        return None if found is None else AuditRow(*found)

    def audit_row(self, seq: int) -> AuditRow | None:
        """Return one audit row."""
        found = self._execute(queries.AUDIT_ROW, (seq,)).fetchone()
        return None if found is None else AuditRow(*found)

    def audit_after(self, seq: int, limit: int) -> list[AuditRow]:
        """Return up to `limit` audit rows with a higher number, in order."""
        found = self._execute(queries.AUDIT_AFTER, (seq, limit))
        return [AuditRow(*each) for each in found.fetchall()]

    def audit_before(self, seq: int, limit: int) -> list[AuditRow]:
        """Return up to `limit` audit rows with a lower number, newest first."""
        found = self._execute(queries.AUDIT_BEFORE, (seq, limit))
        return [AuditRow(*each) for each in found.fetchall()]


class SqliteWriting(SqliteReading):
    """An open transaction on the writer's connection."""

    __slots__ = ()

    def put(self, row: Row) -> None:
        """Insert the row, or replace the one with its identity."""
        self._execute(
            queries.PUT,
            (
                row.kind,
                row.scope,
                row.name,
                row.version,
                row.state,
                row.due,
                row.generation,
                row.wrapped,
                row.sealed,
            ),
        )

    def drop(self, kind: str, scope: str, name: str, version: str = "") -> bool:
        """Remove a row; say whether it was there."""
        return self._execute(queries.DROP, (kind, scope, name, version)).rowcount > 0

    def drop_name(self, kind: str, scope: str, name: str) -> int:
        """Remove every version of a name; return how many."""
        return self._execute(queries.DROP_NAME, (kind, scope, name)).rowcount

    def drop_scope(self, kind: str, scope: str) -> int:
        """Remove every row of a kind and scope; return how many."""
        return self._execute(queries.DROP_SCOPE, (kind, scope)).rowcount

    def set_value(self, name: str, value: bytes | None) -> None:
        """Set a named value, or remove it with None."""
        if value is None:
            self._execute(queries.DROP_VALUE, (name,))
        else:
            self._execute(queries.SET_VALUE, (name, value))

    def append_audit(self, row: AuditRow) -> None:
        """Add the next audit row.

        Raises:
            Damaged: its number is taken.
        """
        try:
            self._execute(queries.APPEND_AUDIT, (row.seq, row.at, row.epoch, row.sealed, row.mac))
        except sqlite3.IntegrityError as error:
            raise Damaged(f"audit record {row.seq} is there already") from error

    def prune_audit(self, upto: int) -> int:
        """Remove audit rows with a number <= `upto`; return how many."""
        return self._execute(queries.PRUNE_AUDIT, (upto,)).rowcount
