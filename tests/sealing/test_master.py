from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Damaged, Locked
from devvault.sealing.envelope import Sealed
from devvault.sealing.master import Archived, Master, hkdf, next_master

HOME = "00112233445566778899aabbccddeeff"
OTHER = "ff112233445566778899aabbccddeeff"
KEY = bytes(range(32))

# RFC 5869, appendix A: test cases 1 to 3.
RFC = [
    (
        b"\x0b" * 22,
        bytes(range(13)),
        bytes(range(0xF0, 0xFA)),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)),
        bytes(range(0x60, 0xB0)),
        bytes(range(0xB0, 0x100)),
        (
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
            "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
            "cc30c58179ec3e87c14c01d5c1f3434f1d87"
        ),
    ),
    (
        b"\x0b" * 22,
        b"",
        b"",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]


@pytest.mark.parametrize(("key", "salt", "info", "expected"), RFC)
def test_hkdf_is_rfc_5869(key: bytes, salt: bytes, info: bytes, expected: str) -> None:
    assert hkdf(key, salt=salt, info=info, size=len(expected) // 2).hex() == expected


@given(st.binary(max_size=50), st.text(max_size=10))
def test_round_trip(plaintext: bytes, name: str) -> None:
    sealed = Master(HOME, 1, KEY).seal("secret", "v", name, "", plaintext)
    assert Master(HOME, 1, KEY).open("secret", "v", name, "", sealed) == plaintext


def test_another_home_generation_or_key_does_not_open() -> None:
    sealed = Master(HOME, 1, KEY).seal("secret", "v", "n", "", b"x")
    for master in (Master(OTHER, 1, KEY), Master(HOME, 1, next_master())):
        with pytest.raises(Damaged):
            master.open("secret", "v", "n", "", sealed)
    with pytest.raises(Damaged, match="generation 1"):
        Master(HOME, 2, KEY).open("secret", "v", "n", "", sealed)
    with pytest.raises(Damaged):
        Master(HOME, 2, KEY).open("secret", "v", "n", "", Sealed(2, sealed.wrapped, sealed.sealed))


def test_every_derived_key_is_its_own() -> None:
    keys: list[bytes] = []
    for master in (Master(HOME, 1, KEY), Master(HOME, 2, KEY), Master(OTHER, 1, KEY)):
        kept = master.archived()
        keys += [kept.audit_mac, kept.audit_seal, kept.backup, master.fingerprint_key]
        keys += [
            master.mac("a", b"x"),
            master.mac("b", b"x"),
            master.audit_keys(master.generation).mac(b"x"),
        ]
    assert len(set(keys)) == len(keys)
    assert KEY not in keys


def test_mac_parts_do_not_run_together() -> None:
    master = Master(HOME, 1, KEY)
    assert master.mac("ab", b"c") != master.mac("a", b"bc")


def test_past_generations_are_carried() -> None:
    first = Master(HOME, 1, KEY)
    record = first.audit_keys(1).seal_record(b"place", b"what happened")
    second = Master(HOME, 2, next_master(), {1: Archived.from_bytes(first.archived().to_bytes())})
    third = Master(HOME, 3, next_master(), {**second.archive, 2: second.archived()})
    assert third.audit_keys(1).open_record(b"place", record) == b"what happened"
    assert third.audit_keys(1).mac(b"x") == first.audit_keys(1).mac(b"x")
    assert third.audit_keys(2) is third.audit_keys(2)
    assert third.backup_key(1) == first.backup_key(1)
    assert third.backup_key(2) == second.backup_key(2)
    with pytest.raises(Damaged, match="generation 4"):
        third.audit_keys(4)
    with pytest.raises(KeyError):
        third.backup_key(4)


@pytest.mark.parametrize("change", range(-1, 40))
def test_a_changed_audit_record_is_found(change: int) -> None:
    keys = Master(HOME, 1, KEY).audit_keys(1)
    record = bytearray(keys.seal_record(b"place", b"0123456789ab"))
    assert len(record) == 40
    if change < 0:
        with pytest.raises(Damaged):
            keys.open_record(b"another place", bytes(record))
        return
    record[change] ^= 1
    with pytest.raises(Damaged):
        keys.open_record(b"place", bytes(record))
    with pytest.raises(Damaged):
        keys.open_record(b"place", bytes(record[:change]))


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x02" + bytes(104), bytes(106), bytes(105)])
def test_malformed_archived_keys(data: bytes) -> None:
    with pytest.raises(Damaged):
        Archived.from_bytes(data)


def test_a_wiped_master_does_nothing() -> None:
    master = Master(HOME, 1, KEY, {})
    sealed = master.seal("secret", "v", "n", "", b"x")
    master.audit_keys(1)
    master.wipe()
    calls = [
        lambda: master.seal("secret", "v", "n", "", b"x"),
        lambda: master.open("secret", "v", "n", "", sealed),
        lambda: master.mac("a", b"x"),
        lambda: master.audit_keys(1),
        lambda: master.backup_key(1),
        master.archived,
        lambda: master.fingerprint_key,
    ]
    for call in calls:
        with pytest.raises(Locked):
            call()


def test_no_key_is_printed() -> None:
    master = Master(HOME, 1, KEY)
    for thing in (master, master.archived(), master.audit_keys(1)):
        told = repr(thing) + str(thing)
        for key in (KEY, master.archived().backup, master.archived().audit_mac):
            assert key.hex() not in told
            assert repr(key) not in told
