from __future__ import annotations

import pytest

from devvault.errors import Damaged
from devvault.sealing.master import Master
from devvault.vault.records import SECRET, SECRET_VERSION, VAULT, Records

HOME = "0" * 32


@pytest.fixture
def records() -> Records:
    return Records(Master(HOME, 1, b"k" * 32))


def test_a_row_that_was_opened_is_known_and_an_edited_one_is_not(records):
    row = records.seal(SECRET_VERSION, "v", "n", {"value": "x"}, version="1")
    assert records.open(row) is records.open(row)
    flipped = bytes([row.sealed[-1] ^ 1])
    for edited in (
        row._replace(state=1),
        row._replace(due=5),
        row._replace(name="other"),
        row._replace(scope="other"),
        row._replace(version="2"),
        row._replace(generation=2),
        row._replace(sealed=row.sealed[:-1] + flipped),
        row._replace(wrapped=row.wrapped[:-1] + bytes([row.wrapped[-1] ^ 1])),
    ):
        with pytest.raises(Damaged):
            records.open(edited)


def test_what_was_opened_is_forgotten_with_the_keys(records):
    row = records.seal(SECRET, "v", "n", {"current": "1"})
    first = records.open(row)
    records.forget()
    again = records.open(row)
    assert again == first
    assert again is not first


def test_no_more_than_a_bounded_number_is_remembered(records):
    for kind, most in ((SECRET, 2048), (SECRET_VERSION, 512)):
        for number in range(most + 100):
            records.open(records.seal(kind, "v", f"n{number}", {"current": "1"}))
        assert len(records._opened[kind]) <= most
    vault = records.seal(VAULT, "", "v", {"name": "v"})
    assert records.open(vault) is not records.open(vault)
