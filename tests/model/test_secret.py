from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Invalid
from devvault.model.secret import VALUE_LIMIT, DeletedSecret, check_value
from tests.model.things import AT, VERSION


def test_nothing_prints_a_value():
    for shown in (repr(VERSION), str(VERSION), f"{VERSION}", repr(DeletedSecret(VERSION, AT, AT))):
        assert "nobody" not in shown


@pytest.mark.parametrize(
    "value", ["", "a\0b", "a\r\n", "é" * (VALUE_LIMIT // 2), "x" * VALUE_LIMIT]
)
def test_values(value):
    assert check_value(value) == value


@pytest.mark.parametrize("value", ["x" * (VALUE_LIMIT + 1), "é" * (VALUE_LIMIT // 2 + 1)])
def test_the_limit_counts_bytes(value):
    with pytest.raises(Invalid, match="25 KB") as caught:
        check_value(value)
    assert value not in caught.value.message


def test_what_is_no_text_is_refused_without_telling_it():
    with pytest.raises(Invalid) as caught:
        check_value("sesame\ud800")
    assert "sesame" not in caught.value.message


@given(st.text(max_size=200))
def test_a_value_comes_back_as_it_is(value):
    assert check_value(value) is value


def test_a_refusal_tells_the_size_only():
    try:
        check_value("sesame" * 10_000)
    except Invalid:
        assert "sesamesesame" not in traceback.format_exc(limit=0)
