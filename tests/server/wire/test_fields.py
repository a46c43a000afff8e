from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Invalid
from devvault.server.wire import fields

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
READERS = (
    fields.text,
    fields.required_text,
    fields.flag,
    fields.number,
    fields.moment,
    fields.member,
    fields.items,
    fields.texts,
)


@given(values)
def test_a_reader_gives_its_type_or_refuses(value):
    for reader in READERS:
        try:
            found = reader({"m": value}, "m")
        except Invalid as refused:
            assert "'m'" in refused.message
        else:
            kinds = {
                fields.text: (str, type(None)),
                fields.required_text: (str,),
                fields.flag: (bool, type(None)),
                fields.number: (int, type(None)),
                fields.moment: (datetime, type(None)),
                fields.member: (dict,),
                fields.items: (list, type(None)),
                fields.texts: (tuple,),
            }[reader]
            assert isinstance(found, kinds)


@given(st.binary(max_size=40))
def test_any_bytes_are_an_object_or_refused(data):
    try:
        body = fields.read_body(data)
    except Invalid:
        return
    assert isinstance(body, dict)


@given(st.dictionaries(st.text(), values, max_size=4))
def test_an_object_comes_back(body):
    try:
        data = json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:  # NaN, or half a surrogate pair: not JSON in UTF-8
        return
    assert fields.read_body(data) == body
    assert fields.read_body(b"\xef\xbb\xbf" + data) == body


@pytest.mark.parametrize(
    "data", [b"[]", b"1", b"null", b"{", b'{"a":\xff}', b"[" * 50_000, '{"a":1}'.encode("utf-16")]
)
def test_what_is_no_object(data):
    with pytest.raises(Invalid):
        fields.read_body(data)


def test_an_empty_body_is_an_empty_object():
    assert fields.read_body(b"") == fields.read_body(b" \n") == {}


@pytest.mark.parametrize("seconds", [0, -1, 1772366400, -62135596800, 253402300799])
def test_moments(seconds):
    found = fields.moment({"m": seconds}, "m")
    assert found is not None
    assert found.tzinfo is UTC
    assert int(found.timestamp()) == seconds


@pytest.mark.parametrize("value", [True, 1.0, "1", 253402300800, -62135596801, 10**400, [1]])
def test_what_is_no_moment(value):
    with pytest.raises(Invalid):
        fields.moment({"m": value}, "m")


def test_half_a_surrogate_pair_is_no_text():
    for body in ({"m": "\ud800"}, {"tags": {"\ud800": "a"}}, {"tags": {"a": "\ud800"}}):
        with pytest.raises(Invalid):
            fields.text(body, "m")
            fields.tags(body)
    with pytest.raises(Invalid):
        fields.texts({"m": ["\udfff"]}, "m")


def test_words_are_given_as_they_are_spelled_here():
    assert fields.one_of({"m": "ALLOW"}, "m", "Allow", "Deny") == "Allow"
    assert fields.one_of({}, "m", "Allow") is None
    with pytest.raises(Invalid, match="must be one of Allow, Deny"):
        fields.one_of({"m": "Perhaps"}, "m", "Allow", "Deny")


def test_tags_and_their_absence_differ():
    assert fields.tags({}) is None
    assert fields.tags({"tags": None}) is None
    assert fields.tags({"tags": {}}) == {}
    for bad in ([], "a", {"a": 1}, {"a": None}):
        with pytest.raises(Invalid):
            fields.tags({"tags": bad})
