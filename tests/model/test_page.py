from __future__ import annotations

from devvault.model.page import PAGE_LIMIT, Page


def test_a_last_page_has_no_next():
    assert PAGE_LIMIT == 25
    assert Page((1, 2)).after is None
    assert Page((1, 2), "b").after == "b"
    assert Page((), "b").items == ()
