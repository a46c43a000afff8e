# ruff: noqa: E501  # samples stay in one piece
from __future__ import annotations

import time
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Invalid
from devvault.settingsfiles.base import get_format

TOML = get_format("toml")
ODD = b"""\xef\xbb\xbf# top [no.table]\r
title = "a \\"b\\" # no comment" # devvault: allow a fake\r
'quoted key'.inner = 'C:\\path'\r
a . "b.c" = "dotted"\r
many = ["x", 'y', # ]\r
  "z"]\r
inline = { password = "hunter22", deep = { k = "]" } }\r
port = 80\r
when = 1979-05-27T07:32:00Z # "no"\r
cert = \"\"\"\r
line "one"\r
  two \\\r
    three\"\"\"\"\r
raw = '''it's\r
raw''' \r
[ server . "main" ] # table\r
token = "one"\r
[[products]]\r
name = "first"\r
[[products]]\r
name = "second"\r
[products.more]\r
note = ''\r
[[products.parts]]\r
id = "p\""""  # fmt: skip


def values(data):
    return {one.key: one.value for one in TOML.read(data)}


def test_every_oddity_is_read():
    assert values(ODD) == {
        "title": 'a "b" # no comment',
        "quoted key:inner": "C:\\path",
        "a:b.c": "dotted",
        "many:0": "x",
        "many:1": "y",
        "many:2": "z",
        "inline:password": "hunter22",
        "inline:deep:k": "]",
        "cert": 'line "one"\n  two three"',
        "raw": "it's\nraw",
        "server:main:token": "one",
        "products:0:name": "first",
        "products:1:name": "second",
        "products:1:more:note": "",
        "products:1:parts:0:id": "p",
    }
    assert [one.key for one in TOML.read(ODD) if one.is_fixed] == [
        "many:0", "many:1", "many:2", "inline:password", "inline:deep:k"
    ]  # fmt: skip
    assert TOML.read(ODD)[0].allow_reason == "a fake"
    assert TOML.read(ODD)[1].error is not None


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("title", b'"a \\"b\\" # no comment"', b'"@r(x)"'),
        ("a:b.c", b'"dotted"', b'"@r(x)"'),
        ("raw", b"'''it's\r\nraw'''", b"'@r(x)'"),
        ("cert", b'"""\r\nline "one"\r\n  two \\\r\n    three""""', b'"@r(x)"'),
        ("server:main:token", b'"one"\r\n[[', b'"@r(x)"\r\n[['),
        ("products:1:name", b'"second"', b'"@r(x)"'),
        ("products:1:more:note", b"''\r", b"'@r(x)'\r"),
    ],
)
def test_a_change_touches_nothing_else(key, old, new):
    assert ODD.count(old) == 1
    assert TOML.rewrite(ODD, {key: "@r(x)"}) == ODD.replace(old, new)


def test_what_is_not_rewritten_says_so():
    with pytest.raises(Invalid, match="line 7: a text in a list or an inline table"):
        TOML.rewrite(ODD, {"inline:password": "x"})


@pytest.mark.parametrize(
    "data", [b"a", b"a = ", b'a = "', b"[a", b"a = 1\na = 2", b"a = '\xff'", b"a = \0", b"a=[" * 2000]
)  # fmt: skip
def test_what_is_no_toml_is_invalid(data):
    with pytest.raises(Invalid) as error:
        TOML.read(data)
    assert "line" in error.value.message or "file" in error.value.message


@pytest.mark.parametrize(
    "data", [b"a." * 100_000, b"x = {" + b"'a' . " * 100_000, b"[a" + b".b" * 200]
)
def test_a_deep_name_does_no_harm(data):
    started = time.process_time()
    with pytest.raises(Invalid, match="over 100 parts"):
        TOML.read(data)
    assert time.process_time() - started < 2.0


def test_an_addition_stands_above_the_tables():
    assert TOML.append(b"# c\n[t]\na = 1", "N", "x") == b'# c\nN = "x"\n[t]\na = 1'
    assert TOML.append(b"", "N", "x") == b'N = "x"\n'


TEXT = st.text(max_size=8).filter(lambda text: "\0" not in text)


@given(new=TEXT, key=st.sampled_from(["title", "raw", "cert", "server:main:token"]))
def test_any_value_reads_back_and_every_other_byte_stays(new, key):
    one = next(setting for setting in TOML.read(ODD) if setting.key == key)
    changed = TOML.rewrite(ODD, {key: new})
    assert changed.startswith(ODD[: one.offset_start])
    assert changed.endswith(ODD[one.offset_end :])
    assert values(changed) == values(ODD) | {key: new}


@given(st.text("[]{}='\"#\\\n, a.b1", max_size=40))
def test_what_tomllib_reads_is_placed(text):
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    TOML.read(text.encode())
