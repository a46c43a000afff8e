"""The embedded default: SQLite in WAL mode, every acknowledged write on disk (`synchronous=FULL`).

One writer thread drains its queue into one commit: writers that arrive together share the cost of
one sync, and a job that fails undoes itself alone. Each reading thread has a connection of its own.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from devvault.errors import Damaged, DevvaultError, Unavailable
from devvault.paths import check_private
from devvault.store import queries
from devvault.store.base import LIVE, AuditRow, Row
from devvault.store.schema import migrate

T = TypeVar("T")

_BATCH = 64
_GRACE = 0.05
_CHUNK = 256
_TRUNCATE_SECONDS = 20.0
_BUSY_MS = 10_000


@dataclass(frozen=True, slots=True)
class _Job:
    """Work for the writer thread. `done` is None where nobody waits."""

    work: Callable[[_Writing], Any]
    done: Future[Any] | None = None


@dataclass(frozen=True, slots=True)
class _Alone:
    """Work on the writer's connection outside any transaction."""

    work: Callable[[sqlite3.Connection], Any]
    done: Future[Any]


class _Stop:
    """The last thing in the queue."""


def open_store(path: Path) -> SqliteStore:
    """Open the database, making it (0600) where there is none.

    Raises:
        Damaged: it is no database of ours, or not sound.
        Unavailable: it cannot be opened or written here, or a newer devvault wrote it.
    """
    return SqliteStore(path)


class _Reading:
    """A view through one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def find(self, kind: str, scope: str, name: str, version: str = "") -> Row | None:
        found = self._one(queries.FIND, (kind, scope, name, version))
        return None if found is None else Row(*found)

    def page(
        self, kind: str, scope: str, *, state: int = LIVE, after: str = "", limit: int
    ) -> list[Row]:
        return self._rows(queries.PAGE, (kind, scope, state, after, limit))

    def versions(
        self, kind: str, scope: str, name: str, *, after: str = "", limit: int
    ) -> list[Row]:
        return self._rows(queries.VERSIONS, (kind, scope, name, after, limit))

    def due(self, kind: str, until: int, limit: int) -> list[Row]:
        return self._rows(queries.DUE, (kind, until, limit))

    def count(
        self, kind: str | None = None, scope: str | None = None, state: int | None = None
    ) -> int:
        statement, given = queries.count(kind, scope, state)
        found = self._one(statement, given)
        return int(found[0]) if found else 0

    def rows(self) -> Iterator[Row]:
        place = ("", "", "", "")
        while chunk := self._rows(queries.NEXT, (*place, _CHUNK)):
            yield from chunk
            last = chunk[-1]
            place = (last.kind, last.scope, last.name, last.version)

    def value(self, name: str) -> bytes | None:
        found = self._one(queries.VALUE, (name,))
        return None if found is None else bytes(found[0])

    def values(self, prefix: str) -> dict[str, bytes]:
        found = self._all(queries.VALUES, (prefix, prefix))
        return {name: bytes(value) for name, value in found}

    def audit_head(self) -> AuditRow | None:
        found = self._one(queries.AUDIT_HEAD, ())
        return None if found is None else AuditRow(*found)

    def audit_row(self, seq: int) -> AuditRow | None:
        found = self._one(queries.AUDIT_ROW, (seq,))
        return None if found is None else AuditRow(*found)

    def audit_after(self, seq: int, limit: int) -> list[AuditRow]:
        return [AuditRow(*found) for found in self._all(queries.AUDIT_AFTER, (seq, limit))]

    def audit_before(self, seq: int, limit: int) -> list[AuditRow]:
        return [AuditRow(*found) for found in self._all(queries.AUDIT_BEFORE, (seq, limit))]

    def _rows(self, statement: str, given: tuple[Any, ...]) -> list[Row]:
        return [Row(*found) for found in self._all(statement, given)]

    def _one(self, statement: str, given: Any) -> Any:
        with _plain_errors():
            return self._connection.execute(statement, given).fetchone()

    def _all(self, statement: str, given: Any) -> list[Any]:
        with _plain_errors():
            return self._connection.execute(statement, given).fetchall()


class _Writing(_Reading):
    """An open transaction of the writer thread."""

    def put(self, row: Row) -> None:
        self._change(
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
        return self._change(queries.DROP, (kind, scope, name, version)) > 0

    def drop_name(self, kind: str, scope: str, name: str) -> int:
        return self._change(queries.DROP_NAME, (kind, scope, name))

    def drop_scope(self, kind: str, scope: str) -> int:
        return self._change(queries.DROP_SCOPE, (kind, scope))

    def set_value(self, name: str, value: bytes | None) -> None:
        if value is None:
            self._change(queries.DROP_VALUE, (name,))
        else:
            self._change(queries.SET_VALUE, (name, value))

    def append_audit(self, row: AuditRow) -> None:
        try:
            self._connection.execute(
                queries.AUDIT_APPEND, (row.seq, row.at, row.epoch, row.sealed, row.mac)
            )
        except sqlite3.IntegrityError as error:
            raise Damaged(f"audit record {row.seq} is already there") from error
        except sqlite3.Error as error:
            raise plain_error(error) from error

    def prune_audit(self, upto: int) -> int:
        return self._change(queries.AUDIT_PRUNE, (upto,))

    def _change(self, statement: str, given: tuple[Any, ...]) -> int:
        with _plain_errors():
            return self._connection.execute(statement, given).rowcount


class SqliteStore:
    """The store over one database file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._jobs: queue.SimpleQueue[_Job | _Alone | _Stop] = queue.SimpleQueue()
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._closed = False
        self._failed: DevvaultError | None = None
        _make_file(path)
        self._writer = self._connect(path)
        try:
            with _plain_errors():
                migrate(self._writer)
        except BaseException:
            self._writer.close()
            raise
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    # -- reading ----------------------------------------------------------------------------

    @contextmanager
    def read(self) -> Iterator[_Reading]:
        """Open a consistent view, on the calling thread; nested views share the outer one."""
        connection = self._reader()
        if connection.in_transaction:
            yield _Reading(connection)
            return
        with _plain_errors():
            connection.execute("BEGIN")
        try:
            yield _Reading(connection)
        finally:
            connection.rollback()

    def _reader(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            if self._closed:
                raise _closed()
            found = self._connect(self._path)
            with _plain_errors():
                found.execute("PRAGMA query_only=ON")
            self._local.connection = found
            with self._guard:
                self._readers.append(found)
        return found

    # -- writing ----------------------------------------------------------------------------

    def write(self, work: Callable[[_Writing], T]) -> T:
        """Run `work` in a transaction and return its result once it is durable."""
        done: Future[T] = Future()
        self._queue(_Job(work, done))
        return done.result()

    def submit(self, work: Callable[[_Writing], object]) -> None:
        """Queue `work` and return; it is durable with the next batch, within 50 ms."""
        if self._failed is not None:
            raise self._failed
        self._queue(_Job(work))

    def flush(self) -> None:
        """Return once everything submitted so far is durable."""
        self.write(lambda _writing: None)
        if self._failed is not None:
            raise self._failed

    def _queue(self, job: _Job | _Alone) -> None:
        with self._guard:
            if self._closed:
                raise _closed()
            self._jobs.put(job)

    def _run(self) -> None:
        while True:
            batch, other = self._gather()
            if batch:
                self._commit(batch)
            if other is None:
                continue
            if isinstance(other, _Stop):
                return
            try:
                with _plain_errors():
                    found = other.work(self._writer)
            except DevvaultError as error:
                other.done.set_exception(error)
            else:
                other.done.set_result(found)

    def _gather(self) -> tuple[list[_Job], _Alone | _Stop | None]:
        """Wait for work; take all there is, up to a batch, or up to what must run alone."""
        batch: list[_Job] = []
        until = 0.0
        waited_for = False
        while len(batch) < _BATCH:
            try:
                if not batch:
                    job = self._jobs.get()
                    until = time.monotonic() + _GRACE
                elif waited_for:
                    job = self._jobs.get_nowait()
                else:
                    # Records that nobody waits for stay for company, but not for long.
                    job = self._jobs.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if not isinstance(job, _Job):
                return batch, job
            batch.append(job)
            waited_for = waited_for or job.done is not None
        return batch, None

    def _commit(self, batch: list[_Job]) -> None:
        writing = _Writing(self._writer)
        outcomes: list[tuple[Future[Any] | None, Any, BaseException | None]] = []
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for job in batch:
                self._writer.execute("SAVEPOINT job")
                try:
                    outcomes.append((job.done, job.work(writing), None))
                except BaseException as error:  # noqa: BLE001  # handed to whoever waits
                    self._writer.execute("ROLLBACK TO job")
                    outcomes.append((job.done, None, error))
                self._writer.execute("RELEASE job")
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.rollback()
            failure = plain_error(error)
            outcomes = [(job.done, None, failure) for job in batch]
        failed: DevvaultError | None = None
        for done, result, problem in outcomes:
            if done is None:
                failed = failed or _as_failure(problem)
            elif problem is not None:
                done.set_exception(problem)
            else:
                done.set_result(result)
        self._failed = failed

    # -- upkeep -----------------------------------------------------------------------------

    def truncate(self) -> None:
        """Empty the write-ahead log, trying again until no reader is in the way."""
        until = time.monotonic() + _TRUNCATE_SECONDS
        pause = 0.001
        while not self._between_jobs(_checkpoint):
            if time.monotonic() > until:
                raise Unavailable(
                    "old pages are still in the write-ahead log: a reader does not finish",
                    hint="devvault daemon stop",
                )
            time.sleep(pause)
            pause = min(pause * 2, 0.1)

    def compact(self) -> None:
        """Rewrite the database so that no freed page holds old bytes, then `truncate`."""
        self._between_jobs(lambda connection: connection.execute("VACUUM"))
        self.truncate()

    def check(self) -> None:
        """Check the database's own structure."""
        connection = self._reader()
        with _plain_errors():
            found = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found[0] != "ok":
            raise Damaged(
                "the database file is not sound", hint="restore a backup: devvault restore FILE"
            )

    def close(self) -> None:
        """Commit what is queued and close; safe to repeat."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            self._jobs.put(_Stop())
        self._thread.join()
        with self._guard:
            readers, self._readers = self._readers, []
        for reader in readers:
            reader.close()
        self._writer.close()

    def _between_jobs(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """Run `act` on the writer thread outside any transaction."""
        done: Future[T] = Future()
        self._queue(_Alone(act, done))
        return done.result()

    def _connect(self, path: Path) -> sqlite3.Connection:
        with _plain_errors():
            connection = sqlite3.connect(
                path,
                timeout=_BUSY_MS / 1000,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=64,
            )
            try:
                for setting in _SETTINGS:
                    connection.execute(f"PRAGMA {setting}")
            except BaseException:
                connection.close()
                raise
        return connection


_SETTINGS = (
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",
    "temp_store=MEMORY",
    "mmap_size=0",
)


def plain_error(error: sqlite3.Error) -> DevvaultError:
    """Return SQLite's error as one of ours, in plain words."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT):
        return Damaged(
            "the database file is damaged", hint="restore a backup: devvault restore FILE"
        )
    words = _WORDS.get(code, f"the database cannot be used: {error}")
    return Unavailable(words, hint="devvault doctor")


_WORDS = {
    sqlite3.SQLITE_FULL: "the disk is full: nothing was written",
    sqlite3.SQLITE_IOERR: "the disk did not take the write: nothing was written",
    sqlite3.SQLITE_READONLY: "the home cannot be written (a read-only file or file system)",
    sqlite3.SQLITE_CANTOPEN: "the database in the home cannot be opened",
    sqlite3.SQLITE_PERM: "the database in the home may not be read",
    sqlite3.SQLITE_BUSY: "another program holds the database locked",
    sqlite3.SQLITE_LOCKED: "another program holds the database locked",
}


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise plain_error(error) from error


def _as_failure(problem: BaseException | None) -> DevvaultError | None:
    if problem is None or isinstance(problem, DevvaultError):
        return problem
    return Unavailable(f"a record could not be written: {type(problem).__name__}")


def _closed() -> Unavailable:
    return Unavailable("the vault is closing", code="Closing", hint="try again")


def _checkpoint(connection: sqlite3.Connection) -> bool:
    # A short wait: readers finish soon, and the writer must not stand still for one that does not.
    connection.execute("PRAGMA busy_timeout=50")
    try:
        (busy, _log, _moved) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    return not busy


def _make_file(path: Path) -> None:
    """Make the file with its mode before SQLite sees it: -wal and -shm inherit the mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Unavailable(
            f"the database in the home cannot be opened: {error.strerror}", hint="devvault doctor"
        ) from error
    check_private(path, folder=False)
