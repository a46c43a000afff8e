"""What a transaction on SQLite can ask and change: the Reading and Writing of store/base.py.

A view lives as long as its transaction: afterwards every question to it is refused. No statement
stays open between two calls, so nothing pins a snapshot longer than the view itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from devvault.errors import Damaged
from devvault.model.auditrow import AuditRow
from devvault.store import queries
from devvault.store.base import LIVE, Place, Row

_STRIDE = 256
_MANY = 200
_AUDITS = 64
_SMALLEST_STEP = 64


_Found: TypeAlias = tuple[str, str, str, str, int, int | None, int, int, int, bytes | None]


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
            raise _ended()
        return self._connection.execute(statement, values)

    def find(self, kind: str, scope: str, name: str, version: str = "") -> Row | None:
        """Return the row with this identity, or None."""
        found = self._execute(queries.FIND, (kind, scope, name, version)).fetchone()
        return None if found is None else row_of(found)

    def find_many(self, kind: str, places: Sequence[Place]) -> dict[Place, Row]:
        """Return the rows of a kind at these places, those that are there."""
        found: dict[Place, Row] = {}
        for start in range(0, len(places), _MANY):
            chunk = places[start : start + _MANY]
            values = [part for place in chunk for part in place]
            rows = self._execute(queries.find_many(len(chunk)), (*values, kind))
            for each in rows.fetchall():
                row = row_of(each)
                found[row.scope, row.name, row.version] = row
        return found

    def page(
        self, kind: str, scope: str, *, state: int = LIVE, after: str = "", limit: int
    ) -> list[Row]:
        """Return up to `limit` rows of a kind and scope, ordered by name, names > `after`."""
        found = self._execute(queries.PAGE, (kind, scope, state, after, limit))
        return [row_of(each) for each in found.fetchall()]

    def versions(
        self, kind: str, scope: str, name: str, *, after: str = "", limit: int
    ) -> list[Row]:
        """Return up to `limit` rows of one name, ordered by version, versions > `after`."""
        found = self._execute(queries.VERSIONS, (kind, scope, name, after, limit))
        return [row_of(each) for each in found.fetchall()]

    def due(self, kind: str, until: int, limit: int) -> list[Row]:
        """Return up to `limit` rows of a kind with `due` <= `until`, the longest due first."""
        found = self._execute(queries.DUE, (kind, until, limit))
        return [row_of(each) for each in found.fetchall()]

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
                yield row_of(each)
            if len(found) < _STRIDE:
                return
            last = found[-1][:4]

    def value(self, name: str) -> bytes | None:
        """Return a named value (format, slots, checkpoint), or None."""
        found = self._execute(queries.VALUE, (name,)).fetchone()
        return None if found is None else _cut(*found)

    def values(self, prefix: str) -> dict[str, bytes]:
        """Return the named values whose name begins so."""
        found = self._execute(queries.VALUES, (prefix,)).fetchall()
        return {name: _cut(size, data) for name, size, data in found}

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
        identity = (row.kind, row.scope, row.name, row.version)
        index = (row.state, row.due, row.generation, len(row.wrapped), len(row.sealed))
        old = self._execute(queries.INDEX_OF, identity).fetchone()
        body = self._keep(row.wrapped + row.sealed, None if old is None else old[0])
        if old != (body, *index):
            (state, due, generation, *sizes) = index
            self._execute(queries.PUT, (*identity, state, due, generation, body, *sizes))

    def drop(self, kind: str, scope: str, name: str, version: str = "") -> bool:
        """Remove a row; say whether it was there."""
        return self._drop(queries.BODY_OF, queries.DROP, (kind, scope, name, version)) > 0

    def drop_name(self, kind: str, scope: str, name: str) -> int:
        """Remove every version of a name; return how many."""
        return self._drop(queries.BODIES_OF_NAME, queries.DROP_NAME, (kind, scope, name))

    def drop_scope(self, kind: str, scope: str) -> int:
        """Remove every row of a kind and scope; return how many."""
        return self._drop(queries.BODIES_OF_SCOPE, queries.DROP_SCOPE, (kind, scope))

    def set_value(self, name: str, value: bytes | None) -> None:
        """Set a named value, or remove it with None."""
        if value is None:
            self._drop(queries.BODY_OF_VALUE, queries.DROP_VALUE, (name,))
            return
        old = self._execute(queries.BODY_OF_VALUE, (name,)).fetchone()
        body = self._keep(value, None if old is None else old[0])
        self._execute(queries.SET_VALUE, (name, body, len(value)))

    def _keep(self, data: bytes, old: int | None) -> int:
        """Write bytes into a body, that of the bytes they replace if it fits; return its id."""
        padded = data + bytes(_room(len(data)) - len(data))
        if old is not None:
            if self._execute(queries.BODY_OVERWRITE, (padded, old)).rowcount:
                return old
            self._clear(old)
        spare = self._execute(queries.SPARE, (len(padded),)).fetchone()
        if spare is not None:
            self._execute(queries.SPARE_TAKE, (len(padded), spare[0]))
            if self._execute(queries.BODY_OVERWRITE, (padded, spare[0])).rowcount:
                return int(spare[0])
        return int(self._execute(queries.BODY_APPEND, (padded,)).lastrowid or 0)

    def _clear(self, body: int) -> None:
        self._execute(queries.BODY_CLEAR, (body,))
        self._execute(queries.SPARE_PUT, (body,))

    def _drop(self, bodies: str, drop: str, what: tuple[str, ...]) -> int:
        for (body,) in self._execute(bodies, what).fetchall():
            self._clear(body)
        return self._execute(drop, what).rowcount

    def append_audit(self, row: AuditRow) -> None:
        """Add the next audit row.

        Raises:
            Damaged: its number is taken.
        """
        self.append_audits((row,))

    def append_audits(self, rows: Sequence[AuditRow]) -> None:
        """Add the next audit rows, in order.

        Raises:
            Damaged: the number of one is taken.
        """
        if self._connection is None:
            raise _ended()
        try:
            start = 0
            while start < len(rows):
                # Few sizes, each a power of two: a connection keeps every statement it has seen.
                size = min(_AUDITS, 1 << (len(rows) - start).bit_length() - 1)
                values = [part for row in rows[start : start + size] for part in row]
                self._connection.execute(queries.append_audits(size), values)
                start += size
        except sqlite3.IntegrityError as error:
            raise Damaged(f"audit record {rows[0].seq} or a later one is there already") from error

    def prune_audit(self, upto: int) -> int:
        """Remove audit rows with a number <= `upto`; return how many."""
        return self._execute(queries.PRUNE_AUDIT, (upto,)).rowcount


def _room(size: int) -> int:
    """Return the size of the body for so many bytes: few sizes, so that spare ones fit again."""
    step = max(_SMALLEST_STEP, 1 << max(0, size.bit_length() - 4))
    return max(step, -(-size // step) * step)


def row_of(found: _Found) -> Row:
    """Return the row that a statement found."""
    (kind, scope, name, version, state, due, generation, wrapped, sealed, data) = found
    if data is None:
        raise _lost_bytes()
    end = wrapped + sealed
    return Row(
        kind, scope, name, version, state, due, generation, data[:wrapped], data[wrapped:end]
    )


def _cut(size: int, data: bytes | None) -> bytes:
    if data is None:
        raise _lost_bytes()
    return data[:size]


def _ended() -> RuntimeError:
    return RuntimeError("this view of the store has ended")


def _lost_bytes() -> Damaged:
    return Damaged("a record in the database has lost its bytes", hint="devvault restore FILE")
