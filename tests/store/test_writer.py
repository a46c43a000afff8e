from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from devvault.errors import Unavailable
from devvault.store.base import LIVE, Row, Writing
from devvault.store.sqlite import SqliteStore
from tests.waiting import LIMIT


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "vault.db")
    yield store
    store.close()


def a_row(name: str) -> Row:
    return Row("secret", "v", name, "", LIVE, None, 1, b"w", b"s")


def committed(store: SqliteStore) -> int:
    with store.read() as reading:
        return reading.count()


def test_those_who_wait_share_one_commit(store: SqliteStore) -> None:
    begun, gate = threading.Event(), threading.Event()

    def block(_: Writing) -> None:
        begun.set()
        gate.wait(LIMIT)

    blocked = threading.Thread(target=store.write, args=(block,))
    blocked.start()
    begun.wait(LIMIT)
    seen: list[int] = []

    def work(tx: Writing) -> None:
        # In one batch nobody sees another's change committed.
        seen.append(committed(store))
        tx.put(a_row(f"n{len(seen)}"))

    writers = [threading.Thread(target=store.write, args=(work,)) for _ in range(40)]
    for writer in writers:
        writer.start()
    while len(store._writer._queue) < 40:
        assert blocked.is_alive()
    gate.set()
    for thread in (blocked, *writers):
        thread.join(LIMIT)
    assert len(seen) == 40
    assert set(seen) == {0}
    assert committed(store) == 40


def test_submitted_work_is_written_without_anybody_asking(
    store: SqliteStore, tmp_path: Path
) -> None:
    done = threading.Event()
    store.submit(lambda tx: (tx.put(a_row("a")), done.set()))
    assert done.wait(LIMIT)
    store.truncate()
    with closing(sqlite3.connect(tmp_path / "vault.db")) as other:
        assert other.execute("SELECT COUNT(*) FROM records").fetchone() == (1,)


def test_submitted_work_rides_with_a_write(store: SqliteStore) -> None:
    store.submit(lambda tx: tx.put(a_row("a")))
    assert store.write(lambda tx: tx.find("secret", "v", "a") is not None)


def refuse_commits(connection: sqlite3.Connection, until: threading.Event) -> None:
    """Make every page that a commit needs one too many, until the event: a full disk."""
    if until.is_set():
        connection.execute("PRAGMA max_page_count = 1073741823")
    else:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")


def test_what_a_full_disk_refuses_is_told_kept_and_written_later(store: SqliteStore) -> None:
    room = threading.Event()
    store._writer.run_alone(lambda connection: refuse_commits(connection, room) is None, 1)
    big = Row("secret", "v", "big", "", LIVE, None, 1, b"w", b"s" * 200_000)
    with pytest.raises(Unavailable, match="the disk is full"):
        store.write(lambda tx: tx.put(big))
    assert store.failed is None
    store.submit(lambda tx: tx.put(big))
    with pytest.raises(Unavailable, match="the disk is full"):
        store.flush()
    assert isinstance(store.failed, Unavailable)
    with pytest.raises(Unavailable, match="earlier changes could not be written"):
        store.submit(lambda tx: tx.put(a_row("a")))
    with store.read() as reading:
        assert reading.count() == 0
    room.set()
    store._writer.run_alone(lambda connection: refuse_commits(connection, room) is None, 1)
    store.flush()
    assert store.failed is None
    with store.read() as reading:
        assert reading.find("secret", "v", "big") == big


def test_closing_over_a_full_disk_says_that_something_is_lost(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db")
    never = threading.Event()
    store._writer.run_alone(lambda connection: refuse_commits(connection, never) is None, 1)
    big = Row("secret", "v", "big", "", LIVE, None, 1, b"w", b"s" * 200_000)
    store.submit(lambda tx: tx.put(big))
    with pytest.raises(Unavailable, match="the disk is full"):
        store.close()


def test_closing_writes_what_waits_and_refuses_the_rest(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db")
    begun, gate = threading.Event(), threading.Event()
    outcomes: list[str] = []

    def block(tx: Writing) -> None:
        begun.set()
        gate.wait(LIMIT)
        tx.put(a_row("first"))

    def one(number: int) -> None:
        try:
            store.write(lambda tx: tx.put(a_row(f"n{number}")))
            outcomes.append(f"n{number}")
        except Unavailable:
            outcomes.append("refused")

    threads = [threading.Thread(target=store.write, args=(block,))]
    threads[0].start()
    begun.wait(LIMIT)
    threads += [threading.Thread(target=one, args=(number,)) for number in range(20)]
    for thread in threads[1:]:
        thread.start()
    while len(store._writer._queue) < 20:
        assert threads[0].is_alive()
    store.submit(lambda tx: tx.put(a_row("queued")))
    closer = threading.Thread(target=store.close)
    closer.start()
    gate.set()
    for thread in (*threads, closer):
        thread.join(LIMIT)
        assert not thread.is_alive()
    assert sorted(outcomes) == sorted(f"n{number}" for number in range(20))
    with pytest.raises(Unavailable, match="closed"):
        store.write(lambda tx: None)
    again = SqliteStore(tmp_path / "vault.db")
    with again.read() as reading:
        assert reading.count() == 22
    again.close()


def test_a_backlog_holds_back_those_who_submit(store: SqliteStore) -> None:
    done = threading.Event()

    def pour() -> None:
        for _ in range(20_000):
            store.submit(lambda tx: tx.set_value("a", b"1"))
        done.set()

    thread = threading.Thread(target=pour)
    thread.start()
    most = 0
    while not done.wait(0.001):
        most = max(most, len(store._writer._queue))
    thread.join(LIMIT)
    store.flush()
    assert most <= 8192


def test_a_fault_of_the_writer_leaves_nobody_waiting(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    def broken(batch: object) -> None:
        raise AssertionError("a bug of ours")

    monkeypatch.setattr(store._writer, "_commit", broken)
    with pytest.raises(Unavailable, match="the store has stopped"):
        store.write(lambda tx: None)
    with pytest.raises(Unavailable, match="closed"):
        store.write(lambda tx: None)
    with pytest.raises(Unavailable, match="the store has stopped"):
        store.close()


def test_an_interrupt_in_work_reaches_the_one_who_waits(store: SqliteStore) -> None:
    def work(tx: Writing) -> None:
        tx.put(a_row("a"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write(work)
    assert store.write(lambda tx: tx.count()) == 0
