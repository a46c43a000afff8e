"""The statements of the store.

Every listing goes by key, never by offset: the last page costs what the first one does. Each
statement that lists or finds names the index it needs, so that no planner can pick another.
"""

from __future__ import annotations

_ROW = "kind, scope, name, version, state, due, generation, wrapped, sealed"
_AUDIT = "seq, at, epoch, sealed, mac"

FIND = f"SELECT {_ROW} FROM records WHERE kind = ? AND scope = ? AND name = ? AND version = ?"
PAGE = (
    f"SELECT {_ROW} FROM records INDEXED BY records_listed"
    " WHERE kind = ? AND scope = ? AND state = ? AND version = '' AND name > ?"
    " ORDER BY name LIMIT ?"
)
VERSIONS = (
    f"SELECT {_ROW} FROM records WHERE kind = ? AND scope = ? AND name = ? AND version > ?"
    " ORDER BY version LIMIT ?"
)
DUE = (
    f"SELECT {_ROW} FROM records INDEXED BY records_due"
    " WHERE kind = ? AND due IS NOT NULL AND due <= ? ORDER BY due, scope, name, version LIMIT ?"
)
ROWS = (
    f"SELECT {_ROW} FROM records WHERE (kind, scope, name, version) > (?, ?, ?, ?)"
    " ORDER BY kind, scope, name, version LIMIT ?"
)
PUT = (
    f"INSERT INTO records ({_ROW}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (kind, scope, name, version) DO UPDATE SET state = excluded.state,"
    " due = excluded.due, generation = excluded.generation, wrapped = excluded.wrapped,"
    " sealed = excluded.sealed"
)
DROP = "DELETE FROM records WHERE kind = ? AND scope = ? AND name = ? AND version = ?"
DROP_NAME = "DELETE FROM records WHERE kind = ? AND scope = ? AND name = ?"
DROP_SCOPE = "DELETE FROM records WHERE kind = ? AND scope = ?"

VALUE = "SELECT value FROM meta WHERE name = ?"
VALUES = (
    "SELECT name, value FROM meta WHERE name >= ?1 AND substr(name, 1, length(?1)) = ?1"
    " ORDER BY name"
)
SET_VALUE = (
    "INSERT INTO meta (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
DROP_VALUE = "DELETE FROM meta WHERE name = ?"

AUDIT_HEAD = f"SELECT {_AUDIT} FROM audit ORDER BY seq DESC LIMIT 1"
AUDIT_ROW = f"SELECT {_AUDIT} FROM audit WHERE seq = ?"
AUDIT_AFTER = f"SELECT {_AUDIT} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"
AUDIT_BEFORE = f"SELECT {_AUDIT} FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?"
APPEND_AUDIT = f"INSERT INTO audit ({_AUDIT}) VALUES (?, ?, ?, ?, ?)"
PRUNE_AUDIT = "DELETE FROM audit WHERE seq <= ?"


def count(
    kind: str | None, scope: str | None, state: int | None
) -> tuple[str, tuple[str | int, ...]]:
    """Return the statement that counts the rows which match what is given, and its values."""
    named = (("kind", kind), ("scope", scope), ("state", state))
    given = [(column, value) for column, value in named if value is not None]
    where = " AND ".join(f"{column} = ?" for column, _ in given) or "1"
    return f"SELECT COUNT(*) FROM records WHERE {where}", tuple(value for _, value in given)
