# ruff: noqa: E501  # samples stay in one piece
from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Invalid, NotFound
from devvault.settingsfiles.base import get_format

APP = get_format("json")
LOCAL = get_format("localsettings")
ODD = (
    b'\xef\xbb\xbf/* top */ {\r\n  "Logging": {"LogLevel": {"Default": "Warning"}}, // why\r\n'
    b'  "ConnectionStrings": {\r\n    "Db": "Server=.;\\u0041=\\"x\\"",\r\n    /* "Old": "no" */\r\n'
    b'  },\r\n  "Hosts": ["a", "b\\\\", {"K": "v//no comment"}],\r\n  "Port": 80, "On": true, "N": null,\r\n'
    b'  "Token": "first", "Token": "second" // devvault: allow a fake\r\n}\r\n// no newline at the end'
)  # fmt: skip


def values(form, data):
    return [(one.key, one.value) for one in form.read(data)]


def test_every_oddity_is_read():
    assert values(APP, ODD) == [
        ("Logging:LogLevel:Default", "Warning"),
        ("ConnectionStrings:Db", 'Server=.;A="x"'),
        ("Hosts:0", "a"),
        ("Hosts:1", "b\\"),
        ("Hosts:2:K", "v//no comment"),
        ("Token", "first"),
        ("Token", "second"),
    ]
    settings = APP.read(ODD)
    assert [one.line for one in settings] == [2, 4, 7, 7, 7, 9, 9]
    assert settings[-1].allow_reason == "a fake"
    assert "set again" in (settings[-2].note or "")
    assert ODD[settings[1].offset_start : settings[1].offset_end].startswith(b'"Server=')


def test_a_change_touches_nothing_else():
    changed = APP.rewrite(ODD, {"ConnectionStrings:Db": "@ref", "Token": "t"})
    old = b'"Server=.;\\u0041=\\"x\\""'
    expected = ODD.replace(old, b'"@ref"').replace(b'"first"', b'"t"').replace(b'"second"', b'"t"')
    assert changed == expected


def test_values_of_functions_have_no_prefix():
    data = b'{"IsEncrypted": false, "Values": {"A:B": "x", "C": "y"}, "Host": {"CORS": "*"}}'
    assert values(LOCAL, data) == [("A:B", "x"), ("C", "y"), ("Host:CORS", "*")]
    assert LOCAL.append(data, "D", "z") == data.replace(b'"y"', b'"y", "D": "z"')
    assert LOCAL.append(b'{"Values": {}}', "D", "z") == b'{"Values": {"D": "z"}}'
    with pytest.raises(Invalid):
        LOCAL.append(b"{}", "D", "z")


def test_an_addition_keeps_the_layout():
    assert APP.append(b'{\r\n  "A": "1"\r\n}', "B", "2") == b'{\r\n  "A": "1",\r\n  "B": "2"\r\n}'
    assert APP.append(b'{\n  "A": "1",\n}', "B", "2") == b'{\n  "A": "1",\n  "B": "2",\n}'


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", 1), (b"[]", 1), (b'{"A": \n "b}', 2), (b'{"A"\n "b"}', 2), (b'{"A": "b"\n,,}', 2),
        (b'{"A": 01}', 1), (b'{"A": "\t"}', 1), (b'{"A": tru}', 1), (b'{"A": "x"} {', 1),
        (b"{'A': 1}", 1), (b'{"A": "\\ud800"}', 1), (b"{" * 4, 1), (b"\xff{}", 1), (b'{"A":1\0}', 1),
        (b'{"A":' + b"[" * 200 + b"]" * 200 + b"}", 1), (b"/* {}", 1),
    ],
)  # fmt: skip
def test_what_is_no_json_is_told_by_its_line(data, line):
    with pytest.raises(Invalid) as error:
        APP.read(data)
    assert error.value.message.startswith(f"line {line} ")


def test_a_member_that_is_not_there():
    with pytest.raises(NotFound):
        APP.rewrite(ODD, {"Port": "x"})


SOME = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abcAB_1", min_size=1, max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(
    tree=st.dictionaries(st.text("abcAB_1", min_size=1, max_size=4), SOME, max_size=4),
    indent=st.sampled_from([None, 0, 2]),
    escaped=st.booleans(),
    new=st.text(max_size=8),
    chosen=st.integers(0, 20),
)
def test_any_json_is_read_and_rewritten_byte_by_byte(tree, indent, escaped, new, chosen):
    data = json.dumps(tree, indent=indent, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    try:
        settings = APP.read(data)
    except Invalid:
        return
    usable = [one for one in settings if one.error is None]
    if not usable:
        return
    one = usable[chosen % len(usable)]
    same = [other for other in usable if other.key == one.key]
    try:
        changed = APP.rewrite(data, {one.key: new})
    except Invalid:
        return
    rest = data
    for other in reversed(same):
        written = json.dumps(new, ensure_ascii=False).encode()
        rest = rest[: other.offset_start] + written + rest[other.offset_end :]
    assert changed == rest
    assert json.loads(changed) is not None
