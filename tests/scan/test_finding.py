from __future__ import annotations

import pytest

from devvault.scan.finding import Finding, shown_part


def test_it_never_holds_the_whole_value():
    assert shown_part("hunter2") == ""
    assert shown_part("a" * 24) == "aaaa"
    with pytest.raises(ValueError, match="may not hold more"):
        Finding("x", 1, 1, "K", "random", "long", shown="abcde")


def test_a_short_part_is_fine():
    finding = Finding(".env", 3, 1, "K", "random", "long and random", shown_part("b" * 30))
    assert (finding.path, finding.line, finding.shown) == (".env", 3, "bbbb")
