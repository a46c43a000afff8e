"""The embedded store: one SQLite file in WAL mode, one writer, readers that never wait for it.

Every commit is synchronous; deleted bytes are overwritten; the files are 0600 and checked. One
process at a time: the daemon's lock sees to that, SQLite's own locks only guard against worse.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar, cast

from devvault.errors import Damaged, Unavailable
from devvault.paths import check_private
from devvault.store import queries, schema
from devvault.store.base import Identity, Row
from devvault.store.faults import translated
from devvault.store.view import SqliteReading, SqliteWriting, row_of
from devvault.store.writer import Work, Writer

T = TypeVar("T")

PATIENCE = 10.0
_IDLE_READERS = 16
_HEADER_SIZE = 100
_LOG_PAGES = 256
# Room for as many pages, and for the batch that passes that mark.
_LOG_SIZE = 2 * _LOG_PAGES * 4096
_AMPLE_ROOM = 256 * 1024 * 1024
_RESTORE = "devvault restore FILE"

_SETTINGS = (
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA secure_delete = ON",
    "PRAGMA synchronous = FULL",
    # macOS's fsync leaves bytes in the drive's cache; elsewhere these two do nothing.
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA busy_timeout = 5000",
    f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}",
    f"PRAGMA journal_size_limit = {4 * _LOG_SIZE}",
)


class SqliteStore:
    """A store in one file. Safe for any number of threads; `close` it before the process ends."""

    def __init__(self, path: Path, *, patience: float = PATIENCE) -> None:
        """Open or create the database; `patience` (seconds) is how long `truncate` tries.

        Raises:
            WrongUse: a file of it belongs to, or is open to, somebody else.
            Damaged: the file is not a sound devvault database.
            Unavailable: a newer devvault wrote it, or the folder or disk does not allow it.
        """
        self._path = path
        self._patience = patience
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        if not path.exists() and not path.is_symlink():
            _create(path)
        for file in (path, _beside(path, "-wal"), _beside(path, "-shm")):
            if file.exists() or file.is_symlink():
                check_private(file, folder=False)
        with _faults():
            self._writer = Writer(_open_for_writing(path), self._reserve_log)

    @property
    def failed(self) -> Exception | None:
        """Why the last submitted work is not durable, or None."""
        return self._writer.failed

    @contextmanager
    def read(self) -> Iterator[SqliteReading]:
        """Open a consistent view, on the calling thread; it begins with its first question."""
        with _faults():
            connection = self._reader()
            view = SqliteReading(connection)
            try:
                connection.execute("BEGIN")
                yield view
            finally:
                view.end()
                self._give_back(connection)

    def find_two(self, one: Identity, other: Identity) -> tuple[Row | None, Row | None]:
        """Return the rows with these two identities, as they are at one instant."""
        try:
            connection = self._reader()
            try:
                found = connection.execute(queries.FIND_TWO, (*one, *other)).fetchall()
            finally:
                self._give_back(connection)
        except sqlite3.Error as error:
            raise translated(error) from error
        rows = {each[:4]: row_of(each) for each in found}
        return rows.get(one), rows.get(other)

    def write(
        self, work: Callable[[SqliteWriting], T], undone: Callable[[], None] | None = None
    ) -> T:
        """Run `work` in a transaction and return its result once it is durable."""
        return cast("T", self._writer.run(work, undone))

    def submit(self, work: Work) -> None:
        """Queue `work` and return; it is committed with the next batch, within 50 ms."""
        self._writer.submit(work)

    def gather(self, gather: Callable[[SqliteWriting, list[T]], object], item: T) -> None:
        """Queue an item; `gather` gets all that were queued in a row, within 50 ms."""
        self._writer.gather(gather, item)

    def flush(self) -> None:
        """Return once everything submitted so far is durable."""
        self._writer.flush()

    def truncate(self) -> None:
        """Empty the write-ahead log, trying again until no reader is in the way.

        Raises:
            Unavailable: a reader stayed in the way for all of the store's patience.
        """
        self._writer.run_alone(_truncate, self._patience)

    def compact(self) -> None:
        """Rewrite the database so that no freed page holds old bytes, then `truncate`."""
        self._writer.run_alone(_compact, self._patience)
        self.truncate()

    def check(self) -> None:
        """Check the database's own structure.

        Raises:
            Damaged: it is not sound.
        """
        with _faults():
            connection = self._reader()
            try:
                (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
                (lost,) = connection.execute(queries.LOST_BODIES).fetchone()
            finally:
                self._give_back(connection)
        if found != "ok" or lost:
            raise Damaged("the database is damaged", hint=_RESTORE)

    def close(self) -> None:
        """Commit what is queued and close."""
        if self._closed:
            return
        self._closed = True
        while self._idle:
            self._idle.pop().close()
        with _faults():
            self._writer.close()

    def _reserve_log(self) -> None:
        """Fill an empty log with zeros, so that a commit overwrites and need not grow a file.

        SQLite takes zeros for a log without frames. A commit that grows its file costs the disk
        another write, of the file's size. Locks are on the other two files: this drops none.
        """
        log = _beside(self._path, "-wal")
        with suppress(OSError):
            room = os.statvfs(self._path.parent)
            if log.stat().st_size == 0 and room.f_bavail * room.f_frsize > _AMPLE_ROOM:
                with log.open("r+b") as file:
                    file.write(bytes(_LOG_SIZE))
                    file.flush()
                    os.fsync(file.fileno())

    def _reader(self) -> sqlite3.Connection:
        if self._closed:
            raise Unavailable("the store is closed")
        # pop() and append() of a list are atomic: two threads never get the same connection.
        with suppress(IndexError):
            return self._idle.pop()
        connection = _connect(self._path)
        connection.execute("PRAGMA cache_size = -1024")
        connection.execute("PRAGMA query_only = ON")
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if self._closed or len(self._idle) >= _IDLE_READERS:
            connection.close()
        else:
            self._idle.append(connection)


def open_store(path: Path) -> SqliteStore:
    """Open the database at `path`, or create it."""
    return SqliteStore(path)


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise translated(error) from error


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file that is there; never make one."""
    text = str(path.absolute())
    for mark, code in (("%", "%25"), ("?", "%3f"), ("#", "%23")):
        text = text.replace(mark, code)
    connection = sqlite3.connect(
        f"file:{text}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        for setting in _SETTINGS:
            connection.execute(setting)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(path: Path) -> None:
    """Make a new database under another name and move it into place whole.

    So a file of this name that is empty or has no tables is always damage, never a beginning.
    """
    if _beside(path, "-wal").exists():
        raise Damaged(f"{path} is gone, but its write-ahead log is there", hint=_RESTORE)
    new = _beside(path, ".new")
    try:
        for leftover in (new, _beside(new, "-journal")):
            leftover.unlink(missing_ok=True)
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
        with _faults():
            connection = _connect(new)
            try:
                schema.migrate(connection, 0)
            finally:
                connection.close()
        new.rename(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unavailable(
            f"cannot make the database {path}: {error.strerror}", hint="devvault doctor"
        ) from error


def _open_for_writing(path: Path) -> sqlite3.Connection:
    _check_whole(path, logged=_beside(path, "-wal"))
    connection = _connect(path)
    try:
        seen = schema.version_of(connection)
        _begin_log(connection, path)
        schema.migrate(connection, seen)
        schema.check_objects(connection)
        if connection.execute(queries.COMPACTING).fetchone():
            # Where the disk is still too full for it, the mark stays for the next time.
            with suppress(sqlite3.OperationalError):
                _compact(connection)
        _truncate(connection)
        for file in (path, _beside(path, "-wal"), _beside(path, "-shm")):
            check_private(file, folder=False)
    except BaseException:
        connection.close()
        raise
    return connection


def _begin_log(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise Unavailable(
            f"the folder of {path} does not carry a write-ahead log",
            hint="export DEVVAULT_HOME=/a/folder/on/a/local/disk",
        )


def _check_whole(path: Path, *, logged: Path) -> None:
    """Refuse a file that is shorter than its header says, where no log can account for that."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_SIZE)
            size = file.seek(0, os.SEEK_END)
        log = logged.stat().st_size if logged.exists() else 0
    except OSError as error:
        raise Unavailable(
            f"cannot read the database {path}: {error.strerror}", hint="devvault doctor"
        ) from error
    if len(header) < _HEADER_SIZE:
        raise Damaged(f"the database {path} is cut short", hint=_RESTORE)
    page = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    if not log and size < pages * (65536 if page == 1 else page):
        raise Damaged(f"the database {path} is cut short", hint=_RESTORE)


def _truncate(connection: sqlite3.Connection) -> bool:
    """Move the log into the database and empty it; False where a reader was in the way.

    The short wait is SQLite's own: while it lasts no write begins, so that readers run dry.
    """
    connection.execute("PRAGMA busy_timeout = 50")
    try:
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute("PRAGMA busy_timeout = 5000")
    return not busy


def _compact(connection: sqlite3.Connection) -> bool:
    """Give spare bodies back and rewrite the file; a kill in between is noticed at the next open.

    Removing bodies lets SQLite move others and leave copies of them: VACUUM must follow.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in queries.COMPACT:
            connection.execute(statement)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    connection.execute("VACUUM")
    connection.execute(queries.COMPACTED)
    return True
