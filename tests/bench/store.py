"""The store against the disk it stands on, and against itself at other sizes and loads.

Every row is a ratio of medians of interleaved runs, so that a slow disk or machine cancels out.
"""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter

from devvault.audit.record import AuditRecord
from devvault.audit.trail import Trail
from devvault.sealing.master import Master
from devvault.store.base import LIVE, Row, Writing
from devvault.store.sqlite import SqliteStore
from tests.bench.measure import Row as Line

_HOME = "0" * 32
_MASTER = Master(_HOME, 1, b"k" * 32)
_WRITERS = 16
_NAMES = 100_000
_VERSIONS = 10
_FEW = 1_000
_PAGE = 25

Measured = tuple[str, float, float | None, str]


def rows() -> list[Line]:
    """Measure every row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            *(_line(found) for found in durable_write(Path(folder))),
            _line(sixteen_writers(Path(folder)), at_least=True),
            *(_line(found) for found in large_and_small(Path(folder))),
        ]


def _line(found: Measured, *, at_least: bool = False) -> Line:
    name, ratio, bound, words = found
    what, _, against = name.partition(" / ")
    figure, _, peer = words.partition(" / ")
    return Line(what, figure, f"{against}, {peer}", ratio, bound, at_least)


def _spent(work: Callable[[], object]) -> float:
    begun = perf_counter()
    work()
    return perf_counter() - begun


def _row(name: str, version: str = "") -> Row:
    kind = "secret.version" if version else "secret"
    return Row(kind, "bench", name, version, LIVE, None, 1, os.urandom(60), os.urandom(420))


def _record() -> AuditRecord:
    return AuditRecord(
        time=datetime.now(UTC),
        operation="SecretSet",
        resource="/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/bench",
        result="Success",
        status=200,
        oid="00000000-0000-0000-0000-000000000001",
        appid="00000000-0000-0000-0000-000000000002",
        name="developer",
        id="https://bench.vault.azure.net/secrets/name/version",
    )


def durable_write(folder: Path, rounds: int = 300) -> list[Measured]:
    """One new version, its pointer and its audit record, durable: against a bare fdatasync, and
    against SQLite by itself writing three rows of that size in one transaction."""
    store = SqliteStore(folder / "write.db")
    trail = Trail(_MASTER.audit_keys, _HOME, 1)
    file = os.open(folder / "plain", os.O_RDWR | os.O_CREAT, 0o600)
    block = os.urandom(8192)
    os.pwrite(file, block, 0)
    os.fsync(file)
    sync = os.fdatasync if hasattr(os, "fdatasync") else os.fsync

    def bare() -> None:
        os.pwrite(file, block, 0)
        sync(file)

    plain = sqlite3.connect(folder / "bare.db", isolation_level=None)
    plain.execute("PRAGMA journal_mode=WAL")
    plain.execute("PRAGMA synchronous=FULL")
    plain.execute("CREATE TABLE t (name TEXT PRIMARY KEY, data BLOB)")

    def three(number: int) -> None:
        plain.execute("BEGIN IMMEDIATE")
        for part in range(3):
            values = (f"{number}-{part}", block[:500])
            plain.execute("INSERT OR REPLACE INTO t VALUES (?, ?)", values)
        plain.execute("COMMIT")

    def write(rows: tuple[Row, Row], record: AuditRecord) -> None:
        def work(tx: Writing) -> None:
            for row in rows:
                tx.put(row)
            trail.append(tx, record)

        store.write(work)

    turns: list[tuple[float, float, float]] = []
    for number in range(rounds):
        name = f"n{number % 50}"
        rows, record = (_row(name), _row(name, f"{number:032x}")), _record()
        turns.append(
            (
                _spent(lambda rows=rows, record=record: write(rows, record)),  # type: ignore[misc]
                _spent(bare),
                _spent(lambda number=number: three(number)),  # type: ignore[misc]
            )
        )
    os.close(file)
    plain.close()
    store.close()
    ours, floor, base = (median(turn[place] for turn in turns) for place in range(3))
    return [
        (
            "durable set with its audit record / fdatasync of 8 KB",
            ours / floor,
            1.5,
            f"{ours * 1e6:.0f} us / {floor * 1e6:.0f} us",
        ),
        (
            "durable set with its audit record / SQLite alone, three rows",
            ours / base,
            None,
            f"{ours * 1e6:.0f} us / {base * 1e6:.0f} us",
        ),
    ]


def sixteen_writers(folder: Path, rounds: int = 7, writes: int = 320) -> Measured:
    """Writes a second of sixteen threads through the group commit, against one thread."""
    store = SqliteStore(folder / "writers.db")

    def run(threads: int, told: int) -> float:
        def write(thread: int) -> None:
            for number in range(writes // threads):
                row = _row(f"n{told}-{thread}-{number}")
                store.write(lambda tx, row=row: tx.put(row))  # type: ignore[misc]

        started = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
        begun = perf_counter()
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()
        return writes / (perf_counter() - begun)

    rates = [(run(_WRITERS, told), run(1, told + 1000)) for told in range(rounds)]
    store.close()
    many, one = median(rate[0] for rate in rates), median(rate[1] for rate in rates)
    return (
        "16 writers / 1 writer (at least)",
        many / one,
        2.5,
        f"{many:.0f} / {one:.0f} writes a second",
    )


def large_and_small(folder: Path, rounds: int = 1500) -> list[Measured]:
    """Get by name in a large store against a small one; its last page against its first."""
    large = _filled(folder / "large.db", _NAMES)
    small = _filled(folder / "small.db", _FEW)
    dice = random.Random(1)

    def get(store: SqliteStore, name: str) -> None:
        with store.read() as reading:
            pointer = reading.find("secret", "bench", name)
            assert pointer is not None
            version = f"{_VERSIONS - 1:032x}"
            assert reading.find("secret.version", "bench", name, version) is not None

    def page(after: str) -> None:
        with large.read() as reading:
            assert len(reading.page("secret", "bench", after=after, limit=_PAGE)) == _PAGE

    # The same names many times: both stores are asked for what their caches may hold.
    often_large = [_name(dice.randrange(_NAMES)) for _ in range(200)]
    often_small = [_name(dice.randrange(_FEW)) for _ in range(200)]
    gets = [
        (
            _spent(lambda: get(large, dice.choice(often_large))),
            _spent(lambda: get(small, dice.choice(often_small))),
        )
        for _ in range(rounds)
    ]
    last = _name(_NAMES - _PAGE - 1)
    pages = [(_spent(lambda: page(last)), _spent(lambda: page(""))) for _ in range(rounds)]
    large.close()
    small.close()
    big, little = median(pair[0] for pair in gets), median(pair[1] for pair in gets)
    end, start = median(pair[0] for pair in pages), median(pair[1] for pair in pages)
    return [
        (
            f"get by name, {_NAMES} x {_VERSIONS} / {_FEW} x {_VERSIONS}",
            big / little,
            1.5,
            f"{big * 1e6:.0f} us / {little * 1e6:.0f} us",
        ),
        (
            f"last page / first page of {_NAMES}",
            end / start,
            1.5,
            f"{end * 1e6:.0f} us / {start * 1e6:.0f} us",
        ),
    ]


def _name(number: int) -> str:
    return f"secret-{number:06d}"


def _filled(path: Path, names: int, stride: int = 2000) -> SqliteStore:
    store = SqliteStore(path)
    order = list(range(names))
    random.Random(2).shuffle(order)

    def work(tx: Writing, numbers: list[int]) -> None:
        for number in numbers:
            tx.put(_row(_name(number)))
            for version in range(_VERSIONS):
                tx.put(_row(_name(number), f"{version:032x}"))

    for start in range(0, names, stride):
        part = order[start : start + stride]
        store.write(lambda tx, part=part: work(tx, part))  # type: ignore[misc]
    store.truncate()
    return store
