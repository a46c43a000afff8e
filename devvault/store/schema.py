"""The tables of the embedded store, as numbered migrations.

A migration, once released, is never edited: a change is one more step at the end. `user_version`
is the number of steps that a database has seen; `application_id` says whose file it is.

Sealed bytes rest in `bodies` alone, which only grows at its end and is only changed in place, by
bytes of the same length. So SQLite never moves them to another page, and overwriting them leaves
no copy: `secure_delete` by itself forgets the copies that a b-tree leaves when it balances.
`spare` lists bodies of zeros that wait for new bytes; its size 0 marks an unfinished compaction.
"""

from __future__ import annotations

import sqlite3

from devvault.errors import Damaged, Unavailable

# "dvlt" as a big-endian number; file(1) and our own open() know the file by it.
APPLICATION_ID = 0x64766C74

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE bodies (
            id INTEGER NOT NULL PRIMARY KEY,
            data BLOB NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE spare (
            size INTEGER NOT NULL,
            body INTEGER NOT NULL,
            PRIMARY KEY (size, body)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE meta (
            name TEXT NOT NULL PRIMARY KEY,
            body INTEGER NOT NULL,
            size INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE records (
            kind TEXT NOT NULL,
            scope TEXT NOT NULL,
            name TEXT NOT NULL,
            version TEXT NOT NULL,
            state INTEGER NOT NULL,
            due INTEGER,
            generation INTEGER NOT NULL,
            body INTEGER NOT NULL,
            wrapped_size INTEGER NOT NULL,
            sealed_size INTEGER NOT NULL,
            PRIMARY KEY (kind, scope, name, version)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE INDEX records_listed ON records (kind, scope, state, name) WHERE version = ''
        """,
        """
        CREATE INDEX records_due ON records (kind, due) WHERE due IS NOT NULL
        """,
        """
        CREATE TABLE audit (
            seq INTEGER NOT NULL PRIMARY KEY,
            at INTEGER NOT NULL,
            epoch INTEGER NOT NULL,
            sealed BLOB NOT NULL,
            mac BLOB NOT NULL
        ) STRICT
        """,
    ),
)

VERSION = len(MIGRATIONS)

_OBJECTS = frozenset(
    {
        ("table", "bodies"),
        ("table", "spare"),
        ("table", "meta"),
        ("table", "records"),
        ("table", "audit"),
        ("index", "records_listed"),
        ("index", "records_due"),
    }
)


def version_of(connection: sqlite3.Connection) -> int:
    """Return how many steps a database has seen.

    Raises:
        Damaged: it is not a devvault database.
        Unavailable: a newer devvault made it.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID or version < 1:
        raise Damaged("the file is no devvault database", hint="devvault restore FILE")
    if version > VERSION:
        raise Unavailable(
            f"this home was written by a newer devvault (format {version}, known here: {VERSION})",
            code="NewerFormat",
            hint="pip install --upgrade devvault",
        )
    return int(version)


def migrate(connection: sqlite3.Connection, seen: int) -> None:
    """Take the steps that a database has not seen, all of them or none."""
    if seen >= VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in MIGRATIONS[seen:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def check_objects(connection: sqlite3.Connection) -> None:
    """Refuse a database that lacks a table of ours, or has a view or trigger that is not ours.

    Raises:
        Damaged: see above.
    """
    found = connection.execute(
        "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
    )
    objects = frozenset((str(kind), str(name)) for kind, name in found)
    if objects != _OBJECTS:
        odd = sorted(name for _, name in objects ^ _OBJECTS)
        raise Damaged(
            f"the database's tables are not devvault's (look at {', '.join(odd)})",
            hint="devvault restore FILE",
        )
