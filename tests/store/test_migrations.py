from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from devvault.errors import Damaged, Unavailable
from devvault.store import schema
from devvault.store.sqlite import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "vault.db"
    SqliteStore(path).close()
    return path


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


def test_a_new_database_says_whose_and_how_new_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (schema.APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


def test_a_newer_database_is_refused_and_left_as_it_is(path: Path) -> None:
    execute(path, f"PRAGMA user_version = {schema.VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(Unavailable, match="written by a newer devvault") as refusal:
        SqliteStore(path)
    assert refusal.value.code == "NewerFormat"
    assert refusal.value.hint is not None
    assert path.read_bytes() == before


@pytest.mark.parametrize("statement", ["PRAGMA application_id = 7", "PRAGMA user_version = 0"])
def test_a_database_of_another_program_is_refused(path: Path, statement: str) -> None:
    execute(path, statement)
    with pytest.raises(Damaged, match="no devvault database"):
        SqliteStore(path)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE planted (x)",
        "CREATE VIEW planted AS SELECT 1",
        "CREATE TRIGGER planted AFTER DELETE ON audit BEGIN DELETE FROM records; END",
        "DROP TABLE audit",
        "DROP INDEX records_due",
    ],
)
def test_a_table_or_trigger_that_is_not_ours_is_refused(path: Path, statement: str) -> None:
    execute(path, statement)
    with pytest.raises(Damaged, match="tables are not devvault's"):
        SqliteStore(path)


def test_a_migration_that_fails_takes_no_step(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = (*schema.MIGRATIONS, ("CREATE TABLE later (x)", "CREATE TABLE later (x)"))
    monkeypatch.setattr(schema, "MIGRATIONS", more)
    monkeypatch.setattr(schema, "VERSION", len(more))
    with pytest.raises(Damaged):
        SqliteStore(path)
    monkeypatch.undo()
    SqliteStore(path).close()


def test_an_older_database_takes_the_steps_it_has_not_seen(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = (*schema.MIGRATIONS, ("ALTER TABLE audit ADD COLUMN note TEXT",))
    monkeypatch.setattr(schema, "MIGRATIONS", more)
    monkeypatch.setattr(schema, "VERSION", len(more))
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(more),)
        connection.execute("SELECT note FROM audit")
