from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.audit.anchor import Anchor
from devvault.errors import Damaged
from tests.audit.chains import keys

ANCHOR = Anchor(1, 41, bytes(range(32)))


@given(epoch=st.sampled_from([1, 2]), count=st.integers(0, 2**62), mac=st.binary(max_size=40))
def test_an_anchor_comes_back_as_it_was(epoch: int, count: int, mac: bytes) -> None:
    anchor = Anchor(epoch, count, mac)
    assert Anchor.from_bytes(anchor.to_bytes(keys), keys) == anchor


@given(data=st.data())
def test_a_changed_anchor_is_refused(data: st.DataObject) -> None:
    whole = bytearray(ANCHOR.to_bytes(keys))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Damaged):
        Anchor.from_bytes(bytes(whole), keys)


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(Damaged):
        Anchor.from_bytes(noise, keys)


@pytest.mark.parametrize("body", [b"[]", b"7", b"{}", b'{"epoch": 9, "count": 1, "mac": "00"}'])
def test_a_body_of_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(Damaged):
        Anchor.from_bytes(b"00 " + body, keys)


def test_an_anchor_under_another_epoch_is_refused() -> None:
    text = ANCHOR.to_bytes(keys).replace(b'"epoch": 1', b'"epoch": 2')
    with pytest.raises(Damaged, match="was changed"):
        Anchor.from_bytes(text, keys)
