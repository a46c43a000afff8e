"""What every store must do: another engine inherits `StoreContract` and says how it is opened."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devvault.errors import Damaged, NotFound, Unavailable
from devvault.store.base import DELETED, LIVE, AuditRow, Row, Store, Writing
from devvault.store.sqlite import SqliteStore
from tests.waiting import LIMIT


def a_row(name: str = "db", version: str = "", **changes: object) -> Row:
    row = Row("secret", "shop", name, version, LIVE, None, 1, b"wrapped-" * 7, b"sealed " * 40)
    return row._replace(**changes)  # type: ignore[arg-type]


def put(store: Store, *rows: Row) -> None:
    def work(tx: Writing) -> None:
        for row in rows:
            tx.put(row)

    store.write(work)


class StoreContract:
    """Inherit it, and give `opened`: a store that keeps itself in a folder."""

    opened: Callable[[Path], Store]

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = self.opened(tmp_path)
        yield store
        store.close()

    def test_a_row_comes_back_as_it_was(self, store: Store) -> None:
        row = a_row(due=12, state=DELETED, generation=3, sealed=bytes(range(256)) * 150)
        put(store, row)
        with store.read() as reading:
            assert reading.find("secret", "shop", "db") == row
            assert reading.find("secret", "shop", "db", "v1") is None
            assert reading.find("secret", "other", "db") is None
            assert reading.find("key", "shop", "db") is None

    @pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 1000, 4096, 40_000, 1_000_000])
    def test_bytes_of_any_size_are_kept_exactly(self, store: Store, size: int) -> None:
        for data in (b"\0" * size, b"x" * size, b"x\0" * (size // 2)):
            put(store, a_row(wrapped=data[:100], sealed=data))
            with store.read() as reading:
                found = reading.find("secret", "shop", "db")
            assert found is not None
            assert (found.wrapped, found.sealed) == (data[:100], data)

    def test_put_replaces_the_row_with_its_identity_only(self, store: Store) -> None:
        put(store, a_row("a"), a_row("a", "v1"), a_row("b"))
        put(store, a_row("a", state=DELETED, due=5, generation=2, wrapped=b"", sealed=b"new"))
        with store.read() as reading:
            assert reading.find("secret", "shop", "a") == a_row(
                "a", state=DELETED, due=5, generation=2, wrapped=b"", sealed=b"new"
            )
            assert reading.find("secret", "shop", "a", "v1") == a_row("a", "v1")
            assert reading.count() == 3

    def test_many_are_found_as_each_would_be(self, store: Store) -> None:
        rows = [a_row(f"n{number}", v) for number in range(450) for v in ("", "a")]
        store.write(lambda writing: [writing.put(each) for each in rows])
        places = [(each.scope, each.name, each.version) for each in rows]
        with store.read() as reading:
            kind = rows[0].kind
            found = reading.find_many(kind, [*places, ("none", "n1", ""), (rows[0].scope, "x", "")])
            assert found == dict(zip(places, rows, strict=True))
            assert reading.find_many("other", places) == {}
            assert reading.find_many(kind, []) == {}

    def test_undone_is_called_where_nothing_came_of_the_work(self, store: Store) -> None:
        seen: list[str] = []

        def fail(writing: Writing) -> None:
            writing.put(a_row("gone"))
            raise KeyError("on purpose")

        with pytest.raises(KeyError):
            store.write(fail, lambda: seen.append("undone"))
        assert seen == ["undone"]
        store.write(lambda writing: writing.put(a_row("kept")), lambda: seen.append("wrong"))
        assert seen == ["undone"]

    def test_pages_are_in_order_and_complete(self, store: Store) -> None:
        names = [f"n{number:03d}" for number in range(57)]
        put(store, *(a_row(name) for name in reversed(names)))
        put(store, a_row("n000x", state=DELETED), a_row("n001", "v1"), a_row("n002", scope="tv"))
        seen: list[str] = []
        with store.read() as reading:
            while page := reading.page("secret", "shop", after=seen[-1] if seen else "", limit=10):
                seen += [row.name for row in page]
            gone = reading.page("secret", "shop", state=DELETED, limit=10)
        assert seen == names
        assert [row.name for row in gone] == ["n000x"]

    def test_order_is_that_of_code_points(self, store: Store) -> None:
        names = ["-", "0", "A", "Z", "a", "z", "ä", "日", "\U0001f511"]
        put(store, *(a_row(name) for name in reversed(names)))
        with store.read() as reading:
            assert [row.name for row in reading.page("secret", "shop", limit=99)] == names

    def test_versions_are_paged_without_the_row_that_has_none(self, store: Store) -> None:
        put(store, a_row("a"), *(a_row("a", f"v{number}") for number in range(5)), a_row("b", "v9"))
        with store.read() as reading:
            first = reading.versions("secret", "shop", "a", limit=3)
            rest = reading.versions("secret", "shop", "a", after="v2", limit=3)
        assert [row.version for row in first] == ["v0", "v1", "v2"]
        assert [row.version for row in rest] == ["v3", "v4"]

    def test_what_is_due_comes_longest_due_first(self, store: Store) -> None:
        put(
            store,
            a_row("a", due=30),
            a_row("b", due=10),
            a_row("c", due=20),
            a_row("d"),
            a_row("e", due=5, kind="key"),
        )
        with store.read() as reading:
            assert [row.name for row in reading.due("secret", 30, 2)] == ["b", "c"]
            assert [row.name for row in reading.due("secret", 20, 9)] == ["b", "c"]
            assert reading.due("secret", 9, 9) == []

    def test_counting(self, store: Store) -> None:
        put(store, a_row("a"), a_row("b", state=DELETED), a_row("a", "v1"), a_row("c", scope="tv"))
        put(store, a_row("k", kind="key"))
        with store.read() as reading:
            assert reading.count() == 5
            assert reading.count("secret") == 4
            assert reading.count("secret", "shop") == 3
            assert reading.count("secret", "shop", DELETED) == 1
            assert reading.count("secret", state=LIVE) == 3
            assert reading.count("nothing") == 0

    def test_rows_are_gone_through_in_order_and_may_be_replaced(self, store: Store) -> None:
        put(store, *(a_row(f"n{number:04d}") for number in range(600)))

        def work(tx: Writing) -> int:
            seen = 0
            for row in tx.rows():
                tx.put(row._replace(generation=2, sealed=row.sealed * 3))
                seen += 1
            return seen

        assert store.write(work) == 600
        with store.read() as reading:
            rows = list(reading.rows())
        assert [row.name for row in rows] == [f"n{number:04d}" for number in range(600)]
        assert {row.generation for row in rows} == {2}

    def test_dropping(self, store: Store) -> None:
        put(store, a_row("a"), a_row("a", "v1"), a_row("b"), a_row("c", scope="tv"))
        assert store.write(lambda tx: tx.drop("secret", "shop", "b")) is True
        assert store.write(lambda tx: tx.drop("secret", "shop", "b")) is False
        assert store.write(lambda tx: tx.drop_name("secret", "shop", "a")) == 2
        assert store.write(lambda tx: tx.drop_scope("secret", "tv")) == 1
        assert store.write(lambda tx: tx.drop_scope("secret", "tv")) == 0
        with store.read() as reading:
            assert list(reading.rows()) == []

    def test_values(self, store: Store) -> None:
        def work(tx: Writing) -> None:
            for name, value in (("slot.a", b"1"), ("slot.b", b""), ("slot_c", b"3"), ("s", b"4")):
                tx.set_value(name, value)
            tx.set_value("slot.a", b"other")
            tx.set_value("none", None)

        store.write(work)
        store.write(lambda tx: tx.set_value("s", None))
        with store.read() as reading:
            assert reading.value("slot.a") == b"other"
            assert reading.value("s") is None
            assert reading.values("slot.") == {"slot.a": b"other", "slot.b": b""}
            assert reading.values("") == {"slot.a": b"other", "slot.b": b"", "slot_c": b"3"}

    def test_audit_rows(self, store: Store) -> None:
        rows = [AuditRow(seq, 10 * seq, 1, b"s%d" % seq, b"m%d" % seq) for seq in range(1, 8)]
        with store.read() as reading:
            assert reading.audit_head() is None
        for row in rows:
            store.write(lambda tx, row=row: tx.append_audit(row))  # type: ignore[misc]
        with pytest.raises(Damaged):
            store.write(lambda tx: tx.append_audit(rows[3]))
        with store.read() as reading:
            assert reading.audit_head() == rows[-1]
            assert reading.audit_row(3) == rows[2]
            assert reading.audit_row(9) is None
            assert reading.audit_after(2, 3) == rows[2:5]
            assert reading.audit_before(4, 2) == [rows[2], rows[1]]
        assert store.write(lambda tx: tx.prune_audit(4)) == 4
        with store.read() as reading:
            assert reading.audit_after(0, 99) == rows[4:]

    def test_a_view_is_consistent_while_others_write(self, store: Store) -> None:
        put(store, a_row("a"))
        with store.read() as reading:
            assert reading.count() == 1
            put(store, a_row("b"))
            assert reading.count() == 1
        with store.read() as reading:
            assert reading.count() == 2

    def test_a_view_of_a_transaction_sees_its_own_changes(self, store: Store) -> None:
        def work(tx: Writing) -> list[str]:
            tx.put(a_row("a"))
            tx.drop("secret", "shop", "a")
            tx.put(a_row("b"))
            return [row.name for row in tx.page("secret", "shop", limit=9)]

        assert store.write(work) == ["b"]

    def test_a_view_ends_with_its_transaction(self, store: Store) -> None:
        with store.read() as reading:
            assert reading.count() == 0
        with pytest.raises(RuntimeError):
            reading.count()
        late: list[Writing] = []
        store.write(late.append)
        with pytest.raises(RuntimeError):
            late[0].put(a_row())

    def test_what_work_raises_undoes_it_and_is_raised_where_it_waits(self, store: Store) -> None:
        def work(tx: Writing) -> None:
            tx.put(a_row("lost"))
            tx.set_value("lost", b"1")
            raise NotFound("no such thing")

        with pytest.raises(NotFound, match="no such thing"):
            store.write(work)
        with store.read() as reading:
            assert reading.count() == 0
            assert reading.value("lost") is None

    def test_a_job_that_raises_undoes_only_itself(self, store: Store) -> None:
        gate = threading.Event()
        outcomes: dict[int, str] = {}

        def blocker(tx: Writing) -> None:
            gate.wait(LIMIT)

        def one(number: int) -> None:
            def work(tx: Writing) -> None:
                tx.put(a_row(f"n{number:02d}"))
                if number % 3 == 0:
                    raise NotFound("refused")

            try:
                store.write(work)
                outcomes[number] = "written"
            except NotFound:
                outcomes[number] = "refused"

        threads = [threading.Thread(target=store.write, args=(blocker,))]
        threads += [threading.Thread(target=one, args=(number,)) for number in range(30)]
        for thread in threads:
            thread.start()
        gate.set()
        for thread in threads:
            thread.join(LIMIT)
        with store.read() as reading:
            names = {row.name for row in reading.rows()}
        assert names == {f"n{number:02d}" for number in range(30) if number % 3}
        assert {number for number, word in outcomes.items() if word == "refused"} == set(
            range(0, 30, 3)
        )

    def test_what_is_submitted_is_there_after_a_flush_in_order(self, store: Store) -> None:
        for number in range(200):
            store.submit(lambda tx, number=number: tx.set_value("last", b"%d" % number))  # type: ignore[misc]
        store.flush()
        with store.read() as reading:
            assert reading.value("last") == b"199"
        assert store.failed is None

    def test_what_is_gathered_comes_in_order_and_overtakes_nothing(self, store: Store) -> None:
        calls: list[list[int]] = []

        def gather(tx: Writing, items: list[int]) -> None:
            calls.append(list(items))
            seen = tx.value("order") or b""
            tx.set_value("order", seen + b"".join(b"%d " % item for item in items))

        held, begun = threading.Event(), threading.Event()

        def hold(tx: Writing) -> None:
            begun.set()
            held.wait(LIMIT)

        thread = threading.Thread(target=store.write, args=(hold,))
        thread.start()
        begun.wait(LIMIT)
        for number in range(100):
            store.gather(gather, number)
        store.submit(lambda tx: tx.set_value("order", (tx.value("order") or b"") + b"- "))
        for number in range(100, 103):
            store.gather(gather, number)
        held.set()
        thread.join(LIMIT)
        store.flush()
        with store.read() as reading:
            order = (reading.value("order") or b"").split()
        assert order == [b"%d" % n for n in range(100)] + [b"-"] + [b"100", b"101", b"102"]
        assert [item for call in calls for item in call] == list(range(103))
        assert 3 <= len(calls) < 20

    def test_gathered_items_that_cannot_be_written_are_told(self, store: Store) -> None:
        def gather(tx: Writing, items: list[int]) -> None:
            raise Damaged("the chain is broken")

        store.gather(gather, 1)
        with pytest.raises(Damaged, match="the chain is broken"):
            store.flush()
        assert store.failed is None

    def test_two_rows_at_one_instant(self, store: Store) -> None:
        one, other = a_row("a"), a_row("b")
        put(store, one, other)

        def at(row: Row) -> tuple[str, str, str, str]:
            return row.kind, row.scope, row.name, row.version

        missing = ("secret", "shop", "nothing", "")
        assert store.find_two(at(one), at(other)) == (one, other)
        assert store.find_two(at(other), at(other)) == (other, other)
        assert store.find_two(missing, at(one)) == (None, one)
        assert store.find_two(missing, missing) == (None, None)

    def test_submitted_work_that_raises_is_told_by_the_next_flush(self, store: Store) -> None:
        def work(tx: Writing) -> None:
            tx.put(a_row("lost"))
            raise Damaged("the chain is broken")

        store.submit(work)
        store.submit(lambda tx: tx.put(a_row("kept")))
        with pytest.raises(Damaged, match="the chain is broken"):
            store.flush()
        store.flush()
        assert store.failed is None
        with store.read() as reading:
            assert [row.name for row in reading.rows()] == ["kept"]

    def test_it_is_all_there_when_opened_again(self, store: Store, tmp_path: Path) -> None:
        put(store, a_row("a"))
        store.submit(lambda tx: tx.put(a_row("b")))
        store.close()
        again = self.opened(tmp_path)
        with again.read() as reading:
            assert [row.name for row in reading.rows()] == ["a", "b"]
        again.close()

    def test_a_closed_store_refuses(self, store: Store) -> None:
        store.close()
        store.close()
        with pytest.raises(Unavailable):
            store.write(lambda tx: tx.put(a_row()))
        with pytest.raises(Unavailable):
            store.submit(lambda tx: tx.put(a_row()))
        with pytest.raises(Unavailable):
            store.gather(lambda tx, items: None, 1)
        with pytest.raises(Unavailable):
            store.find_two(("a", "b", "c", ""), ("a", "b", "c", ""))
        with pytest.raises(Unavailable), store.read():
            pass

    def test_upkeep_changes_nothing_that_can_be_seen(self, store: Store) -> None:
        put(store, *(a_row(f"n{number}") for number in range(50)))
        store.write(lambda tx: tx.drop("secret", "shop", "n7"))
        with store.read() as reading:
            before = list(reading.rows())
        store.truncate()
        store.compact()
        store.check()
        with store.read() as reading:
            assert list(reading.rows()) == before
        put(store, a_row("after"))
        store.check()


class TestSqlite(StoreContract):
    @staticmethod
    def opened(folder: Path) -> Store:
        return SqliteStore(folder / "vault.db")
