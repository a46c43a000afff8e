from __future__ import annotations

import pickle

import pytest

from devvault.scan.engine import Engine
from devvault.scan.sources import from_bytes

PASSWORD = "Blue" + "Kettle47!"


def test_a_finding_says_where_what_and_why_and_keeps_the_value_to_itself():
    (one,) = Engine().scan(from_bytes("a/.env", f"A=1\nDB_PASSWORD='{PASSWORD}'\n".encode()))
    assert (one.path, one.line, one.column, one.end) == ("a/.env", 2, 14, 14 + len(PASSWORD))
    assert (one.key, one.rule) == ("DB_PASSWORD", "name-password")
    assert one.held is not None
    assert one.held.reveal() == PASSWORD
    assert PASSWORD not in repr(one)
    assert PASSWORD[:3] not in one.shown
    with pytest.raises(TypeError):
        pickle.dumps(one)
