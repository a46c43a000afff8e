from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from devvault.errors import Damaged, Locked, WrongUse
from devvault.sealing.passphrase import Passphrase
from devvault.sealing.stretch import Cost
from tests.contracts.test_key_source import HOME, KEY, NEXT, OTHER, KeySourceSuite

QUICK = Cost(memory=64, passes=1, lanes=1)
Make = Callable[..., Passphrase]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(passphrase: bytes | None = b"correct horse") -> Passphrase:
        return Passphrase(tmp_path / "state", passphrase, cost=QUICK)

    return make


class TestPassphrase(KeySourceSuite):
    keeps_keys = False

    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        return lambda: Passphrase(tmp_path / "state", b"correct horse", cost=QUICK)


def test_the_default_cost_works_and_is_written_down(tmp_path: Path) -> None:
    slot = Passphrase(tmp_path, b"x").protect(HOME, 1, KEY)
    body = json.loads(slot)
    assert (body["kdf"], body["memory"], body["passes"], body["lanes"]) == (
        "argon2id",
        65_536,
        3,
        4,
    )
    assert Passphrase(tmp_path, b"x").reveal(HOME, 1, slot) == KEY


@pytest.mark.parametrize("wrong", [b"x", b"correct horse\n", b"Correct horse", b"correct hors"])
def test_a_wrong_passphrase(make: Make, wrong: bytes) -> None:
    slot = make().protect(HOME, 1, KEY)
    source = make(wrong)
    with pytest.raises(Locked, match="wrong passphrase") as caught:
        source.reveal(HOME, 1, slot)
    assert caught.value.hint == "devvault unlock"
    with pytest.raises(Locked, match="needed"):
        source.reveal(HOME, 1, slot)


def test_no_passphrase(make: Make) -> None:
    slot = make().protect(HOME, 1, KEY)
    with pytest.raises(Locked, match="needed"):
        make(None).reveal(HOME, 1, slot)
    with pytest.raises(Locked, match="needed"):
        make(None).protect(HOME, 1, KEY)
    with pytest.raises(WrongUse):
        make(b"").protect(HOME, 1, KEY)


def test_any_bytes_are_a_passphrase(make: Make) -> None:
    for passphrase in (b"\x00", b"\xff\xfe", "pässwörd".encode(), b"x" * 10_000):
        slot = make(passphrase).protect(HOME, 1, KEY)
        assert make(passphrase).reveal(HOME, 1, slot) == KEY


def test_every_slot_is_its_own(make: Make) -> None:
    one, two = (json.loads(make().protect(HOME, 1, KEY)) for _ in range(2))
    assert one["salt"] != two["salt"]
    assert one["wrapped"] != two["wrapped"]


def test_the_passphrase_is_dropped_and_the_stretched_key_kept(make: Make) -> None:
    source = make()
    slot = source.protect(HOME, 1, KEY)
    assert source._passphrase is None
    assert b"correct horse" not in repr(vars(source)).encode()
    later = source.protect(HOME, 2, NEXT)
    assert json.loads(later)["salt"] == json.loads(slot)["salt"]
    assert json.loads(later)["wrapped"] != json.loads(slot)["wrapped"]
    source.forget_kek()
    with pytest.raises(Locked):
        source.reveal(HOME, 1, slot)
    with pytest.raises(Locked):
        source.protect(HOME, 3, KEY)


def flipped(slot: bytes, name: str, at: int) -> bytes:
    body = json.loads(slot)
    text = body[name]
    other = "A" if text[at] != "A" else "B"
    body[name] = text[:at] + other + text[at + 1 :]
    return json.dumps(body).encode()


def test_a_slot_tampered_with_in_each_field(make: Make) -> None:
    slot = make().protect(HOME, 1, KEY)
    body = json.loads(slot)
    changes: dict[str, list[object]] = {
        "format": [2, "1", None],
        "kdf": ["argon2i", None],
        "salt": ["0" * 32, "0" * 30, "x" * 32, None],
        "memory": [65, 2**40, 0, "64", None],
        "passes": [2, 10**9, 0, None],
        "lanes": [2, 10**9, 0, None],
        "wrapped": ["", "AAAA", "!" * 80, body["wrapped"][:-4], body["wrapped"] + "AAAA", None],
    }
    assert changes.keys() == body.keys()
    for name, values in changes.items():
        for value in values:
            with pytest.raises((Damaged, Locked)):
                make().reveal(HOME, 1, json.dumps({**body, name: value}).encode())
        rest = {key: value for key, value in body.items() if key != name}
        with pytest.raises(Damaged):
            make().reveal(HOME, 1, json.dumps(rest).encode())
    for at in range(0, 80, 7):
        with pytest.raises((Damaged, Locked)):
            make().reveal(HOME, 1, flipped(slot, "wrapped", at))
    for home, generation in ((OTHER, 1), (HOME, 2)):
        with pytest.raises(Locked):
            make().reveal(home, generation, slot)


def test_an_unlocked_source_knows_damage_from_a_wrong_passphrase(make: Make) -> None:
    source = make()
    slot = source.protect(HOME, 1, KEY)
    with pytest.raises(Damaged):
        source.reveal(HOME, 1, flipped(slot, "wrapped", 20))


@pytest.mark.parametrize("slot", [b"", b"{", b"[]", b"1", b"\xff", b"null", b"[" * 100_000])
def test_a_malformed_slot(make: Make, slot: bytes) -> None:
    with pytest.raises(Damaged) as caught:
        make().reveal(HOME, 1, slot)
    assert caught.value.hint == "devvault unlock --recovery"


def test_the_anchor_is_private(make: Make, tmp_path: Path) -> None:
    make().write_anchor(HOME, b"x")
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    (file,) = (tmp_path / "state").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert make().read_anchor(OTHER) is None
    file.chmod(0o644)
    with pytest.raises(WrongUse):
        make().read_anchor(HOME)
