from __future__ import annotations

import pytest

from devvault.errors import Damaged, WrongUse
from devvault.sealing.stretch import Cost, Stretch

GOOD = Stretch(bytes(range(16)), Cost(64, 2, 4)).to_body()


def test_round_trip() -> None:
    stretch = Stretch.fresh(Cost())
    assert Stretch.from_body(stretch.to_body()) == stretch
    assert stretch.cost == Cost(65_536, 3, 4)
    assert Stretch.fresh(Cost()).salt != stretch.salt


def test_a_key_depends_on_all_of_it() -> None:
    keys = {
        Stretch(bytes(16), Cost(64, 2, 4)).key(b"pass"),
        Stretch(bytes(15) + b"1", Cost(64, 2, 4)).key(b"pass"),
        Stretch(bytes(16), Cost(65, 2, 4)).key(b"pass"),
        Stretch(bytes(16), Cost(64, 3, 4)).key(b"pass"),
        Stretch(bytes(16), Cost(64, 2, 3)).key(b"pass"),
        Stretch(bytes(16), Cost(64, 2, 4)).key(b"pass\n"),
    }
    assert {len(key) for key in keys} == {32}
    assert len(keys) == 6
    assert Stretch(bytes(16), Cost(64, 2, 4)).key(b"pass") in keys


def test_it_is_argon2id_version_13() -> None:
    """The reference implementation's own test: `password`, `somesalt`, 2 passes, 64 MiB, 1 lane."""
    found = Stretch(b"somesalt", Cost(65_536, 2, 1)).key(b"password")
    assert found.hex() == "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"


@pytest.mark.parametrize(
    "change",
    [
        {"kdf": "scrypt"},
        {"kdf": None},
        {"salt": "00"},
        {"salt": "zz" * 16},
        {"salt": 5},
        {"memory": 1024 * 1024 + 1},
        {"memory": 2**63},
        {"memory": 31},
        {"memory": 0},
        {"memory": -1},
        {"memory": "64"},
        {"memory": 64.0},
        {"memory": True},
        {"passes": 0},
        {"passes": 17},
        {"passes": None},
        {"lanes": 0},
        {"lanes": 17},
        {"lanes": [1]},
    ],
)
def test_absurd_parameters_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(Damaged):
        Stretch.from_body({**GOOD, **change})


@pytest.mark.parametrize("name", sorted(GOOD))
def test_missing_parameters_are_refused(name: str) -> None:
    with pytest.raises(Damaged):
        Stretch.from_body({key: value for key, value in GOOD.items() if key != name})


def test_an_empty_passphrase_is_refused() -> None:
    with pytest.raises(WrongUse):
        Stretch.fresh(Cost(64, 1, 1)).key(b"")
