from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from devvault.access.principals import Caller
from devvault.errors import Conflict, Damaged, DevvaultError, Locked, NotFound, Stale, Unavailable
from devvault.vault.deleted import purge
from devvault.vault.gate import Gate
from devvault.vault.keeper import LOCKED, NEW, UNLOCKED, Keeper
from devvault.vault.opened import SourceChoice
from devvault.vault.rekeying import add_recovery, rekey, remove_recovery
from devvault.vault.secrets import delete_secret, get_secret, set_secret
from devvault.vault.upkeep import read_audit, verify_audit, verify_home

V = "my-vault"
Make = Callable[..., Keeper]


def quiet(_done: int, _total: int) -> None:
    return None


def files_under(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


def test_new_then_unlocked_then_locked(make_keeper: Make, choice: SourceChoice) -> None:
    keeper = make_keeper()
    assert keeper.state == NEW
    with pytest.raises(Unavailable) as caught:
        _ = keeper.gate
    assert caught.value.hint == "devvault init"
    assert keeper.init(choice)
    assert keeper.state == UNLOCKED
    assert not keeper.init(choice)
    gate = keeper.gate
    keeper.lock()
    assert keeper.state == LOCKED
    with pytest.raises(Locked):
        _ = keeper.gate
    with pytest.raises(Locked):
        keeper.open_gate()
    assert keeper.unlock() is not gate
    keeper.lock(remember=False)
    assert keeper.open_gate() is keeper.gate


def test_a_lock_is_remembered_over_a_restart(make_keeper: Make, choice: SourceChoice) -> None:
    first = make_keeper()
    first.init(choice)
    first.lock()
    first.close()
    second = make_keeper()
    with pytest.raises(Locked):
        second.open_gate()
    second.unlock()
    second.close()
    third = make_keeper()
    third.open_gate()
    assert third.state == UNLOCKED


def test_everything_is_there_after_a_restart(
    keeper: Keeper, make_keeper: Make, alice: Caller
) -> None:
    set_secret(keeper.gate, alice, V, "n", "value-1")
    keeper.close()
    again = make_keeper()
    assert get_secret(again.open_gate(), again.developer, V, "n").value == "value-1"
    assert again.developer == alice


def test_nothing_rests_in_clear(keeper: Keeper, alice: Caller, tmp_path: Path) -> None:
    set_secret(
        keeper.gate,
        alice,
        V,
        "n",
        "plain-value",
        content_type="plain-type",
        tags={"plain-tag": "x"},
    )
    key = keeper.opened.key
    keeper.close()
    everything = files_under(tmp_path / "home")
    for text in (b"plain-value", b"plain-type", b"plain-tag", b"alice", key, key.hex().encode()):
        assert text not in everything


def test_rekey_leaves_nothing_of_the_old(
    keeper: Keeper, make_keeper: Make, alice: Caller, tmp_path: Path
) -> None:
    gate = keeper.gate
    for number in range(30):
        set_secret(gate, alice, V, f"n{number}", f"value-{number}" * (number + 1) * 20)
    with gate.store.read() as reading:
        old = [(row.wrapped, row.sealed) for row in reading.rows()]
    seen: list[tuple[int, int]] = []
    assert rekey(keeper, alice, lambda done, total: seen.append((done, total))) == 2
    assert seen[-1][0] == seen[-1][1] == len(old)
    everything = files_under(tmp_path / "home")
    for wrapped, sealed in old:
        assert wrapped not in everything
        assert sealed[20:60] not in everything
    assert get_secret(gate, alice, V, "n7").value == "value-7" * 8 * 20
    assert verify_audit(gate, alice, None).ok
    keeper.close()
    again = make_keeper()
    assert get_secret(again.open_gate(), again.developer, V, "n7").value == "value-7" * 8 * 20
    assert verify_audit(again.gate, again.developer, None).ok


def test_a_failed_rekey_changes_nothing(keeper: Keeper, make_keeper: Make, alice: Caller) -> None:
    gate = keeper.gate
    set_secret(gate, alice, V, "n", "1")

    def fail(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rekey(keeper, alice, fail)
    assert get_secret(gate, alice, V, "n").value == "1"
    set_secret(gate, alice, V, "n", "2")
    keeper.close()
    again = make_keeper()
    assert get_secret(again.open_gate(), again.developer, V, "n").value == "2"
    assert again.gate.records.generation == 1


def test_an_orphaned_next_key_is_forgotten(
    keeper: Keeper, make_keeper: Make, alice: Caller
) -> None:
    source = keeper.opened.source
    home = keeper.gate.home
    source.protect(home, 2, b"x" * 32)
    assert sorted(source.generations(home)) == [1, 2]
    keeper.close()
    make_keeper().open_gate()
    assert source.generations(home) == [1]


def test_an_older_database_is_served_read_only(
    keeper: Keeper, make_keeper: Make, alice: Caller, tmp_path: Path
) -> None:
    root = tmp_path / "home"
    set_secret(keeper.gate, alice, V, "n", "old")
    keeper.close()
    shutil.copy(root / "vault.db", tmp_path / "yesterday.db")
    second = make_keeper()
    set_secret(second.open_gate(), second.developer, V, "n", "new")
    second.close()
    shutil.copy(tmp_path / "yesterday.db", root / "vault.db")
    third = make_keeper()
    gate = third.open_gate()
    assert gate.stale is not None
    assert get_secret(gate, third.developer, V, "n").value == "old"
    with pytest.raises(Stale) as caught:
        set_secret(gate, third.developer, V, "n", "x")
    assert "accept-restore" in (caught.value.hint or "")
    with pytest.raises(Stale):
        rekey(third, third.developer, quiet)
    third.close()
    fourth = make_keeper()
    assert fourth.open_gate().stale is not None
    fourth.accept_restore(fourth.developer)
    set_secret(fourth.gate, fourth.developer, V, "n", "x")
    operations = [record.operation for _, record in read_audit(fourth.gate, fourth.developer)]
    assert "HomeAcceptRestore" in operations
    fourth.close()
    assert make_keeper().open_gate().stale is None


def test_a_database_of_another_home(
    keeper: Keeper, make_keeper: Make, alice: Caller, tmp_path: Path
) -> None:
    keeper.close()
    other = make_keeper(tmp_path / "other")
    other.init(SourceChoice("file", str(tmp_path / "other-key")))
    other.close()
    shutil.copy(tmp_path / "other" / "vault.db", tmp_path / "home" / "vault.db")
    with pytest.raises(Damaged, match="another home"):
        make_keeper().open_gate()


def test_the_wrong_key_file(keeper: Keeper, make_keeper: Make, tmp_path: Path) -> None:
    keeper.close()
    (tmp_path / "key").unlink()
    with pytest.raises(DevvaultError) as caught:
        make_keeper().open_gate()
    assert isinstance(caught.value, NotFound | Unavailable | Locked)
    assert caught.value.hint


def test_recovery(keeper: Keeper, make_keeper: Make, alice: Caller, tmp_path: Path) -> None:
    set_secret(keeper.gate, alice, V, "n", "1")
    text = add_recovery(keeper, alice)
    rekey(keeper, alice, quiet)
    keeper.close()
    for file in tmp_path.glob("key*"):
        file.unlink()
    again = make_keeper()
    with pytest.raises(DevvaultError):
        again.open_gate()
    again.unlock(recovery=text.lower().replace("-", " "))
    assert get_secret(again.gate, again.developer, V, "n").value == "1"
    again.close()
    third = make_keeper()
    third.open_gate()
    remove_recovery(third, third.developer)
    with pytest.raises(NotFound):
        remove_recovery(third, third.developer)
    third.lock()
    with pytest.raises(NotFound):
        third.unlock(recovery=text)


def test_a_passphrase(make_keeper: Make) -> None:
    keeper = make_keeper()
    keeper.init(SourceChoice("passphrase", passphrase=b"correct horse"))
    rekey(keeper, keeper.developer, quiet)
    keeper.lock()
    with pytest.raises(Locked):
        keeper.unlock(b"wrong")
    with pytest.raises(Locked):
        keeper.unlock()
    keeper.unlock(b"correct horse")
    assert keeper.state == UNLOCKED
    with pytest.raises(Conflict):
        keeper.init(SourceChoice("file", "/somewhere"))


def test_every_operation_and_refusal_is_in_the_trail(keeper: Keeper, alice: Caller) -> None:
    gate = keeper.gate
    set_secret(gate, alice, V, "n", "1")
    get_secret(gate, alice, V, "n")
    with pytest.raises(NotFound):
        get_secret(gate, alice, V, "nope")
    found = [(record.operation, record.status, record.oid) for _, record in read_audit(gate, alice)]
    assert found[:4] == [
        ("SecretGet", 404, alice.oid),
        ("SecretGet", 200, alice.oid),
        ("SecretSet", 200, alice.oid),
        ("VaultPut", 200, alice.oid),
    ]
    assert found[-1][0] == "HomeInit"
    numbers = [seq for seq, _ in read_audit(gate, alice)]
    assert numbers == sorted(numbers, reverse=True)


@pytest.mark.parametrize("column", ["state", "due", "generation", "wrapped", "sealed"])
def test_verify_finds_an_edited_row(keeper: Keeper, alice: Caller, column: str) -> None:
    gate = keeper.gate
    made = set_secret(gate, alice, V, "n", "1")
    assert verify_audit(gate, alice, None).ok
    with gate.store.read() as reading:
        row = reading.find("secret.version", V, "n", made.version)
    assert row is not None
    values = {"state": 1, "due": 5, "generation": 7, "wrapped": b"x" * 60, "sealed": b"y" * 90}
    gate.store.write(lambda writing: writing.put(row._replace(**{column: values[column]})))
    found = verify_audit(gate, alice, None)
    assert not found.ok
    assert len(found.problems) == 1


def test_verify_finds_a_missing_version(keeper: Keeper, alice: Caller) -> None:
    gate = keeper.gate
    made = set_secret(gate, alice, V, "n", "1")
    gate.store.write(lambda writing: writing.drop("secret.version", V, "n", made.version))
    found = verify_audit(gate, alice, None)
    assert not found.ok
    assert "is missing" in found.problems[0]


def test_a_reader_in_the_way_only_puts_erasing_off(keeper: Keeper, alice: Caller) -> None:
    gate = keeper.gate
    gate.store._patience = 0.05
    set_secret(gate, alice, V, "n", "1")
    delete_secret(gate, alice, V, "n")
    with gate.store.read() as reading:
        assert reading.count() > 0
        purge(gate, alice, V, "n")
        assert keeper._unerased
    keeper.finish_erasing()
    assert not keeper._unerased


def test_an_init_that_was_broken_off_can_be_repeated(
    make_keeper: Make, choice: SourceChoice, tmp_path: Path
) -> None:
    keeper = make_keeper()
    (tmp_path / "key").mkdir()
    with pytest.raises(DevvaultError):
        keeper.init(choice)
    assert keeper.state == NEW
    assert keeper.source_name == ""
    assert not keeper.is_automatic
    (tmp_path / "key").rmdir()
    assert keeper.init(choice)
    assert keeper.source_name == "file"


def test_recovery_opens_a_home_whose_passphrase_is_forgotten(make_keeper: Make) -> None:
    keeper = make_keeper()
    keeper.init(SourceChoice("passphrase", passphrase=b"correct horse"))
    text = add_recovery(keeper, keeper.developer)
    keeper.lock()
    keeper.unlock(recovery=text)
    assert keeper.state == UNLOCKED
    rekey(keeper, keeper.developer, quiet, SourceChoice("passphrase", passphrase=b"new words"))
    keeper.lock()
    with pytest.raises(Locked):
        keeper.unlock(b"correct horse")
    keeper.unlock(b"new words")
    assert keeper.state == UNLOCKED


def test_locking_does_not_need_the_key_source(keeper: Keeper, tmp_path: Path) -> None:
    (tmp_path / "key.anchor").unlink(missing_ok=True)
    (tmp_path / "key.anchor").mkdir()
    keeper.lock()
    assert keeper.state == LOCKED


def test_a_home_can_be_locked_under_any_load(keeper: Keeper) -> None:
    set_secret(keeper.gate, keeper.developer, V, "db", "v0")
    caller = keeper.developer
    problems: list[BaseException] = []
    done = threading.Event()

    def read_and_write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            try:
                gate = keeper.gate
                found = get_secret(gate, caller, V, "db")
                assert (found.value or "").startswith("v")
                if number % 20 == 0:
                    set_secret(gate, caller, V, "db", f"v{number}")
            except Locked:
                continue
            except BaseException as error:  # noqa: BLE001  # told by the test
                problems.append(error)
                return

    threads = [threading.Thread(target=read_and_write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        keeper.lock()
        keeper.unlock()
    done.set()
    for thread in threads:
        thread.join()
    assert not problems
    # Nothing that was handed out is missing from the trail, and nothing is in the way of more.
    keeper.store.flush()
    assert verify_home(keeper, caller).ok
    assert get_secret(keeper.gate, caller, V, "db").value


def test_who_asks_while_somebody_locks_does_not_undo_it(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper.lock(remember=False)
    unlock, was_free = keeper.unlock, []

    def watched(passphrase: bytes | None = None) -> Gate:
        def try_lock() -> None:
            was_free.append(keeper.guard.acquire(blocking=False))

        other = threading.Thread(target=try_lock)
        other.start()
        other.join()
        return unlock(passphrase)

    monkeypatch.setattr(keeper, "unlock", watched)
    keeper.open_gate()
    assert was_free == [False]
