"""The statements that every engine shares. Paging is by key, never by offset."""

from __future__ import annotations

_ROW = "kind, scope, name, version, state, due, generation, wrapped, sealed"
_LINK = "seq, at, epoch, sealed, mac"

FIND = f"SELECT {_ROW} FROM records WHERE kind=? AND scope=? AND name=? AND version=?"
PAGE = (
    f"SELECT {_ROW} FROM records WHERE kind=? AND scope=? AND state=? AND version='' AND name>?"
    " ORDER BY name LIMIT ?"
)
VERSIONS = (
    f"SELECT {_ROW} FROM records WHERE kind=? AND scope=? AND name=? AND version>?"
    " ORDER BY version LIMIT ?"
)
DUE = f"SELECT {_ROW} FROM records WHERE kind=? AND due IS NOT NULL AND due<=? ORDER BY due LIMIT ?"
NEXT = (
    f"SELECT {_ROW} FROM records WHERE (kind, scope, name, version) > (?, ?, ?, ?)"
    " ORDER BY kind, scope, name, version LIMIT ?"
)
PUT = f"INSERT OR REPLACE INTO records ({_ROW}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
DROP = "DELETE FROM records WHERE kind=? AND scope=? AND name=? AND version=?"
DROP_NAME = "DELETE FROM records WHERE kind=? AND scope=? AND name=?"
DROP_SCOPE = "DELETE FROM records WHERE kind=? AND scope=?"

VALUE = "SELECT value FROM meta WHERE name=?"
VALUES = "SELECT name, value FROM meta WHERE substr(name, 1, length(?))=? ORDER BY name"
SET_VALUE = "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)"
DROP_VALUE = "DELETE FROM meta WHERE name=?"

AUDIT_HEAD = f"SELECT {_LINK} FROM audit ORDER BY seq DESC LIMIT 1"
AUDIT_ROW = f"SELECT {_LINK} FROM audit WHERE seq=?"
AUDIT_AFTER = f"SELECT {_LINK} FROM audit WHERE seq>? ORDER BY seq LIMIT ?"
AUDIT_BEFORE = f"SELECT {_LINK} FROM audit WHERE seq<? ORDER BY seq DESC LIMIT ?"
AUDIT_APPEND = f"INSERT INTO audit ({_LINK}) VALUES (?, ?, ?, ?, ?)"
AUDIT_PRUNE = "DELETE FROM audit WHERE seq<=?"


def count(kind: str | None, scope: str | None, state: int | None) -> tuple[str, list[object]]:
    """Return the statement that counts rows, and its arguments."""
    named = (("kind", kind), ("scope", scope), ("state", state))
    given = [(column, value) for column, value in named if value is not None]
    where = " AND ".join(f"{column}=?" for column, _ in given) or "1"
    return f"SELECT count(*) FROM records WHERE {where}", [value for _, value in given]
