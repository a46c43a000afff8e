from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Damaged
from devvault.sealing.envelope import Identity, Sealed, canon, describe, open_sealed, seal

HOME = "00112233445566778899aabbccddeeff"
WRAP = AESGCM(bytes(range(32)))
IDENTITY: Identity = (HOME, "secret.version", "my-vault", "name", "0" * 32)

texts = st.text(max_size=20)
identities = st.tuples(texts, texts, texts, texts, texts)
generations = st.integers(min_value=1, max_value=2**62)


@given(identities, generations, st.binary(max_size=400))
def test_round_trip(identity: Identity, generation: int, plaintext: bytes) -> None:
    sealed = seal(WRAP, generation, identity, plaintext)
    assert sealed.generation == generation
    assert open_sealed(WRAP, identity, sealed) == plaintext


@given(st.binary(max_size=60), st.data())
def test_a_changed_byte_is_found(plaintext: bytes, data: st.DataObject) -> None:
    sealed = seal(WRAP, 3, IDENTITY, plaintext)
    part = data.draw(st.sampled_from(["wrapped", "sealed"]))
    found = bytearray(getattr(sealed, part))
    found[data.draw(st.integers(0, len(found) - 1))] ^= data.draw(st.integers(1, 255))
    parts = {"wrapped": sealed.wrapped, "sealed": sealed.sealed, part: bytes(found)}
    with pytest.raises(Damaged):
        open_sealed(WRAP, IDENTITY, Sealed(3, **parts))


@given(st.binary(max_size=40), st.data())
def test_a_changed_length_is_found(plaintext: bytes, data: st.DataObject) -> None:
    sealed = seal(WRAP, 3, IDENTITY, plaintext)
    part = data.draw(st.sampled_from(["wrapped", "sealed"]))
    whole: bytes = getattr(sealed, part)
    cut = data.draw(st.integers(0, len(whole) - 1).map(lambda n: whole[:n]) | st.just(whole + b"x"))
    parts = {"wrapped": sealed.wrapped, "sealed": sealed.sealed, part: cut}
    with pytest.raises(Damaged):
        open_sealed(WRAP, IDENTITY, Sealed(3, **parts))


@given(identities, identities, generations, generations)
def test_another_place_is_refused(
    identity: Identity, other: Identity, generation: int, later: int
) -> None:
    sealed = seal(WRAP, generation, identity, b"x")
    if other != identity:
        with pytest.raises(Damaged):
            open_sealed(WRAP, other, sealed)
    if later != generation:
        with pytest.raises(Damaged):
            open_sealed(WRAP, identity, Sealed(later, sealed.wrapped, sealed.sealed))


@pytest.mark.parametrize("at", range(5))
def test_each_part_of_the_identity_counts(at: int) -> None:
    sealed = seal(WRAP, 1, IDENTITY, b"x")
    other = list(IDENTITY)
    other[at] += "x"
    with pytest.raises(Damaged):
        open_sealed(WRAP, tuple(other), sealed)  # type: ignore[arg-type]


def test_a_data_key_of_another_record_is_refused() -> None:
    first = seal(WRAP, 1, IDENTITY, b"first")
    second = seal(WRAP, 1, IDENTITY, b"second")
    with pytest.raises(Damaged):
        open_sealed(WRAP, IDENTITY, Sealed(1, first.wrapped, second.sealed))


def test_another_wrapping_key_is_refused() -> None:
    with pytest.raises(Damaged):
        open_sealed(AESGCM(bytes(32)), IDENTITY, seal(WRAP, 1, IDENTITY, b"x"))


def test_a_later_format_is_named() -> None:
    sealed = seal(WRAP, 1, IDENTITY, b"x")
    with pytest.raises(Damaged, match="format 2"):
        open_sealed(WRAP, IDENTITY, Sealed(1, sealed.wrapped, b"\x02" + sealed.sealed[1:]))


def test_nothing_is_used_twice() -> None:
    made = [seal(WRAP, 1, IDENTITY, b"same") for _ in range(200)]
    assert len({one.wrapped[:12] for one in made}) == 200
    assert len({one.sealed[1:13] for one in made}) == 200
    assert len({one.sealed[13:] for one in made}) == 200


parts = st.lists(st.text(max_size=5) | st.binary(max_size=5), max_size=4)


@given(parts, parts)
def test_canon_is_unambiguous(one: list[str | bytes], other: list[str | bytes]) -> None:
    def plain(items: list[str | bytes]) -> list[bytes]:
        return [item if isinstance(item, bytes) else item.encode() for item in items]

    assert (canon(*one) == canon(*other)) == (plain(one) == plain(other))


def test_canon_by_hand() -> None:
    assert canon("é", b"\x00", 12) == b"\0\0\0\x02\xc3\xa9" + b"\0\0\0\x01\0" + b"\0\0\0\x0212"
    assert canon() == b""
    assert canon("\udcff") == b"\0\0\0\x03\xed\xb3\xbf"


def test_a_name_from_a_file_cannot_write_on_the_terminal() -> None:
    told = describe((HOME, "secret", "v", "\x1b[31mred\n" * 100, ""))
    assert "\x1b" not in told
    assert "\n" not in told
    assert len(told) < 1000
