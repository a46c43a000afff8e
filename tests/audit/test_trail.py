from __future__ import annotations

import random
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devvault.audit.record import AuditRecord
from devvault.audit.trail import Trail
from devvault.errors import Damaged, NotFound
from devvault.store.base import Writing
from tests.audit.chains import HOME, START, Chain, a_chain, a_record, keys

LENGTH = 12


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return a_chain(tmp_path, LENGTH)


def test_a_chain_across_a_rekey_is_sound(chain: Chain) -> None:
    found = chain.verify(chain.anchor())
    assert (found.ok, found.checked, found.problems, found.head_seq) == (True, LENGTH, (), LENGTH)
    assert found.since is None


def test_an_empty_chain_is_sound(tmp_path: Path) -> None:
    found = Chain(tmp_path / "vault.db", Trail(keys, HOME, 1)).verify()
    assert (found.ok, found.checked, found.head_seq) == (True, 0, 0)


def test_pages_newest_first_or_in_order(chain: Chain) -> None:
    with chain.open() as store, store.read() as reading:
        newest = chain.trail.page(reading, before=None, after=None, limit=2)
        before = chain.trail.page(reading, before=11, after=None, limit=2)
        after = chain.trail.page(reading, before=None, after=4, limit=3)
    assert newest == [(12, a_record(12)), (11, a_record(11))]
    assert [seq for seq, _ in before] == [10, 9]
    assert after == [(5, a_record(5)), (6, a_record(6)), (7, a_record(7))]


def test_a_record_that_does_not_open_is_named(chain: Chain) -> None:
    chain.tamper("UPDATE audit SET sealed = zeroblob(80) WHERE seq = 5")
    with (
        chain.open() as store,
        store.read() as reading,
        pytest.raises(Damaged, match="audit record 5 does not open"),
    ):
        chain.trail.page(reading, before=None, after=4, limit=3)


def test_nothing_of_a_record_is_readable_in_the_file(chain: Chain) -> None:
    data = chain.path.read_bytes()
    assert b"SecretGet" not in data
    assert b"user 3" not in data


def test_times_keep_their_microseconds(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "vault.db", Trail(keys, HOME, 1))
    moments = [
        datetime(2262, 4, 11, 23, 47, 16, 854775, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 3, 29, 2, 30, 0, 1, tzinfo=UTC),
    ]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    with chain.open() as store:
        for moment in moments:
            record = a_record(1)._replace(time=moment)
            row = store.write(lambda tx, record=record: chain.trail.append(tx, record))  # type: ignore[misc]
            assert epoch + timedelta(microseconds=row.at) == moment
        with store.read() as reading:
            found = chain.trail.page(reading, before=None, after=0, limit=9)
    assert [record.time for _, record in found] == moments


def test_a_change_that_is_undone_leaves_no_gap(chain: Chain) -> None:
    def work(tx: Writing) -> None:
        chain.trail.append(tx, a_record(99))
        raise NotFound("no")

    with chain.open() as store:
        for number in (13, 14):
            with pytest.raises(NotFound):
                store.write(work)
            store.write(lambda tx, number=number: chain.trail.append(tx, a_record(number)))  # type: ignore[misc]
    found = chain.verify()
    assert (found.ok, found.head_seq) == (True, 14)


# -- tampering ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statements", "problem"),
    [
        (["UPDATE audit SET at = at + 1 WHERE seq = 5"], "record 5 was changed"),
        (["UPDATE audit SET epoch = 2 WHERE seq = 5"], "record 5 was changed"),
        (["UPDATE audit SET epoch = 1 WHERE seq = 9"], "record 9 was changed"),
        (["UPDATE audit SET epoch = 77 WHERE seq = 5"], "record 5 was changed"),
        (
            ["UPDATE audit SET sealed = CAST(sealed || x'00' AS BLOB) WHERE seq = 5"],
            "record 5 was changed",
        ),
        (["UPDATE audit SET sealed = x'' WHERE seq = 5"], "record 5 was changed"),
        (["UPDATE audit SET mac = zeroblob(32) WHERE seq = 5"], "record 5 was changed"),
        (["UPDATE audit SET mac = zeroblob(32) WHERE seq = 12"], "record 12 was changed"),
        (["UPDATE audit SET seq = 99 WHERE seq = 12"], "records 12 to 98 are missing"),
        (["UPDATE audit SET seq = -3 WHERE seq = 1"], "record -3 does not belong"),
        (["DELETE FROM audit WHERE seq = 1"], "record 1 is missing"),
        (["DELETE FROM audit WHERE seq = 5"], "record 5 is missing"),
        (["DELETE FROM audit WHERE seq BETWEEN 5 AND 7"], "records 5 to 7 are missing"),
        (
            ["DELETE FROM audit WHERE seq = 5", "UPDATE audit SET seq = seq - 1 WHERE seq > 5"],
            "record 5 was changed",
        ),
        (
            [
                "UPDATE audit SET seq = 50 WHERE seq = 5",
                "UPDATE audit SET seq = 5 WHERE seq = 6",
                "UPDATE audit SET seq = 6 WHERE seq = 50",
            ],
            "record 5 was changed",
        ),
        (
            ["INSERT INTO audit SELECT 13, at, epoch, sealed, mac FROM audit WHERE seq = 12"],
            "record 13 was changed, moved or put in",
        ),
        (
            ["INSERT INTO audit SELECT 0, at, epoch, sealed, mac FROM audit WHERE seq = 12"],
            "record 0 does not belong",
        ),
    ],
)
def test_tampering_is_found_and_its_place_is_told(
    chain: Chain, statements: list[str], problem: str
) -> None:
    chain.tamper(*statements)
    found = chain.verify()
    assert not found.ok
    assert any(problem in each for each in found.problems), found.problems


def test_one_edit_is_told_near_its_place_alone(chain: Chain) -> None:
    chain.tamper("UPDATE audit SET sealed = zeroblob(90) WHERE seq = 5")
    assert chain.verify().problems == ("record 5 was changed, moved or put in",)


def test_a_chain_of_another_home_does_not_pass(chain: Chain) -> None:
    chain.trail = Trail(keys, "f" * 32, 2)
    found = chain.verify()
    assert not found.ok
    assert len(found.problems) <= 20


def test_a_truncated_tail_and_an_older_copy_are_found_by_the_anchor(
    chain: Chain, tmp_path: Path
) -> None:
    anchor = chain.anchor()
    shutil.copy(chain.path, tmp_path / "copy.db")
    chain.append(13, 14)
    newer = chain.anchor()
    assert chain.verify(anchor).ok
    assert chain.compare(anchor) is None

    chain.tamper("DELETE FROM audit WHERE seq > 12")
    assert chain.verify().ok
    words = "ends at audit record 12, and had reached 14"
    assert words in chain.verify(newer).problems[0]
    assert words in (chain.compare(newer) or "")

    shutil.copy(tmp_path / "copy.db", chain.path)
    assert words in (chain.compare(newer) or "")
    chain.append(15, 16, 17)
    assert chain.verify().ok
    assert "another history" in (chain.compare(newer) or "")
    assert "another history" in chain.verify(newer).problems[0]


def test_a_planted_record_does_not_make_an_old_copy_new(chain: Chain, tmp_path: Path) -> None:
    shutil.copy(chain.path, tmp_path / "copy.db")
    chain.append(13, 14, 15)
    newer = chain.anchor()
    shutil.copy(tmp_path / "copy.db", chain.path)
    chain.tamper("INSERT INTO audit SELECT 900, at, epoch, sealed, mac FROM audit WHERE seq = 12")
    assert chain.compare(newer) == "its audit record 15 is missing"
    with chain.open() as store:
        body = b"x" * 32 + b'{"seq": 900, "mac": "00", "epoch": 1, "time": "2026-01-01T00:00:00"}'
        store.write(lambda tx: tx.set_value("audit.checkpoint", body))
    assert chain.compare(newer) == "the trail's checkpoint was changed"


def test_an_append_refuses_to_follow_a_planted_end(chain: Chain) -> None:
    chain.tamper("UPDATE audit SET seq = 9223372036854775807 WHERE seq = 12")
    with (
        chain.open() as store,
        pytest.raises(Damaged, match="was put in"),
    ):
        store.write(lambda tx: chain.trail.append(tx, a_record(13)))


# -- pruning --------------------------------------------------------------------------------


def test_pruning_leaves_a_chain_that_verifies_and_goes_on(chain: Chain) -> None:
    anchor = chain.anchor()
    assert chain.prune(8) == 8
    found = chain.verify(anchor)
    assert (found.ok, found.checked, found.head_seq, found.since) == (True, 4, 12, START)
    assert chain.prune(8) == 0
    assert chain.prune(3) == 0
    assert chain.prune(12) == 4
    found = chain.verify(anchor)
    assert (found.ok, found.checked, found.head_seq) == (True, 0, 12)
    chain.append(13, 14)
    found = chain.verify(anchor)
    assert (found.ok, found.checked, found.head_seq) == (True, 2, 14)
    assert chain.compare(anchor) is None
    assert chain.prune(13) == 1
    assert chain.compare(anchor) is None


def test_an_unsound_part_is_not_pruned(chain: Chain) -> None:
    chain.tamper("UPDATE audit SET at = at + 1 WHERE seq = 10")
    assert chain.prune(9) == 9
    with pytest.raises(Damaged, match="nothing of it is pruned"):
        chain.prune(11)
    with pytest.raises(Damaged):
        chain.prune(99)
    assert not chain.verify().ok


@pytest.mark.parametrize(
    "statements",
    [
        ["DELETE FROM meta WHERE name = 'audit.checkpoint'"],
        ["UPDATE bodies SET data = zeroblob(length(data))"],
        ["DELETE FROM audit WHERE seq = 9"],
        ["DELETE FROM audit"],
        ["INSERT INTO audit SELECT 8, at, epoch, sealed, mac FROM audit WHERE seq = 9"],
    ],
)
def test_tampering_with_a_pruned_chain_is_found(chain: Chain, statements: list[str]) -> None:
    anchor = chain.anchor()
    chain.prune(8)
    chain.tamper(*statements)
    assert not chain.verify(anchor).ok


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"seq": 8', b'"seq": 9'), (b'"epoch": 2', b'"epoch": 1'), (b"2026", b"2025")],
)
def test_an_edited_checkpoint_is_found(chain: Chain, old: bytes, new: bytes) -> None:
    chain.prune(8)
    with chain.open() as store:
        with store.read() as reading:
            kept = reading.value("audit.checkpoint")
        assert kept is not None
        assert old in kept
        store.write(lambda tx: tx.set_value("audit.checkpoint", kept.replace(old, new)))
    assert "the trail's checkpoint was changed" in chain.verify().problems


def test_an_older_checkpoint_does_not_hide_what_was_pruned_since(chain: Chain) -> None:
    chain.prune(4)
    with chain.open() as store, store.read() as reading:
        older = reading.value("audit.checkpoint")
    chain.prune(8)
    with chain.open() as store:
        store.write(lambda tx: tx.set_value("audit.checkpoint", older))
    assert "records 5 to 8 are missing" in chain.verify().problems


# -- any tampering at all -------------------------------------------------------------------


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    column=st.sampled_from(["at", "epoch", "sealed", "mac", "seq", "drop", "swap", "copy"]),
)
def test_any_change_of_one_row_of_a_random_chain_is_found(seed: int, column: str) -> None:
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        length = dice.randrange(3, 15)
        chain = a_chain(Path(folder), length)
        floor = dice.choice([0, 0, dice.randrange(length - 1)])
        chain.prune(floor)
        anchor = chain.anchor()
        assert chain.verify(anchor).ok
        seq = dice.randrange(floor + 1, length + 1)
        other = dice.choice([each for each in range(floor + 1, length + 2) if each != seq])
        with chain.open() as store, store.read() as reading:
            row = reading.audit_row(seq)
        assert row is not None
        if column in ("sealed", "mac"):
            data = bytearray(getattr(row, column))
            data[dice.randrange(len(data))] ^= dice.randrange(1, 256)
            chain.tamper(f"UPDATE audit SET {column} = x'{data.hex()}' WHERE seq = {seq}")
        elif column == "at":
            chain.tamper(f"UPDATE audit SET at = {dice.choice([0, row.at - 1])} WHERE seq = {seq}")
        elif column == "epoch":
            chain.tamper(f"UPDATE audit SET epoch = {3 - row.epoch} WHERE seq = {seq}")
        elif column == "seq":
            away = dice.choice([0, -1, length + 1, length + 1000])
            chain.tamper(f"UPDATE audit SET seq = {away} WHERE seq = {seq}")
        elif column == "drop":
            chain.tamper(f"DELETE FROM audit WHERE seq = {seq}")
        elif column == "swap":
            chain.tamper(
                f"UPDATE audit SET seq = 10000 WHERE seq = {seq}",
                f"UPDATE audit SET seq = {seq} WHERE seq = {other}",
                f"UPDATE audit SET seq = {other} WHERE seq = 10000",
            )
        else:
            chain.tamper(
                "INSERT OR REPLACE INTO audit SELECT"
                f" {other}, at, epoch, sealed, mac FROM audit WHERE seq = {seq}"
            )
        assert not chain.verify(anchor).ok


def test_a_record_in_an_unknown_form_is_damage(chain: Chain) -> None:
    class Odd(AuditRecord):
        def to_bytes(self) -> bytes:
            return b'["later"]'

    odd = Odd(START, "", "", "", 1, "", "", "")
    with chain.open() as store:
        store.write(lambda tx: chain.trail.append(tx, odd))
        with store.read() as reading, pytest.raises(Damaged, match="does not know"):
            chain.trail.page(reading, before=None, after=None, limit=1)
    assert chain.verify().ok


def test_progress_is_told(chain: Chain) -> None:
    told: list[tuple[int, int]] = []
    with chain.open() as store, store.read() as reading:
        chain.trail.verify(reading, None, lambda done, total: told.append((done, total)))
    assert told == [(LENGTH, LENGTH)]
