from __future__ import annotations

import pytest

from devvault.errors import Invalid
from devvault.model.attributes import NO_CHANGE, Change, check_content_type, check_tags, no_tags


def test_tags_are_a_copy_that_does_not_change():
    given = {"a": "b"}
    kept = check_tags(given)
    given["a"] = "c"
    assert dict(kept) == {"a": "b"}
    with pytest.raises(TypeError):
        kept["a"] = "d"


def test_the_limits_of_tags():
    assert len(check_tags({str(n): "" for n in range(15)})) == 15
    assert check_tags({"k" * 512: "v" * 512})
    with pytest.raises(Invalid, match="16 exceeds the maximum of 15"):
        check_tags({str(n): "" for n in range(16)})
    for bad in ({"k" * 513: ""}, {"k": "v" * 513}, {"": "v"}):
        with pytest.raises(Invalid):
            check_tags(bad)
    with pytest.raises(Invalid):
        check_tags({"k" * 257: ""}, length=256)


def test_the_limit_of_a_content_type():
    assert check_content_type(None) is None
    assert check_content_type("") == ""
    assert check_content_type("x" * 255) == "x" * 255
    with pytest.raises(Invalid, match="255"):
        check_content_type("x" * 256)


def test_no_change_leaves_all_and_no_tags_is_empty():
    assert Change() == NO_CHANGE
    assert (NO_CHANGE.enabled, NO_CHANGE.nbf, NO_CHANGE.exp) == (None, None, None)
    assert dict(no_tags()) == {}
