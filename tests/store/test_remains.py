"""What was dropped or replaced is in none of the database's files, whatever its size."""

from __future__ import annotations

import random
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from devvault.store import queries
from devvault.store.base import LIVE, Row, Writing
from devvault.store.sqlite import SqliteStore

_TOKEN = re.compile(rb"<([WSV])(\d{10})>")


def filled(tag: bytes, number: int, size: int) -> bytes:
    """Bytes that show whose they are at every place of themselves."""
    token = b"<%s%010d>" % (tag, number)
    return (token * (size // len(token) + 1))[:size]


def tokens(folder: Path) -> set[int]:
    found: set[int] = set()
    for file in folder.iterdir():
        found.update(int(token[2]) for token in _TOKEN.finditer(file.read_bytes()))
    return found


def a_row(name: str, version: str, number: int, size: int) -> Row:
    wrapped, sealed = filled(b"W", number, 61), filled(b"S", number, size)
    return Row("secret", "v", name, version, LIVE, None, 1, wrapped, sealed)


@pytest.mark.parametrize(
    "sizes",
    [(60, 200), (200, 500), (500, 1000), (900, 4000), (4000, 5000), (5000, 41_000), (60, 41_000)],
)
def test_dropped_and_replaced_bytes_are_gone_after_a_truncation(
    tmp_path: Path, sizes: tuple[int, int]
) -> None:
    dice = random.Random(repr(sizes))
    store = SqliteStore(tmp_path / "vault.db")
    live: dict[tuple[str, str], int] = {}
    slots: dict[str, int] = {}
    number = 0

    def change(tx: Writing) -> None:
        nonlocal number
        for _ in range(dice.randrange(1, 30)):
            number += 1
            chance = dice.random()
            if chance < 0.65 or not live:
                key = (f"n{dice.randrange(60):02d}", dice.choice(["", f"{dice.getrandbits(64):x}"]))
                tx.put(a_row(*key, number, dice.randint(*sizes)))
                live[key] = number
            elif chance < 0.85:
                name, version = dice.choice(list(live))
                assert tx.drop("secret", "v", name, version)
                del live[name, version]
            elif chance < 0.95:
                name, _ = dice.choice(list(live))
                tx.drop_name("secret", "v", name)
                for key in [key for key in live if key[0] == name]:
                    del live[key]
            else:
                slot = f"slot{dice.randrange(3)}"
                if slots.pop(slot, None) is None or dice.random() < 0.7:
                    tx.set_value(slot, filled(b"V", number, dice.randint(*sizes)))
                    slots[slot] = number
                else:
                    tx.set_value(slot, None)

    for _ in range(40):
        store.write(change)
        store.truncate()
        assert tokens(tmp_path) == {*live.values(), *slots.values()}
    store.compact()
    assert tokens(tmp_path) == {*live.values(), *slots.values()}
    with store.read() as reading:
        assert {(row.name, row.version) for row in reading.rows()} == set(live)
    store.check()
    store.close()
    assert tokens(tmp_path) == {*live.values(), *slots.values()}


def test_the_file_does_not_grow_with_changes_in_place(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db")
    dice = random.Random(5)

    def round_of(count: int) -> None:
        for number in range(count):
            row = a_row(f"n{number % 20}", "", number, dice.randint(300, 420))
            store.write(lambda tx, row=row: tx.put(row))  # type: ignore[misc]

    round_of(200)
    store.truncate()
    size = (tmp_path / "vault.db").stat().st_size
    round_of(400)
    store.truncate()
    assert (tmp_path / "vault.db").stat().st_size <= size * 1.3
    store.close()


def test_compacting_gives_the_room_back(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db")
    for number in range(60):
        store.write(
            lambda tx, number=number: tx.put(a_row(f"n{number}", "", number, 20_000))  # type: ignore[misc]
        )
    store.write(lambda tx: tx.drop_scope("secret", "v"))
    store.truncate()
    size = (tmp_path / "vault.db").stat().st_size
    store.compact()
    assert (tmp_path / "vault.db").stat().st_size < size / 10
    store.close()


def test_a_kill_within_a_compaction_is_made_good_at_the_next_open(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db")
    for number in range(60):
        row = a_row(f"n{number}", "", number, 400)
        store.write(lambda tx, row=row: tx.put(row))  # type: ignore[misc]
    store.write(lambda tx: [tx.drop("secret", "v", f"n{number}") for number in range(0, 60, 2)])
    store.close()
    with closing(sqlite3.connect(tmp_path / "vault.db", isolation_level=None)) as connection:
        connection.execute("BEGIN")
        for statement in queries.COMPACT:
            connection.execute(statement)
        connection.execute("COMMIT")
    store = SqliteStore(tmp_path / "vault.db")
    store.write(lambda tx: tx.drop_scope("secret", "v"))
    store.truncate()
    assert tokens(tmp_path) == set()
    store.close()
    with closing(sqlite3.connect(tmp_path / "vault.db")) as connection:
        assert connection.execute(queries.COMPACTING).fetchone() is None
