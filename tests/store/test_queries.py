"""Point look-ups go by the primary key, and SQLite does not plan them anew at each call."""

from __future__ import annotations

import sqlite3
import time

import pytest

from devvault.store import queries, schema

PLACE = ("secret", "shop", "a", "")


@pytest.fixture
def connection():
    made = sqlite3.connect(":memory:")
    for statements in schema.MIGRATIONS:
        for statement in statements:
            made.execute(statement)
    yield made
    made.close()


@pytest.mark.parametrize("name", ["FIND", "INDEX_OF", "BODY_OF", "DROP"])
def test_by_the_primary_key(connection, name):
    plan = connection.execute("EXPLAIN QUERY PLAN " + getattr(queries, name), PLACE).fetchall()
    assert "USING PRIMARY KEY (kind=? AND scope=? AND name=? AND version=?)" in plan[0][3]


def test_the_sign_costs_nothing_where_sqlite_would_not_plan_again(connection):
    def spent(statement: str) -> float:
        start = time.process_time()
        for _ in range(500):
            connection.execute(statement, PLACE).fetchall()
        return time.process_time() - start

    # With SQLite 3.40 it is a quarter of the time. The best of many: a busy machine only adds.
    with_sign = without = 10.0
    for _ in range(100):
        with_sign = min(with_sign, spent(queries.FIND))
        without = min(without, spent(queries.FIND.replace("+?", "?")))
        if with_sign < 1.5 * without:
            return
    pytest.fail(f"{with_sign} seconds with the sign, {without} without")
