from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.access.rbac import scope_covers

segments = st.lists(st.text("abcAB-.()", min_size=1, max_size=5), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("scope", "resource", "covers"),
    [
        ("/a/vaults/a", "/a/vaults/a", True),
        ("/a/vaults/a", "/a/vaults/a/secrets/n", True),
        ("/a/vaults/a", "/a/vaults/ab", False),
        ("/a/vaults/a", "/a/vaults/ab/secrets/n", False),
        ("/a/vaults/a", "/a/vaults", False),
        ("/a/vaults/a/", "/A/VAULTS/A", True),
        ("/a", "/b/a", False),
        ("/", "/anything", True),
        ("", "/anything", False),
    ],
)
def test_by_segment(scope, resource, covers):
    assert scope_covers(scope, resource) is covers


@given(segments, segments)
def test_covers_is_exactly_prefix_of_segments(scope, resource):
    above = [segment.lower() for segment in scope]
    below = [segment.lower() for segment in resource]
    expected = below[: len(above)] == above
    assert scope_covers("/" + "/".join(scope), "/" + "/".join(resource)) is expected
