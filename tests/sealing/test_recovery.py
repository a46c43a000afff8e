from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Damaged, DevvaultError, Invalid, Locked
from devvault.sealing.master import Master, next_master
from devvault.sealing.recovery import (
    check_slot,
    new_recovery_key,
    open_with,
    public_of,
    wrap_new,
)

HOME = "00112233445566778899aabbccddeeff"
OTHER = "ff112233445566778899aabbccddeeff"
KEY = bytes(range(32))
MASTER = Master(HOME, 1, KEY)
# One key for every run: test ids hold it, and workers must agree on them.
TEXT, PUBLIC = new_recovery_key(lambda size: bytes(range(7, 7 + size)))
SLOT = wrap_new(PUBLIC, MASTER, KEY)
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_round_trip() -> None:
    assert check_slot(SLOT, MASTER) == PUBLIC == public_of(TEXT)
    assert open_with(TEXT, SLOT, HOME, 1) == KEY


def test_the_shape_of_the_key() -> None:
    prefix, *groups = TEXT.split("-")
    assert prefix == "DVRK"
    assert [len(group) for group in groups] == [4] * 14
    assert set("".join(groups)) <= set(ALPHABET)
    assert len({new_recovery_key()[0] for _ in range(50)}) == 50


@pytest.mark.parametrize(
    "typed",
    [
        TEXT.lower(),
        TEXT.replace("-", ""),
        TEXT.replace("-", " "),
        f"  {TEXT}\n",
        TEXT.removeprefix("DVRK-"),
        TEXT.replace("0", "O").replace("1", "l"),
        TEXT.replace("0", "o").replace("1", "I"),
        TEXT.replace("-", "\n"),
    ],
)
def test_ways_to_type_it(typed: str) -> None:
    assert open_with(typed, SLOT, HOME, 1) == KEY


@given(st.data())
def test_one_wrong_character_is_a_typo(data: st.DataObject) -> None:
    places = [at for at, symbol in enumerate(TEXT) if symbol != "-" and at > 4]
    at = data.draw(st.sampled_from(places))
    symbol = data.draw(st.sampled_from([one for one in ALPHABET if one != TEXT[at]]))
    with pytest.raises(Invalid, match="mistyped"):
        open_with(TEXT[:at] + symbol + TEXT[at + 1 :], SLOT, HOME, 1)


@given(st.integers(0, 54))
def test_two_swapped_characters_are_a_typo(at: int) -> None:
    plain = TEXT.replace("-", "")[4:]
    swapped = plain[:at] + plain[at + 1] + plain[at] + plain[at + 2 :]
    if swapped == plain:
        return
    with pytest.raises(Invalid):
        open_with(swapped, SLOT, HOME, 1)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "has 0"),
        (TEXT[:-1], "has 55"),
        (TEXT + "0", "has 57"),
        (TEXT[:-5], "has 52"),
        (TEXT[:-1] + "U", "no recovery key has"),
        (TEXT[:-1] + "é", "no recovery key has"),
        ("x" * 100_000, "has"),
        ("0" * 56, "checksum"),
    ],
)
def test_what_is_no_recovery_key(typed: str, why: str) -> None:
    with pytest.raises(Invalid) as caught:
        open_with(typed, SLOT, HOME, 1)
    assert why in caught.value.message
    assert TEXT not in caught.value.message
    assert len(caught.value.message) < 120


def test_anothers_recovery_key_is_wrong_and_not_mistyped() -> None:
    with pytest.raises(Locked) as caught:
        open_with(new_recovery_key()[0], SLOT, HOME, 1)
    assert caught.value.hint == "devvault unlock --recovery"


def test_a_slot_of_another_home_or_generation() -> None:
    for home, generation in ((OTHER, 1), (HOME, 2)):
        with pytest.raises(Damaged):
            open_with(TEXT, SLOT, home, generation)
        with pytest.raises(Damaged):
            check_slot(SLOT, Master(home, generation, KEY))


def test_rekey_without_the_paper() -> None:
    following = next_master()
    second = Master(HOME, 2, following)
    slot = wrap_new(check_slot(SLOT, MASTER), second, following)
    assert open_with(TEXT, slot, HOME, 2) == following
    assert check_slot(slot, second) == PUBLIC
    with pytest.raises(Damaged):
        check_slot(slot, MASTER)


def test_a_planted_recovery_key_is_found() -> None:
    """Without the master key, an own public key in the slot cannot be given a MAC."""
    mallory_text, mallory_public = new_recovery_key()
    planted = json.loads(wrap_new(mallory_public, Master(HOME, 1, next_master()), next_master()))
    with pytest.raises(Damaged, match="not made by this home"):
        check_slot(json.dumps(planted).encode(), MASTER)
    planted["mac"] = json.loads(SLOT)["mac"]
    with pytest.raises(Damaged):
        check_slot(json.dumps(planted).encode(), MASTER)
    body = json.loads(SLOT)
    body["public"] = base64.b64encode(mallory_public).decode()
    with pytest.raises(Damaged):
        check_slot(json.dumps(body).encode(), MASTER)
    with pytest.raises(DevvaultError):
        open_with(mallory_text, json.dumps(body).encode(), HOME, 1)


@pytest.mark.parametrize("name", ["public", "wrapped", "mac"])
def test_a_tampered_slot_does_not_check(name: str) -> None:
    body = json.loads(SLOT)
    whole = bytearray(base64.b64decode(body[name]))
    for at in range(len(whole)):
        whole[at] ^= 1
        changed = {**body, name: base64.b64encode(whole).decode()}
        with pytest.raises(Damaged):
            check_slot(json.dumps(changed).encode(), MASTER)
        if name != "mac":
            with pytest.raises((Damaged, Locked)):
                open_with(TEXT, json.dumps(changed).encode(), HOME, 1)
        whole[at] ^= 1


def test_a_sender_of_small_order_is_refused() -> None:
    body = json.loads(SLOT)
    wrapped = bytes(32) + base64.b64decode(body["wrapped"])[32:]
    body["wrapped"] = base64.b64encode(wrapped).decode()
    with pytest.raises(Damaged):
        open_with(TEXT, json.dumps(body).encode(), HOME, 1)


@pytest.mark.parametrize(
    "slot",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"format": 1}',
        b'{"format": 2}',
        json.dumps({**json.loads(SLOT), "format": 2}).encode(),
        json.dumps({**json.loads(SLOT), "public": "AAAA"}).encode(),
        json.dumps({**json.loads(SLOT), "wrapped": ""}).encode(),
        json.dumps({**json.loads(SLOT), "mac": None}).encode(),
        json.dumps({**json.loads(SLOT), "public": 5}).encode(),
    ],
)
def test_a_malformed_slot(slot: bytes) -> None:
    with pytest.raises(Damaged):
        check_slot(slot, MASTER)


def test_nothing_secret_in_the_slot() -> None:
    raw = TEXT.replace("-", "")[4:].encode()
    for secret in (KEY, base64.b64encode(KEY), KEY.hex().encode(), raw):
        assert secret not in SLOT


def test_a_wiped_master_is_locked() -> None:
    master = Master(HOME, 1, KEY)
    master.wipe()
    with pytest.raises(Locked):
        check_slot(SLOT, master)
