from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from devvault.errors import Damaged
from devvault.store import queries
from devvault.store.base import DELETED, LIVE, Row, Writing
from devvault.store.sqlite import SqliteStore

_INDEXED = {
    "FIND": "PRIMARY KEY (kind=? AND scope=? AND name=? AND version=?)",
    "PAGE": "records_listed (kind=? AND scope=? AND state=? AND name>?)",
    "VERSIONS": "PRIMARY KEY (kind=? AND scope=? AND name=? AND version>?)",
    "DUE": "records_due (kind=? AND due>? AND due<?)",
    "ROWS": "PRIMARY KEY ((kind,scope,name,version)>(?,?,?,?))",
    "BODIES_OF_NAME": "PRIMARY KEY (kind=? AND scope=? AND name=?)",
    "BODIES_OF_SCOPE": "PRIMARY KEY (kind=? AND scope=?)",
    "SPARE": "PRIMARY KEY (size=?)",
    "AUDIT_AFTER": "INTEGER PRIMARY KEY (rowid>?)",
    "AUDIT_BEFORE": "INTEGER PRIMARY KEY (rowid<?)",
    "AUDIT_ROW": "INTEGER PRIMARY KEY (rowid=?)",
}


@pytest.mark.parametrize("name", sorted(_INDEXED))
def test_every_question_goes_by_an_index_and_sorts_nothing(tmp_path: Path, name: str) -> None:
    SqliteStore(tmp_path / "vault.db").close()
    statement = getattr(queries, name)
    with closing(sqlite3.connect(tmp_path / "vault.db")) as connection:
        plan = [
            row[3]
            for row in connection.execute(
                "EXPLAIN QUERY PLAN " + statement, (0,) * statement.count("?")
            )
        ]
    assert _INDEXED[name] in plan[0]
    assert not [line for line in plan if "SCAN" in line]
    # `due` is sorted among equal times only: the index gives the times in order.
    assert not [line for line in plan if line == "USE TEMP B-TREE FOR ORDER BY"]


def test_a_record_whose_body_is_gone_is_damage_not_absence(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vault.db")
    store.write(lambda tx: tx.put(Row("secret", "v", "a", "", LIVE, None, 1, b"w", b"s")))
    store.write(lambda tx: tx.set_value("slot", b"1"))
    store.close()
    with closing(sqlite3.connect(tmp_path / "vault.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM bodies")
    store = SqliteStore(tmp_path / "vault.db")
    with store.read() as reading:
        for ask in (
            lambda: reading.find("secret", "v", "a"),
            lambda: list(reading.rows()),
            lambda: reading.value("slot"),
            lambda: reading.values(""),
        ):
            with pytest.raises(Damaged, match="lost its bytes"):
                ask()
    with pytest.raises(Damaged):
        store.check()
    store.close()


_names = st.sampled_from(["a", "b", "b-", "ba", "c", "Ünï", "z" * 127])
_versions = st.sampled_from(["", "1", "2", "f" * 32])
_kinds = st.sampled_from(["secret", "key"])
_scopes = st.sampled_from(["", "shop", "shop2"])
_bytes = st.one_of(st.binary(max_size=80), st.integers(0, 9000).map(lambda size: b"x" * size))
_rows = st.builds(
    Row,
    kind=_kinds,
    scope=_scopes,
    name=_names,
    version=_versions,
    state=st.sampled_from([LIVE, DELETED]),
    due=st.one_of(st.none(), st.integers(-5, 5)),
    generation=st.integers(1, 3),
    wrapped=_bytes,
    sealed=_bytes,
)


class AgainstADictionary(RuleBasedStateMachine):
    """The store does what a dictionary of rows would do."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.store = SqliteStore(Path(self.folder.name) / "vault.db")
        self.rows: dict[tuple[str, str, str, str], Row] = {}
        self.values: dict[str, bytes] = {}

    def teardown(self) -> None:
        self.store.check()
        self.store.close()
        self.folder.cleanup()

    @rule(rows=st.lists(_rows, min_size=1, max_size=8))
    def put(self, rows: list[Row]) -> None:
        self.store.write(lambda tx: [tx.put(row) for row in rows])
        for row in rows:
            self.rows[row.kind, row.scope, row.name, row.version] = row

    @rule(rows=st.lists(_rows, max_size=4), kind=_kinds, scope=_scopes)
    def undo(self, rows: list[Row], kind: str, scope: str) -> None:
        def work(tx: Writing) -> None:
            tx.drop_scope(kind, scope)
            for row in rows:
                tx.put(row)
            raise LookupError

        with pytest.raises(LookupError):
            self.store.write(work)

    @rule(kind=_kinds, scope=_scopes, name=_names, version=_versions)
    def drop(self, kind: str, scope: str, name: str, version: str) -> None:
        there = self.rows.pop((kind, scope, name, version), None) is not None
        assert self.store.write(lambda tx: tx.drop(kind, scope, name, version)) is there

    @rule(kind=_kinds, scope=_scopes, name=_names)
    def drop_name(self, kind: str, scope: str, name: str) -> None:
        keys = [key for key in self.rows if key[:3] == (kind, scope, name)]
        assert self.store.write(lambda tx: tx.drop_name(kind, scope, name)) == len(keys)
        for key in keys:
            del self.rows[key]

    @rule(kind=_kinds, scope=_scopes)
    def drop_scope(self, kind: str, scope: str) -> None:
        keys = [key for key in self.rows if key[:2] == (kind, scope)]
        assert self.store.write(lambda tx: tx.drop_scope(kind, scope)) == len(keys)
        for key in keys:
            del self.rows[key]

    @rule(name=_names, value=st.one_of(st.none(), _bytes))
    def set_value(self, name: str, value: bytes | None) -> None:
        self.store.submit(lambda tx: tx.set_value(name, value))
        self.store.flush()
        self.values.pop(name, None)
        if value is not None:
            self.values[name] = value

    @precondition(lambda self: self.rows)
    @rule()
    def compact(self) -> None:
        self.store.compact()

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = SqliteStore(Path(self.folder.name) / "vault.db")

    @rule(kind=_kinds, scope=_scopes, state=st.sampled_from([LIVE, DELETED]), after=_names)
    def ask(self, kind: str, scope: str, state: int, after: str) -> None:
        listed = sorted(
            row.name
            for row in self.rows.values()
            if (row.kind, row.scope, row.state, row.version) == (kind, scope, state, "")
        )
        due = sorted(
            row.due for row in self.rows.values() if row.kind == kind and row.due is not None
        )
        with self.store.read() as reading:
            page = reading.page(kind, scope, state=state, after=after, limit=3)
            assert [row.name for row in page] == [name for name in listed if name > after][:3]
            found = [row.due for row in reading.due(kind, 2, 99)]
            assert found == [moment for moment in due if moment <= 2]
            assert reading.count(kind, scope) == sum(key[:2] == (kind, scope) for key in self.rows)

    @invariant()
    def same(self) -> None:
        with self.store.read() as reading:
            assert list(reading.rows()) == [self.rows[key] for key in sorted(self.rows)]
            assert reading.values("") == self.values


TestAgainstADictionary = AgainstADictionary.TestCase
TestAgainstADictionary.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
)
