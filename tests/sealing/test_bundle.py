from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Damaged, DevvaultError, Invalid, Locked, WrongUse
from devvault.sealing.bundle import MARK, PIECE, bundle_lock, open_bundle, seal_bundle
from devvault.sealing.recovery import new_recovery_key
from devvault.sealing.stretch import Cost

QUICK = Cost(memory=64, passes=1, lanes=1)
TEXT, PUBLIC = new_recovery_key()
SEALED_PIECE = PIECE + 16


def sealed(data: bytes) -> bytes:
    return b"".join(seal_bundle([data], public=PUBLIC))


def opened(data: bytes) -> bytes:
    return b"".join(open_bundle([data], recovery=TEXT))


def pieces(data: bytes) -> tuple[bytes, list[bytes]]:
    """The head and the sealed pieces of a file."""
    size = len(MARK) + 4 + int.from_bytes(data[8:12], "big") + 32
    return data[:size], [
        data[at : at + SEALED_PIECE] for at in range(size, len(data), SEALED_PIECE)
    ]


def cut(data: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    at = 0
    for size in sizes:
        yield data[at : at + size]
        at += size
    yield data[at:]


@pytest.mark.parametrize(
    "size", [0, 1, 15, 16, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 5]
)
def test_round_trip(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    assert opened(sealed(data)) == data


def test_under_a_passphrase() -> None:
    file = b"".join(seal_bundle([b"all of it"], passphrase=b"pass", cost=QUICK))
    assert bundle_lock(file[:20_000]) == "passphrase"
    assert b"".join(open_bundle([file], passphrase=b"pass")) == b"all of it"
    with pytest.raises(Locked, match="wrong passphrase"):
        list(open_bundle([file], passphrase=b"Pass"))
    with pytest.raises(Locked, match="under a passphrase"):
        list(open_bundle([file], recovery=TEXT))
    with pytest.raises(WrongUse):
        list(seal_bundle([b"x"], passphrase=b""))


def test_under_a_recovery_key() -> None:
    file = sealed(b"all of it")
    assert bundle_lock(file) == "recovery"
    with pytest.raises(Locked, match="not the recovery key"):
        list(open_bundle([file], recovery=new_recovery_key()[0]))
    with pytest.raises(Locked, match="under a recovery key"):
        list(open_bundle([file], passphrase=b"pass"))
    with pytest.raises(Invalid):
        list(open_bundle([file], recovery=TEXT[:-1]))


def test_the_default_cost_is_written_down() -> None:
    head = next(seal_bundle([], passphrase=b"pass"))
    body = json.loads(head[12 : 12 + int.from_bytes(head[8:12], "big")])
    assert (body["memory"], body["passes"], body["lanes"]) == (65_536, 3, 4)


@given(
    st.lists(st.integers(0, 100_000), max_size=6),
    st.lists(st.integers(0, 100_000), max_size=6),
)
def test_how_it_comes_in_pieces_does_not_matter(one: list[int], other: list[int]) -> None:
    data = bytes(200_000)
    file = b"".join(seal_bundle(cut(data, one), public=PUBLIC))
    assert b"".join(open_bundle(cut(file, other), recovery=TEXT)) == data


def test_it_comes_byte_by_byte() -> None:
    file = sealed(b"x" * 300)
    assert b"".join(open_bundle((bytes([one]) for one in file), recovery=TEXT)) == b"x" * 300


def test_it_streams() -> None:
    asked = 0

    def chunks() -> Iterator[bytes]:
        nonlocal asked
        for _ in range(100):
            asked += 1
            yield bytes(PIECE)

    stream = seal_bundle(chunks(), public=PUBLIC)
    next(stream)
    assert asked == 0
    next(stream)
    assert asked == 2


DATA = b"".join(bytes([one]) * PIECE for one in range(3)) + b"rest"
FILE = sealed(DATA)
HEAD, PIECES = pieces(FILE)


def test_the_pieces_of_the_example() -> None:
    assert HEAD + b"".join(PIECES) == FILE
    assert len(PIECES) == 4
    assert opened(FILE) == DATA


def test_a_cut_at_every_border() -> None:
    for count in range(len(PIECES)):
        file = HEAD + b"".join(PIECES[:count])
        with pytest.raises(Damaged):
            opened(file)
        for near in (-1, 1, 17):
            with pytest.raises(DevvaultError):
                opened(FILE[: len(file) + near])
    for size in range(len(HEAD)):
        with pytest.raises((Damaged, Invalid)):
            opened(FILE[:size])


def test_a_cut_at_a_border_of_a_file_of_full_pieces() -> None:
    file = sealed(bytes(2 * PIECE))
    head, both = pieces(file)
    assert len(both) == 2
    with pytest.raises(Damaged):
        opened(head + both[0])


def test_only_whole_pieces_come_out_of_a_cut_file() -> None:
    out: list[bytes] = []
    with pytest.raises(Damaged):
        out.extend(open_bundle([FILE[:-1]], recovery=TEXT))
    assert b"".join(out) == b"" or DATA.startswith(b"".join(out))
    found = b""
    with pytest.raises(Damaged):
        for piece in open_bundle([FILE[:-1]], recovery=TEXT):
            found += piece
    assert found == DATA[: 3 * PIECE]


@pytest.mark.parametrize(
    "order",
    [
        [1, 0, 2, 3],
        [0, 2, 1, 3],
        [0, 0, 1, 2, 3],
        [0, 1, 3],
        [1, 2, 3],
        [3],
        [0, 1, 2, 3, 3],
        [3, 0],
    ],
)
def test_another_order(order: list[int]) -> None:
    with pytest.raises(Damaged):
        opened(HEAD + b"".join(PIECES[at] for at in order))


def test_something_behind_the_end() -> None:
    for extra in (b"x", bytes(16), PIECES[0], HEAD):
        with pytest.raises(Damaged):
            opened(FILE + extra)


def test_pieces_of_another_file_of_the_same_owner() -> None:
    head, other = pieces(sealed(DATA))
    with pytest.raises(Damaged):
        opened(HEAD + b"".join(other))
    with pytest.raises(Damaged):
        opened(HEAD + PIECES[0] + b"".join(other[1:]))
    assert opened(head + b"".join(other)) == DATA


SMALL = sealed(b"small")
SMALL_PASS = b"".join(seal_bundle([b"small"], passphrase=b"pass", cost=QUICK))


def test_every_flipped_bit_is_found() -> None:
    for at in range(len(SMALL)):
        changed = bytearray(SMALL)
        changed[at] ^= 1 << (at % 8)
        with pytest.raises((Damaged, Invalid, Locked)):
            opened(bytes(changed))


@given(st.integers(0, len(SMALL_PASS) - 1), st.integers(1, 255))
def test_every_changed_byte_is_found_under_a_passphrase(at: int, by: int) -> None:
    changed = bytearray(SMALL_PASS)
    changed[at] ^= by
    # A digit of the cost may become another: cheap ones only, so that this test stays quick.
    try:
        body = json.loads(changed[12 : 12 + int.from_bytes(changed[8:12], "big")])
        if isinstance(body, dict) and body.get("memory") not in (64, None):
            return
    except ValueError:
        pass
    with pytest.raises((Damaged, Invalid, Locked)):
        list(open_bundle([bytes(changed)], passphrase=b"pass"))


@given(st.binary(max_size=200))
def test_what_is_no_backup(data: bytes) -> None:
    for file in (data, MARK + data):
        with pytest.raises((Damaged, Invalid)):
            list(open_bundle([file], recovery=TEXT))
        with pytest.raises((Damaged, Invalid)):
            bundle_lock(file)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"by":"passphrase"}',
        b'{"by":"recovery"}',
        b'{"by":"recovery","public":"!","wrapped":"!"}',
        b'{"by":"recovery","public":"","wrapped":""}',
        b"[" * 10_000,
        b'{"by":"passphrase","kdf":"argon2id","salt":"'
        + b"0" * 32
        + b'","memory":99999999,"passes":1,"lanes":1}',
    ],
)
def test_a_malformed_head(text: bytes) -> None:
    file = MARK + len(text).to_bytes(4, "big") + text + bytes(100)
    for given_ in ({"recovery": TEXT}, {"passphrase": b"pass"}):
        with pytest.raises((Damaged, Locked)):
            list(open_bundle([file], **given_))


def test_a_head_that_claims_to_be_huge_is_not_read() -> None:
    def endless() -> Iterator[bytes]:
        yield MARK + b"\xff\xff\xff\xff"
        for _ in range(3):
            yield bytes(10_000)
        pytest.fail("it went on reading")

    with pytest.raises(Damaged):
        list(open_bundle(endless(), recovery=TEXT))


def test_nothing_is_in_clear() -> None:
    for file in (SMALL, SMALL_PASS):
        assert b"small" not in file
        assert b'pass"' not in file.replace(b'"passphrase"', b"")
