from __future__ import annotations

import os
import random
import shutil
import sqlite3
import stat
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

from devvault.errors import Damaged, DevvaultError, Unavailable, WrongUse
from devvault.store.base import LIVE, Row, Store
from devvault.store.sqlite import SqliteStore, open_store
from tests.waiting import LIMIT


def a_row(name: str, size: int = 300) -> Row:
    return Row("secret", "v", name, "", LIVE, None, 1, b"w" * 60, b"s" * size)


def made(path: Path, rows: int = 200) -> None:
    store = SqliteStore(path)
    store.write(lambda tx: [tx.put(a_row(f"n{number:04d}")) for number in range(rows)])
    store.close()


def test_the_register_opens_a_store(tmp_path: Path) -> None:
    store: Store = open_store(tmp_path / "vault.db")
    store.close()


def test_every_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = SqliteStore(tmp_path / "vault.db")
        store.write(lambda tx: tx.put(a_row("a")))
        with store.read() as reading:
            assert reading.count() == 1
        files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(old)
    assert files == {"vault.db": 0o600, "vault.db-wal": 0o600, "vault.db-shm": 0o600}
    assert [file.name for file in tmp_path.iterdir()] == ["vault.db"]


@pytest.mark.parametrize("name", ["vault.db", "vault.db-wal"])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, name: str) -> None:
    made(tmp_path / "vault.db")
    (tmp_path / name).touch()
    (tmp_path / name).chmod(0o640)
    with pytest.raises(WrongUse, match="can be read by other users"):
        SqliteStore(tmp_path / "vault.db")


def test_a_link_is_refused(tmp_path: Path) -> None:
    made(tmp_path / "real.db")
    (tmp_path / "vault.db").symlink_to(tmp_path / "real.db")
    with pytest.raises(WrongUse, match="not a plain file"):
        SqliteStore(tmp_path / "vault.db")
    (tmp_path / "dangling.db").symlink_to(tmp_path / "nothing.db")
    with pytest.raises(WrongUse, match="not a plain file"):
        SqliteStore(tmp_path / "dangling.db")


def test_odd_letters_in_the_path_are_letters(tmp_path: Path) -> None:
    folder = tmp_path / "a?mode=ro&x#y%41 ü"
    folder.mkdir()
    made(folder / "vault.db")
    assert [file.name for file in folder.iterdir()] == ["vault.db"]


def test_the_settings_hold_on_every_connection(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db")
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "temp_store": 2,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "mmap_size": 0,
    }
    found: list[dict[str, object]] = []

    def look(connection: sqlite3.Connection) -> bool:
        found.append(
            {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in expected}
        )
        return True

    store._writer.run_alone(look, 1)
    with store.read() as reading:
        reading.count()
    look(store._idle[0])
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store._idle[0].execute("DELETE FROM records")
    store.close()
    assert found == [expected, expected]


# -- damage ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 8192, b"x" * 50, b"hello, world\n" * 1000, b"SQLite format 3\0" * 300]
)
def test_a_file_that_is_no_database_is_damage(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "vault.db"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(Damaged):
        SqliteStore(path)
    assert path.read_bytes() == data


@pytest.mark.parametrize("kept", [0, 60, 100, 4096, 5000, 40_960, -1])
def test_a_file_that_is_cut_short_is_damage(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "vault.db"
    made(path)
    data = path.read_bytes()
    path.write_bytes(data[:kept])
    with pytest.raises(Damaged):
        SqliteStore(path)


def test_a_log_without_its_database_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "vault.db"
    path.with_name("vault.db-wal").write_bytes(b"x" * 5000)
    path.with_name("vault.db-wal").chmod(0o600)
    with pytest.raises(Damaged, match="is gone"):
        SqliteStore(path)
    assert not path.exists()


def test_flipped_bytes_are_damage_or_harmless_never_a_foreign_error(tmp_path: Path) -> None:
    path = tmp_path / "vault.db"
    made(path)
    data = path.read_bytes()
    dice = random.Random(3)
    damaged = 0
    for _ in range(120):
        broken = bytearray(data)
        start = dice.randrange(len(data))
        length = dice.choice([1, 8, 500])
        broken[start : start + length] = dice.randbytes(len(broken[start : start + length]))
        path.write_bytes(broken)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        try:
            store = SqliteStore(path)
        except DevvaultError:
            damaged += 1
            continue
        try:
            store.check()
            with store.read() as reading:
                rows = list(reading.rows())
            assert len(rows) <= 200
        except (Damaged, Unavailable):
            damaged += 1
        finally:
            store.close()
    assert damaged > 20


def test_leftovers_of_an_unfinished_beginning_are_swept(tmp_path: Path) -> None:
    (tmp_path / "vault.db.new").write_bytes(b"half")
    (tmp_path / "vault.db.new-journal").write_bytes(b"half")
    made(tmp_path / "vault.db")
    assert [file.name for file in tmp_path.iterdir()] == ["vault.db"]


# -- folders and disks ----------------------------------------------------------------------


def as_nobody(folder: Path) -> None:
    if os.geteuid() == 0:
        for file in (folder, *folder.iterdir()):
            os.chown(file, 65534, 65534)
        os.seteuid(65534)


def test_a_read_only_folder_is_told_in_one_sentence() -> None:
    root = Path(tempfile.mkdtemp())
    try:
        root.chmod(0o755)
        folder = root / "home"
        folder.mkdir(mode=0o700)
        made(folder / "vault.db")
        empty = root / "empty"
        empty.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(empty, 65534, 65534)
        folder.chmod(0o500)
        empty.chmod(0o500)
        as_nobody(folder)
        try:
            with pytest.raises(Unavailable, match="cannot make the database"):
                SqliteStore(empty / "vault.db")
            with pytest.raises(Unavailable) as refusal:
                SqliteStore(folder / "vault.db")
        finally:
            os.seteuid(os.getuid())
        assert "database" in refusal.value.message
        assert refusal.value.hint
    finally:
        for folder in (root / "home", root / "empty"):
            folder.chmod(0o700)
        shutil.rmtree(root)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot make the database"):
        SqliteStore(tmp_path / "nothing" / "vault.db")


def test_another_process_that_writes_is_told(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db")
    store._writer.run_alone(
        lambda connection: connection.execute("PRAGMA busy_timeout = 10") is not None, 1
    )
    with closing(sqlite3.connect(tmp_path / "vault.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="another process writes"):
            store.write(lambda tx: tx.put(a_row("a")))
        other.execute("ROLLBACK")
    store.write(lambda tx: tx.put(a_row("a")))
    store.close()


# -- the log --------------------------------------------------------------------------------


def log_size(folder: Path) -> int:
    return (folder / "vault.db-wal").stat().st_size


def test_truncation_waits_for_a_reader_and_lets_writers_pass(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db", patience=LIMIT)
    store.write(lambda tx: tx.put(a_row("a")))
    done = threading.Event()

    def truncate() -> None:
        store.truncate()
        done.set()

    with store.read() as reading:
        assert reading.count() == 1
        store.write(lambda tx: tx.put(a_row("b")))
        thread = threading.Thread(target=truncate)
        thread.start()
        for number in range(5):
            store.write(lambda tx, number=number: tx.put(a_row(f"n{number}")))  # type: ignore[misc]
        assert not done.is_set()
        assert log_size(tmp_path) > 0
        assert reading.count() == 1
    assert done.wait(LIMIT)
    thread.join(LIMIT)
    assert log_size(tmp_path) == 0
    store.close()


def test_truncation_gives_up_on_a_reader_that_stays(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db", patience=0.2)
    store.write(lambda tx: tx.put(a_row("a")))
    with store.read() as reading:
        assert reading.count() == 1
        store.write(lambda tx: tx.put(a_row("b")))
        with pytest.raises(Unavailable, match="does not let go"):
            store.truncate()
        store.write(lambda tx: tx.put(a_row("c")))
    store.truncate()
    assert log_size(tmp_path) == 0
    store.close()


def test_truncation_gets_through_a_crowd_of_readers_and_writers(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db", patience=LIMIT)
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            with store.read() as reading:
                reading.page("secret", "v", limit=25)

    def write(thread: int) -> None:
        while not stop.is_set():
            store.write(lambda tx: tx.put(a_row(f"n{thread}")))

    threads = [threading.Thread(target=read) for _ in range(4)]
    threads += [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            store.truncate()
    finally:
        stop.set()
        for thread in threads:
            thread.join(LIMIT)
    store.truncate()
    assert log_size(tmp_path) == 0
    store.close()


def test_connections_for_reading_are_few_and_all_closed(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db")
    store.write(lambda tx: tx.put(a_row("a")))
    together = threading.Barrier(40)

    def read() -> None:
        with store.read() as reading:
            together.wait(LIMIT)
            assert reading.count() == 1

    threads = [threading.Thread(target=read) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert len(store._idle) <= 16
    store.close()
    assert [file.name for file in tmp_path.iterdir()] == ["vault.db"]


def test_a_view_may_outlive_the_closing_of_the_store(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db")
    store.write(lambda tx: tx.put(a_row("a")))
    with store.read() as reading:
        assert reading.count() == 1
        store.close()
        assert reading.count() == 1
    made(tmp_path / "vault.db")


def test_a_commit_finds_room_in_the_log(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db")
    assert log_size(tmp_path) == 0
    sizes = set()
    for number in range(300):
        store.write(lambda tx, number=number: tx.put(a_row(f"n{number}")))  # type: ignore[misc]
        sizes.add(log_size(tmp_path))
    assert len(sizes) == 1
    store.truncate()
    assert log_size(tmp_path) == 0
    store.close()
