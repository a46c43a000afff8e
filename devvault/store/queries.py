"""The statements of the store.

Every listing goes by key, never by offset: the last page costs what the first one does. Each
statement that lists or finds names the index it needs, so that no planner can pick another.

`version = +?`: the plain form makes SQLite prepare the statement anew at every call, because the
value might let it use the partial index; the sign says that it need not look.
"""

from __future__ import annotations

from functools import cache

_ROW = (
    "r.kind, r.scope, r.name, r.version, r.state, r.due, r.generation, r.wrapped_size,"
    " r.sealed_size, b.data"
)
_AUDIT = "seq, at, epoch, sealed, mac"
# A left join: a record whose body is gone is damage to be told, not a record that never was.
_BODY = "LEFT JOIN bodies AS b ON b.id = r.body"

FIND = (
    f"SELECT {_ROW} FROM records AS r {_BODY}"
    " WHERE r.kind = ? AND r.scope = ? AND r.name = ? AND r.version = +?"
)
# Two places at one instant, without a transaction around it.
FIND_TWO = f"{FIND} UNION ALL {FIND}"
PAGE = (
    f"SELECT {_ROW} FROM records AS r INDEXED BY records_listed {_BODY}"
    " WHERE r.kind = ? AND r.scope = ? AND r.state = ? AND r.version = '' AND r.name > ?"
    " ORDER BY r.name LIMIT ?"
)
VERSIONS = (
    f"SELECT {_ROW} FROM records AS r {_BODY}"
    " WHERE r.kind = ? AND r.scope = ? AND r.name = ? AND r.version > ?"
    " ORDER BY r.version LIMIT ?"
)
DUE = (
    f"SELECT {_ROW} FROM records AS r INDEXED BY records_due {_BODY}"
    " WHERE r.kind = ? AND r.due IS NOT NULL AND r.due <= ?"
    " ORDER BY r.due, r.scope, r.name, r.version LIMIT ?"
)
ROWS = (
    f"SELECT {_ROW} FROM records AS r {_BODY}"
    " WHERE (r.kind, r.scope, r.name, r.version) > (?, ?, ?, ?)"
    " ORDER BY r.kind, r.scope, r.name, r.version LIMIT ?"
)

INDEX_OF = (
    "SELECT body, state, due, generation, wrapped_size, sealed_size FROM records"
    " WHERE kind = ? AND scope = ? AND name = ? AND version = +?"
)
BODY_OF = "SELECT body FROM records WHERE kind = ? AND scope = ? AND name = ? AND version = +?"
BODIES_OF_NAME = "SELECT body FROM records WHERE kind = ? AND scope = ? AND name = ?"
BODIES_OF_SCOPE = "SELECT body FROM records WHERE kind = ? AND scope = ?"
PUT = (
    "INSERT INTO records (kind, scope, name, version, state, due, generation, body,"
    " wrapped_size, sealed_size) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (kind, scope, name, version) DO UPDATE SET state = excluded.state,"
    " due = excluded.due, generation = excluded.generation, body = excluded.body,"
    " wrapped_size = excluded.wrapped_size, sealed_size = excluded.sealed_size"
)
DROP = "DELETE FROM records WHERE kind = ? AND scope = ? AND name = ? AND version = +?"
DROP_NAME = "DELETE FROM records WHERE kind = ? AND scope = ? AND name = ?"
DROP_SCOPE = "DELETE FROM records WHERE kind = ? AND scope = ?"

# Never anything but these to `bodies`: see schema.py.
BODY_OVERWRITE = "UPDATE bodies SET data = ?1 WHERE id = ?2 AND length(data) = length(?1)"
BODY_APPEND = "INSERT INTO bodies (data) VALUES (?)"
BODY_CLEAR = "UPDATE bodies SET data = zeroblob(length(data)) WHERE id = ?"
SPARE = "SELECT body FROM spare WHERE size = ? LIMIT 1"
SPARE_PUT = "INSERT INTO spare (size, body) SELECT length(data), id FROM bodies WHERE id = ?"
SPARE_TAKE = "DELETE FROM spare WHERE size = ? AND body = ?"

COMPACTING = "SELECT 1 FROM spare WHERE size = 0"
COMPACT = (
    "DELETE FROM bodies WHERE id IN (SELECT body FROM spare WHERE size > 0)",
    "DELETE FROM spare",
    "INSERT INTO spare (size, body) VALUES (0, 0)",
)
COMPACTED = "DELETE FROM spare WHERE size = 0"
LOST_BODIES = (
    "SELECT (SELECT COUNT(*) FROM records WHERE body NOT IN (SELECT id FROM bodies))"
    " + (SELECT COUNT(*) FROM meta WHERE body NOT IN (SELECT id FROM bodies))"
)

VALUE = (
    "SELECT m.size, b.data FROM meta AS m LEFT JOIN bodies AS b ON b.id = m.body WHERE m.name = ?"
)
VALUES = (
    "SELECT m.name, m.size, b.data FROM meta AS m LEFT JOIN bodies AS b ON b.id = m.body"
    " WHERE m.name >= ?1 AND substr(m.name, 1, length(?1)) = ?1 ORDER BY m.name"
)
BODY_OF_VALUE = "SELECT body FROM meta WHERE name = ?"
SET_VALUE = (
    "INSERT INTO meta (name, body, size) VALUES (?, ?, ?)"
    " ON CONFLICT (name) DO UPDATE SET body = excluded.body, size = excluded.size"
)
DROP_VALUE = "DELETE FROM meta WHERE name = ?"

AUDIT_HEAD = f"SELECT {_AUDIT} FROM audit ORDER BY seq DESC LIMIT 1"
AUDIT_ROW = f"SELECT {_AUDIT} FROM audit WHERE seq = ?"
AUDIT_AFTER = f"SELECT {_AUDIT} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"
AUDIT_BEFORE = f"SELECT {_AUDIT} FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?"
PRUNE_AUDIT = "DELETE FROM audit WHERE seq <= ?"


def count(
    kind: str | None, scope: str | None, state: int | None
) -> tuple[str, tuple[str | int, ...]]:
    """Return the statement that counts the rows which match what is given, and its values."""
    named = (("kind", kind), ("scope", scope), ("state", state))
    given = [(column, value) for column, value in named if value is not None]
    where = " AND ".join(f"{column} = ?" for column, _ in given) or "1"
    return f"SELECT COUNT(*) FROM records WHERE {where}", tuple(value for _, value in given)


@cache
def append_audits(number: int) -> str:
    """Return the statement that adds that many audit rows.

    One step for many rows: at each step the writer lets others run, and must wait for them.
    """
    rows = ", ".join(["(?, ?, ?, ?, ?)"] * number)
    return f"INSERT INTO audit ({_AUDIT}) VALUES {rows}"


def find_many(number: int) -> str:
    """Return the statement that finds that many rows of one kind by scope, name and version."""
    places = ", ".join(["(?, ?, ?)"] * number)
    return (
        f"SELECT {_ROW} FROM (VALUES {places}) AS w CROSS JOIN records AS r {_BODY}"
        " WHERE r.kind = ? AND r.scope = w.column1 AND r.name = w.column2"
        " AND r.version = w.column3"
    )
