"""SQLite's errors in plain words, as errors of ours."""

from __future__ import annotations

import sqlite3

from devvault.errors import Damaged, DevvaultError, Unavailable

_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})

_WORDS: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: ("the disk is full", "df -h"),
    sqlite3.SQLITE_IOERR: ("the disk refuses to read or write the database", "df -h"),
    sqlite3.SQLITE_READONLY: ("the database is on a read-only file system or folder", "mount"),
    sqlite3.SQLITE_CANTOPEN: ("the database cannot be opened in its folder", "devvault doctor"),
    sqlite3.SQLITE_PERM: ("the database may not be opened", "devvault doctor"),
    sqlite3.SQLITE_BUSY: ("another process writes to the database", "devvault daemon stop"),
    sqlite3.SQLITE_LOCKED: ("another process writes to the database", "devvault daemon stop"),
    sqlite3.SQLITE_PROTOCOL: ("another process writes to the database", "devvault daemon stop"),
    sqlite3.SQLITE_NOMEM: ("there is not enough memory for the database", "devvault doctor"),
}


def translated(error: sqlite3.Error) -> DevvaultError:
    """Return the error of ours that says what SQLite met; the text never holds stored bytes."""
    code = int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)) & 0xFF
    if code in _WORDS:
        message, hint = _WORDS[code]
        return Unavailable(message, hint=hint)
    if code in _DAMAGE or isinstance(error, sqlite3.OperationalError):
        # A statement that does not fit the tables, or text that is no UTF-8, means edited bytes.
        return Damaged("the database is damaged", hint="devvault restore FILE")
    return Damaged(
        f"the database refuses a change ({type(error).__name__})", hint="devvault doctor"
    )
