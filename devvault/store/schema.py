"""Tables and numbered migrations. A step is never changed once released; a new one is appended."""

from __future__ import annotations

import sqlite3

from devvault.errors import Damaged, Unavailable

# Marks the file as ours ("DvVt"), so that another SQLite file is not mistaken for a home.
APPLICATION_ID = 0x44765674

_FIRST = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE records (
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    state INTEGER NOT NULL,
    due INTEGER,
    generation INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (kind, scope, name, version)
) WITHOUT ROWID;
CREATE INDEX records_by_state ON records (kind, scope, state, name) WHERE version = '';
CREATE INDEX records_by_due ON records (kind, due) WHERE due IS NOT NULL;
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    mac BLOB NOT NULL
);
"""

MIGRATIONS: tuple[str, ...] = (_FIRST,)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest step, each step in a transaction of its own.

    Raises:
        Unavailable: a newer devvault wrote it.
        Damaged: it is a database of another program.
    """
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    (step,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if mark != APPLICATION_ID and (mark or step or tables):
        raise Damaged("the database in this home was not written by devvault")
    if step > len(MIGRATIONS):
        raise Unavailable(
            f"this home was written by a newer devvault (format {step})",
            code="NewerFormat",
            hint="pip install --upgrade devvault",
        )
    for number in range(step, len(MIGRATIONS)):
        connection.executescript(
            f"BEGIN IMMEDIATE;{MIGRATIONS[number]}"
            f"PRAGMA application_id={APPLICATION_ID};PRAGMA user_version={number + 1};COMMIT;"
        )
