"""What every home for a master key must do. A source's test inherits `KeySourceSuite`."""

from __future__ import annotations

import pytest

from devvault.errors import DevvaultError
from devvault.sealing.base import MASTER_SIZE, SOURCES, KeySource

HOME = "00112233445566778899aabbccddeeff"
OTHER = "ff112233445566778899aabbccddeeff"
KEY = bytes(range(32))
NEXT = bytes(range(32, 64))


class KeySourceSuite:
    """Inherit it as `Test...`, and define `source`, which gives a function that makes one anew.

    What is made later sees what was put away by one made before, as after a restart.
    """

    keeps_keys = True  # False: the slot is the only place, and generations cannot be told

    @pytest.fixture
    def make(self) -> object:
        raise NotImplementedError("say how to make a source")

    def test_its_name_is_registered(self, make) -> None:
        source: KeySource = make()
        module, _, name = SOURCES[source.name].partition(":")
        assert (type(source).__module__, type(source).__name__) == (module, name)

    def test_a_key_comes_back(self, make) -> None:
        slot = make().protect(HOME, 1, KEY)
        assert make().reveal(HOME, 1, slot) == KEY

    @pytest.mark.parametrize(
        "key", [bytes(32), b"\xff" * 32, b"\n" * 32, b"\x00\r\n\t " * 6 + b"  "]
    )
    def test_any_key_comes_back(self, make, key: bytes) -> None:
        assert len(key) == MASTER_SIZE
        slot = make().protect(HOME, 1, key)
        assert make().reveal(HOME, 1, slot) == key

    def test_the_slot_is_not_secret(self, make) -> None:
        slot = make().protect(HOME, 1, KEY)
        for form in (KEY, KEY.hex().encode(), __import__("base64").b64encode(KEY)):
            assert form not in slot

    def test_nothing_is_there_at_first(self, make) -> None:
        source = make()
        assert source.generations(HOME) == []
        assert source.read_anchor(HOME) is None
        with pytest.raises(DevvaultError) as caught:
            source.reveal(HOME, 1, b"")
        assert caught.value.hint

    def test_the_next_generation_goes_in_beside_the_old(self, make) -> None:
        source = make()
        first = source.protect(HOME, 1, KEY)
        second = source.protect(HOME, 2, NEXT)
        assert source.reveal(HOME, 1, first) == KEY
        assert make().reveal(HOME, 2, second) == NEXT
        assert make().reveal(HOME, 1, first) == KEY

    def test_rekey_after_unlocking_needs_nothing_more(self, make) -> None:
        slot = make().protect(HOME, 1, KEY)
        source = make()
        source.reveal(HOME, 1, slot)
        assert make().reveal(HOME, 2, source.protect(HOME, 2, NEXT)) == NEXT

    def test_putting_a_key_away_twice_keeps_the_later(self, make) -> None:
        make().protect(HOME, 1, NEXT)
        slot = make().protect(HOME, 1, KEY)
        assert make().reveal(HOME, 1, slot) == KEY

    def test_an_old_generation_is_forgotten(self, make) -> None:
        source = make()
        source.protect(HOME, 1, KEY)
        slot = source.protect(HOME, 2, NEXT)
        source.forget(HOME, 1)
        if self.keeps_keys:
            assert make().generations(HOME) == [2]
            with pytest.raises(DevvaultError):
                make().reveal(HOME, 1, b"")
        assert make().reveal(HOME, 2, slot) == NEXT

    def test_forgetting_what_is_not_there_is_fine(self, make) -> None:
        source = make()
        source.forget(HOME, 7)
        slot = source.protect(HOME, 1, KEY)
        source.forget(HOME, 7)
        source.forget(OTHER, 1)
        assert make().reveal(HOME, 1, slot) == KEY

    def test_an_orphan_is_listed(self, make) -> None:
        """A crash between putting the next key away and committing to it leaves one."""
        source = make()
        slot = source.protect(HOME, 1, KEY)
        source.protect(HOME, 2, NEXT)
        later = make()
        later.reveal(HOME, 1, slot)
        assert sorted(later.generations(HOME)) == ([1, 2] if self.keeps_keys else [])

    def test_another_home_does_not_get_it(self, make) -> None:
        slot = make().protect(HOME, 1, KEY)
        assert make().generations(OTHER) == []
        with pytest.raises(DevvaultError):
            make().reveal(OTHER, 1, slot)

    def test_another_generation_does_not_get_it(self, make) -> None:
        slot = make().protect(HOME, 1, KEY)
        with pytest.raises(DevvaultError):
            make().reveal(HOME, 2, slot)

    def test_the_anchor_comes_back(self, make) -> None:
        make().protect(HOME, 1, KEY)
        for anchor in (b"first", b"", bytes(range(256))):
            make().write_anchor(HOME, anchor)
            assert make().read_anchor(HOME) == anchor

    def test_the_anchor_is_no_generation(self, make) -> None:
        slot = make().protect(HOME, 1, KEY)
        make().write_anchor(HOME, b"anchor")
        assert make().generations(HOME) == ([1] if self.keeps_keys else [])
        assert make().reveal(HOME, 1, slot) == KEY

    def test_it_does_not_print_a_key(self, make) -> None:
        source = make()
        source.protect(HOME, 1, KEY)
        assert KEY.hex() not in repr(source)
        assert repr(KEY) not in repr(source)
