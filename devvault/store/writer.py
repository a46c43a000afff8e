"""The group commit: one thread that runs everybody's changes and shares one commit among them.

It takes whatever is queued, gives each change a savepoint of its own, commits once, and only then
wakes those who wait. It knows nothing of rows. Order is the order of arrival.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

from devvault.errors import DevvaultError, Unavailable
from devvault.store.faults import translated
from devvault.store.view import SqliteWriting

# Writers that share a commit; queued work that nobody waits for rides along.
_WAITING_LIMIT = 64
_BATCH_LIMIT = 1024
_BACKLOG_LIMIT = 1024
_SUBMIT_DELAY = 0.05
# As many gathered items as are written without waiting for that, and at once: a burst of them must
# not keep the interpreter from everybody else for long, and who waits for room waits for so many.
_GATHERED_LIMIT = 16
_RETRY_DELAY = 1.0
# How long the writer waits for those whom it has just woken to come back with their next change.
_GATHER_DELAY = 0.0005

Work = Callable[[SqliteWriting], object]
Gather = Callable[[SqliteWriting, list[Any]], object]
Alone = Callable[[sqlite3.Connection], bool]


class _Job:
    """One change in the queue: `work` runs in a batch, `alone` between two, until it is True."""

    __slots__ = (
        "alone",
        "done",
        "due",
        "error",
        "gather",
        "items",
        "result",
        "undone",
        "until",
        "work",
    )

    def __init__(
        self,
        work: Work | None = None,
        *,
        undone: Callable[[], None] | None = None,
        alone: Alone | None = None,
        until: float = 0.0,
    ) -> None:
        self.work = work
        self.undone = undone
        self.alone = alone
        self.until = until
        self.due = 0.0
        self.done: threading.Lock | None = None
        self.result: object = None
        self.error: BaseException | None = None
        self.gather: Gather | None = None
        self.items: list[Any] = []

    @classmethod
    def gathering(cls, gather: Gather) -> _Job:
        job = cls()
        job.gather = gather
        job.work = lambda view: gather(view, job.items)
        return job

    @property
    def weight(self) -> int:
        return len(self.items) or 1

    def finish(self) -> None:
        if self.done is not None:
            self.done.release()


class Writer:
    """Owns the one connection that changes the database, from its own thread alone."""

    def __init__(self, connection: sqlite3.Connection, prepare: Callable[[], None]) -> None:
        """`prepare` is called before the first batch, and after whatever ran alone."""
        self._connection = connection
        self._prepare = prepare
        self._prepared = False
        self._condition = threading.Condition()
        self._queue: deque[_Job] = deque()
        self._backlog = 0
        self._waiting = 0
        self._expected = 1
        self._closing = False
        self._broken: DevvaultError | None = None
        self._refused: Exception | None = None
        self._lost: DevvaultError | None = None
        self._thread = threading.Thread(target=self._run, name="devvault-writer", daemon=True)
        self._thread.start()

    @property
    def failed(self) -> Exception | None:
        """Why the last submitted work is not durable."""
        return self._refused or self._broken

    def run(self, work: Work, undone: Callable[[], None] | None = None) -> object:
        """Run `work` in the next batch; return its result once that is durable.

        `undone` is called where it is not, on this thread and before anything else is written.
        """
        return self._wait(_Job(work, undone=undone))

    def run_alone(self, work: Alone, patience: float) -> None:
        """Call `work` outside any transaction, between batches, until it returns True.

        Raises:
            Unavailable: it did not within `patience` seconds.
        """
        self._wait(_Job(alone=work, until=monotonic() + patience))

    def submit(self, work: Work) -> None:
        """Queue `work` for the next batch, at latest in 50 ms.

        Raises:
            Unavailable: the store is closed, or earlier work could not be written.
        """
        with self._condition:
            self._check_room()
            self._enqueue(_Job(work))

    def gather(self, gather: Gather, item: object) -> None:
        """Queue an item; `gather` is called once with all that were queued in a row.

        Raises:
            Unavailable: as `submit`.
        """
        with self._condition:
            self._check_room()
            last = self._queue[-1] if self._queue else None
            if last is None or last.gather is not gather or len(last.items) >= _GATHERED_LIMIT:
                last = _Job.gathering(gather)
                self._enqueue(last)
                self._backlog -= 1
            last.items.append(item)
            self._backlog += 1
            if len(last.items) == _GATHERED_LIMIT:
                self._queue[0].due = 0.0
                self._condition.notify_all()

    def _check_room(self) -> None:
        """Wait for room in the queue, and refuse where what is in it cannot be written."""
        if self._backlog >= _BACKLOG_LIMIT and not self._condition.wait_for(
            lambda: self._closing or self._backlog < _BACKLOG_LIMIT, 10.0
        ):
            raise Unavailable("too much waits to be written") from self.failed
        self._refuse_when_closing()
        if self.failed is not None:
            raise Unavailable(
                "earlier changes could not be written", hint="devvault doctor"
            ) from self.failed

    def _enqueue(self, job: _Job) -> None:
        job.due = monotonic() + _SUBMIT_DELAY
        self._queue.append(job)
        self._backlog += 1
        if len(self._queue) == 1:
            self._condition.notify_all()

    def flush(self) -> None:
        """Return once everything submitted so far is durable, or raise why it is not."""
        self._wait(_Job(_nothing))
        with self._condition:
            refused, self._refused = self._refused, None
        if isinstance(refused, DevvaultError):
            raise refused
        if refused is not None:
            raise Unavailable(
                f"a queued change was refused ({type(refused).__name__})"
            ) from refused

    def close(self) -> None:
        """Commit what is queued, end the thread, and close the connection.

        Raises:
            Unavailable: something submitted could not be written; it is lost.
        """
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        self._thread.join()
        self._connection.close()
        if self._lost is not None:
            raise self._lost

    def _refuse_when_closing(self) -> None:
        if self._closing:
            raise Unavailable("the store is closed")

    def _wait(self, job: _Job) -> object:
        assert threading.current_thread() is not self._thread, "a change inside a change"
        job.done = threading.Lock()
        job.done.acquire()
        with self._condition:
            self._refuse_when_closing()
            self._queue.append(job)
            self._backlog += 1
            self._waiting += 1
            if self._waiting == 1 or self._waiting >= self._expected:
                self._condition.notify_all()
        job.done.acquire()
        if job.error is not None:
            raise job.error
        return job.result

    def _run(self) -> None:
        batch: list[_Job] = []
        try:
            while batch := self._take():
                if batch[0].alone is not None:
                    self._try_alone(batch[0], batch[0].alone)
                else:
                    self._commit(batch)
        except BaseException as error:
            # A fault of ours must not leave anybody waiting for ever.
            with self._condition:
                self._closing = True
                self._lost = Unavailable("the store has stopped", hint="devvault daemon stop")
                self._lost.__cause__ = error
                batch += self._queue
                self._queue.clear()
                self._backlog = 0
                self._condition.notify_all()
            for job in batch:
                if job.done is not None and job.done.locked():
                    job.error = self._lost
                    job.finish()
            raise

    def _take(self) -> list[_Job]:
        """Wait for work and take a batch; an empty one means that it is over."""
        with self._condition:
            while not self._waiting and not self._closing:
                if not self._queue:
                    self._condition.wait()
                elif (left := self._queue[0].due - monotonic()) > 0:
                    self._condition.wait(left)
                else:
                    break
            if 0 < self._waiting < self._expected:
                self._condition.wait(_GATHER_DELAY)
            if self._broken is not None and (ahead := self._find_alone()) is not None:
                # It may be what makes room again, and must not wait for what has none.
                self._queue.remove(ahead)
                self._backlog -= 1
                self._waiting -= 1
                return [ahead]
            batch: list[_Job] = []
            waiting = taken = gathered = 0
            while self._queue and waiting < _WAITING_LIMIT and len(batch) < _BATCH_LIMIT:
                if batch and (self._queue[0].alone is not None or gathered >= _GATHERED_LIMIT):
                    break
                job = self._queue.popleft()
                waiting += job.done is not None
                taken += job.weight
                gathered += len(job.items)
                batch.append(job)
                if job.alone is not None:
                    break
            self._waiting -= waiting
            self._expected = waiting
            if self._backlog >= _BACKLOG_LIMIT:
                self._condition.notify_all()
            self._backlog -= taken
            return batch

    def _find_alone(self) -> _Job | None:
        return next((job for job in self._queue if job.alone is not None), None)

    def _try_alone(self, job: _Job, alone: Alone) -> None:
        self._prepared = False
        try:
            done = alone(self._connection)
        except sqlite3.Error as error:
            job.error = translated(error)
            job.error.__cause__ = error
        except Exception as error:  # noqa: BLE001  # it is raised where the caller waits
            job.error = error
        else:
            if not done and monotonic() < job.until:
                with self._condition:
                    self._queue.append(job)
                    self._backlog += 1
                    self._waiting += 1
                return
            if not done:
                job.error = Unavailable(
                    "another reader of the database does not let go of it",
                    hint="devvault daemon stop",
                )
        job.finish()

    def _commit(self, batch: list[_Job]) -> None:
        connection = self._connection
        view = SqliteWriting(connection)
        if not self._prepared:
            self._prepare()
            self._prepared = True
        try:
            connection.execute("BEGIN IMMEDIATE")
            kept = 0
            for job in batch:
                kept += self._run_job(view, job, only=len(batch) == 1)
            connection.execute("COMMIT" if kept else "ROLLBACK")
        except sqlite3.Error as error:
            view.end()
            self._fail(batch, error)
            return
        view.end()
        self._broken = None
        for job in batch:
            if job.done is not None:
                job.finish()
            elif isinstance(job.error, Exception):
                self._refused = job.error

    def _run_job(self, view: SqliteWriting, job: _Job, *, only: bool) -> bool:
        """Run one change; what it raises undoes it alone, unless it ended the transaction.

        The `only` one of a batch needs no savepoint: undoing it undoes the batch.
        """
        assert job.work is not None
        job.error = None
        if not only:
            self._connection.execute("SAVEPOINT job")
        try:
            job.result = job.work(view)
        except BaseException as error:  # it is raised where the caller waits
            if isinstance(error, sqlite3.Error):
                if not self._connection.in_transaction:
                    raise
                job.error = translated(error)
                job.error.__cause__ = error
            else:
                job.error = error
            if not only:
                self._connection.execute("ROLLBACK TO job")
            if job.undone is not None:
                job.undone()
        if not only:
            self._connection.execute("RELEASE job")
        return job.error is None

    def _fail(self, batch: list[_Job], error: sqlite3.Error) -> None:
        """Nothing of the batch happened: tell those who wait, keep what nobody waits for."""
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        for job in batch:
            if job.error is None and job.undone is not None:
                job.undone()
        with self._condition:
            kept = [job for job in batch if job.done is None]
            if kept:
                self._broken = translated(error)
                self._broken.__cause__ = error
            if self._closing:
                self._lost = self._lost or self._broken
            else:
                for job in reversed(kept):
                    job.due = monotonic() + _RETRY_DELAY
                    self._queue.appendleft(job)
                    self._backlog += job.weight
        for job in batch:
            if job.done is not None:
                if job.error is None:
                    job.error = translated(error)
                    job.error.__cause__ = error
                job.finish()


def _nothing(_: SqliteWriting) -> None:
    """Stand in the queue, so that all before it is written."""
