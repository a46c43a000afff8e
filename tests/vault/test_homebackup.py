from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from devvault.access.principals import Caller
from devvault.errors import Conflict, Damaged, DevvaultError, Invalid, Locked, NotFound
from devvault.vault.backup import backup_secret, restore_secret
from devvault.vault.homebackup import backup_home, restore_home
from devvault.vault.keeper import NEW, UNLOCKED, Keeper
from devvault.vault.opened import SourceChoice
from devvault.vault.rekeying import add_recovery, rekey
from devvault.vault.secrets import delete_secret, get_secret, set_secret
from devvault.vault.upkeep import read_audit, verify_audit

V = "my-vault"
Make = Callable[..., Keeper]


@pytest.fixture
def filled(keeper: Keeper, alice: Caller) -> Keeper:
    for number in range(40):
        set_secret(keeper.gate, alice, V, f"n{number}", f"value-{number}" * 400)
    delete_secret(keeper.gate, alice, V, "n3")
    rekey(keeper, alice, lambda _done, _total: None)
    return keeper


def test_a_home_comes_back_whole(
    filled: Keeper, make_keeper: Make, alice: Caller, tmp_path: Path
) -> None:
    blob = backup_secret(filled.gate, alice, V, "n5")
    file = b"".join(backup_home(filled, alice, b"a passphrase"))
    assert b"value-5" not in file
    filled.close()
    other = make_keeper(tmp_path / "other")
    choice = SourceChoice("file", str(tmp_path / "other-key"))
    pieces = [file[at : at + 1000] for at in range(0, len(file), 1000)]
    assert restore_home(other, pieces, choice, passphrase=b"a passphrase") > 40
    assert other.state == UNLOCKED
    assert other.developer == alice
    assert get_secret(other.gate, alice, V, "n5").value == "value-5" * 400
    with pytest.raises(NotFound):
        get_secret(other.gate, alice, V, "n3")
    operations = [record.operation for _, record in read_audit(other.gate, alice)]
    assert "HomeRestore" in operations[:4]
    assert "HomeBackup" in operations
    assert verify_audit(other.gate, alice, None).ok
    with pytest.raises(Conflict):
        restore_secret(other.gate, alice, V, blob)
    with pytest.raises(Conflict):
        restore_home(other, [file], choice, passphrase=b"a passphrase")
    other.close()
    again = make_keeper(tmp_path / "other")
    assert get_secret(again.open_gate(), alice, V, "n5").value == "value-5" * 400


def test_under_the_recovery_key(
    filled: Keeper, make_keeper: Make, alice: Caller, tmp_path: Path
) -> None:
    with pytest.raises(NotFound):
        backup_home(filled, alice)
    text = add_recovery(filled, alice)
    file = b"".join(backup_home(filled, alice))
    other = make_keeper(tmp_path / "other")
    choice = SourceChoice("passphrase", passphrase=b"other words")
    with pytest.raises(Locked):
        restore_home(other, [file], choice, passphrase=b"x")
    restore_home(other, [file], choice, recovery=text)
    assert get_secret(other.gate, alice, V, "n5").value == "value-5" * 400


@pytest.mark.parametrize("place", [0, 9, 30, 200, 5_000, 70_000, -40, -1])
def test_a_changed_or_cut_file_makes_no_home(
    filled: Keeper, make_keeper: Make, alice: Caller, tmp_path: Path, place: int
) -> None:
    file = b"".join(backup_home(filled, alice, b"a passphrase"))
    at = place % len(file)
    changed = file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :]
    choice = SourceChoice("file", str(tmp_path / "other-key"))
    other = make_keeper(tmp_path / "other")
    for bad in (changed, file[:at]):
        with pytest.raises(DevvaultError) as caught:
            restore_home(other, [bad], choice, passphrase=b"a passphrase")
        assert isinstance(caught.value, Damaged | Invalid | Locked)
        assert other.state == NEW
        assert not (tmp_path / "other-key").exists()
    restore_home(other, [file], choice, passphrase=b"a passphrase")
    assert get_secret(other.gate, alice, V, "n5").value == "value-5" * 400


def test_the_wrong_passphrase(
    filled: Keeper, make_keeper: Make, alice: Caller, tmp_path: Path
) -> None:
    file = b"".join(backup_home(filled, alice, b"a passphrase"))
    other = make_keeper(tmp_path / "other")
    choice = SourceChoice("file", str(tmp_path / "other-key"))
    with pytest.raises(Locked, match="wrong passphrase"):
        restore_home(other, [file], choice, passphrase=b"b passphrase")
    with pytest.raises(Locked):
        restore_home(other, [file], choice)
