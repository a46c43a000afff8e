"""Masking alone: every form, any cut, nothing else touched."""

import base64
import html
import itertools
import json
import re
import shlex
import subprocess
import sys
import urllib.parse
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from devvault.cli import mask as module
from devvault.cli.mask import MASK, Mask, forms
from devvault.cli.sieve import Sieve, anchors, find_engine, places

KEY = b"sk_live_51Kq0Vd9TrWmXeZbPuNsHaLcYf"
ODD = b"p@ss 'w\"o/r\\d$1+2&<3>%~`!"


def masked(values, *pieces):
    mask = Mask(values)
    stream = mask.stream()
    return b"".join([stream.feed(piece) for piece in pieces] + [stream.end()]), mask


def cut(data, places):
    ends = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in itertools.pairwise(ends)]


def test_a_value_becomes_the_mask_and_nothing_else_changes():
    out, mask = masked({b"K": KEY}, b"a " + KEY + b" b")
    assert out == b"a [masked] b"
    assert mask.closing() == b"devvault: note: masked once: K (--no-mask shows values)\n"
    assert mask.closing() == b""


def test_the_line_names_each_setting_and_counts():
    out, mask = masked(
        {b"B": KEY, b"A": b"other-value", b"C": b"not there"}, KEY * 2, b"other-value"
    )
    assert out == MASK * 3
    assert mask.closing().startswith(b"devvault: note: masked 3 times: A, B (")


def test_what_is_learnt_later_is_masked_from_then_on():
    mask = Mask({b"A": KEY})
    stream = mask.stream()
    shown = stream.feed(b"one fetched-value " + KEY[:9])
    mask.learn({b"v/n": b"fetched-value"})
    shown += stream.feed(KEY[9:] + b" fetched") + stream.feed(b"-value ") + stream.end()
    assert shown == b"one fetched-value " + MASK + b" " + MASK + b" "
    assert mask.closing() == b"devvault: note: masked 2 times: A, v/n (--no-mask shows values)\n"


def test_what_is_learnt_amid_much_text_is_found_by_the_sieve_too():
    mask = Mask({b"A": KEY})
    stream = mask.stream()
    stream.feed(b"x" * module.MUCH * 2 + KEY)
    mask.learn({b"v/n": b"fetched-value"})
    shown = stream.feed(b"fetched-value" + KEY + b"z") + stream.end()
    assert shown.endswith(MASK * 2 + b"z")


def test_short_values_are_left_alone_and_named():
    values = {b"PIN": b"123", b"PAD": b" 12 \n", b"NONE": b"", b"FOUR": b"1234"}
    out, mask = masked(values, b"123 12 1234")
    assert out == b"123 12 [masked]"
    assert mask.opening() == b"devvault: note: not masked, under 4 characters: PAD, PIN\n"
    assert Mask({b"FOUR": b"1234"}).opening() == b""


def test_a_value_that_ends_with_a_newline_is_found_without_it():
    assert (
        masked({b"K": b"hunter22\n"}, b"x hunter22 y hunter22\n")[0] == b"x [masked] y [masked]\n"
    )


def test_a_prompt_shows_at_once_and_only_a_beginning_is_held_back():
    stream = Mask({b"K": KEY}).stream()
    assert stream.feed(b"Password: ") == b"Password: "
    assert stream.feed(b"Password (sk_li") == b"Password ("
    assert stream.feed(b"ve_no") == b"sk_live_no"
    assert stream.feed(b"sk_liv") == b""
    assert stream.end() == b"sk_liv"


def test_a_value_written_byte_by_byte_never_comes_out():
    data = b"x" + KEY + b"y"
    out, _ = masked({b"K": KEY}, *[data[at : at + 1] for at in range(len(data))])
    assert out == b"x[masked]y"


def test_values_that_overlap_are_one_region():
    values = {b"A": b"abcdef", b"B": b"defghi"}
    for pieces in ([b"-abcdefghi-"], [b"-abcdef", b"ghi-"], [b"-abcde", b"fghi-"]):
        assert masked(values, *pieces)[0] == b"-[masked]-"
    assert masked({b"A": b"aaaa"}, b"aaaaaaa", b"a", b"b")[0] == b"[masked]b"
    inner = {b"IN": b"cdef", b"OUT": b"abcdefgh"}
    out, mask = masked(inner, b"abcdefg", b"h cdef")
    assert out == b"[masked] [masked]"
    assert mask.found == {b"IN", b"OUT"}


FORMS = {
    "base64": base64.b64encode,
    "base64 after one byte": lambda v: base64.b64encode(b"x" + v),
    "base64 after two": lambda v: base64.b64encode(b"xy" + v),
    "base64 amid others": lambda v: base64.b64encode(b'{"p":"' + v + b'","q":"more"}'),
    "base64 of a line": lambda v: base64.b64encode(v + b"\n"),
    "base64url": base64.urlsafe_b64encode,
    "base64url without padding": lambda v: base64.urlsafe_b64encode(v).rstrip(b"="),
    "MIME": base64.encodebytes,
    "hex": lambda v: v.hex().encode(),
    "HEX": lambda v: v.hex().upper().encode(),
    "quote": lambda v: urllib.parse.quote(v).encode(),
    "quote all": lambda v: urllib.parse.quote(v, safe="").encode(),
    "quote_plus": lambda v: urllib.parse.quote_plus(v).encode(),
    "encodeURIComponent": lambda v: urllib.parse.quote(v, safe="!*'()").encode(),
    "JSON": lambda v: json.dumps(v.decode("utf-8", "surrogateescape")).encode("utf-8", "replace"),
    "JSON twice": lambda v: json.dumps(json.dumps(v.decode("latin-1"))).encode(),
    "shlex": lambda v: shlex.quote(v.decode("latin-1")).encode("latin-1"),
    "html": lambda v: html.escape(v.decode("latin-1")).encode("latin-1"),
    "repr": lambda v: repr(v.decode("latin-1")).encode("latin-1", "backslashreplace"),
}


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("value", [KEY, ODD, b"a\nb\tc d", b"x" * 200, b"four", bytes(KEY[::-1])])
def test_each_form_is_masked(form, value):
    written = FORMS[form](value)
    out, mask = masked({b"K": value}, b"[", written, b"]")
    assert mask.found == {b"K"}
    assert MASK in out
    core = out.replace(MASK, b"")
    assert len(core) <= len(written) - len(value) + 8, (written, out)
    assert value not in out
    assert value[: max(4, len(value) // 2)] not in out


def test_text_of_all_languages_is_found_in_json():
    value = "gehäim ☃ 𝄞 wort"
    for ascii_alone in (True, False):
        written = json.dumps({"k": value}, ensure_ascii=ascii_alone).encode()
        assert masked({b"K": value.encode()}, written)[0] == b'{"k": "[masked]"}'
    dotnet = written.decode().replace("ä", "\\u00E4").replace("☃", "\\u2603")
    dotnet = dotnet.replace("𝄞", "\\uD834\\uDD1E").encode()
    assert masked({b"K": value.encode()}, dotnet)[0] == b'{"k": "[masked]"}'


@pytest.mark.parametrize("value", [ODD, b"it's", b"a b\\c", b'say "$HOME" `x`'])
def test_what_shells_print_is_masked(value):
    printed = subprocess.run(
        ["bash", "-c", "printf '%q\\n' \"$V\"; export -p; set"],
        env={"V": value, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    ).stdout
    out, _ = masked({b"K": value}, printed)
    assert out.count(MASK) >= 3


def test_a_key_of_many_lines_is_found_as_a_terminal_prints_it():
    pem = b"-----BEGIN X-----\n" + b"abcdEFGH" * 8 + b"\n" + b"0123" * 9 + b"\n-----END X-----\n"
    assert masked({b"K": pem}, pem.replace(b"\n", b"\r\n"))[0] == b"[masked]\r\n"
    assert masked({b"K": pem}, json.dumps(pem.decode()).encode())[0] == b'"[masked]\\n"'


def test_forms_are_few_where_nothing_needs_an_escape():
    assert len(forms(b"abcdefghijklmnopqrstuvwxyz")) < 20
    assert all(len(form) >= 4 for form in forms(ODD))


VALUES = st.lists(
    st.one_of(
        st.binary(min_size=4, max_size=12).filter(lambda v: len(v.strip()) >= 4),
        st.text("ab", min_size=4, max_size=8).map(str.encode),
        st.text("ab'\"\\ /+%", min_size=4, max_size=8).map(str.encode),
    ).filter(lambda v: len(v.strip()) >= 4),
    min_size=1,
    max_size=3,
)
FORM = st.sampled_from(sorted(FORMS))


@st.composite
def streams(draw):
    values = draw(VALUES)
    parts = draw(
        st.lists(
            st.one_of(
                st.binary(max_size=10),
                st.text("ab", max_size=6).map(str.encode),
                st.sampled_from(values),
                st.sampled_from([form for v in values for form in sorted(forms(v.strip()))]),
            ),
            max_size=8,
        )
    )
    return dict(zip((b"A", b"B", b"C"), values, strict=False)), b"".join(parts)


@given(streams(), st.lists(st.integers(0, 10**6), max_size=12))
@settings(max_examples=300)
@example(({b"A": b"abab"}, b"abababab"), [3, 5])
@example(({b"A": b"abcdef", b"B": b"defghi"}, b"abcdefghi"), [6])
def test_no_cut_changes_what_comes_out_and_no_needle_comes_through(made, places):
    values, data = made
    whole, mask = masked(values, data)
    pieces, others = masked(values, *cut(data, places))
    assert pieces == whole
    assert (others.count, others.found) == (mask.count, mask.found)
    for between in whole.split(MASK):
        assert not [needle for needle in mask.owners if needle in between]
    if not any(needle in data for needle in mask.owners):
        assert whole == data
        assert mask.count == 0


@given(streams(), st.lists(st.integers(0, 10**6), max_size=5))
@settings(max_examples=200)
def test_only_what_may_become_a_value_is_held_back(made, places):
    values, data = made
    mask = Mask(values)
    stream = mask.stream()
    for piece in cut(data, places):
        stream.feed(piece)
        held = stream._held
        assert not held or any(n.startswith(held) and n != held for n in mask.owners)


ENGINES = pytest.mark.parametrize("engine", [find_engine(), None], ids=["engine", "alone"])


@pytest.fixture
def alone(monkeypatch, engine):
    monkeypatch.setattr("devvault.cli.sieve.find_engine", lambda: engine)


def test_the_engine_is_installed_and_the_fast_path_finds_it():
    folder = Path(module.__file__).parent
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import sieve; before = list(sys.path);"
        " engine = sieve.find_engine(); assert sys.path == before; print(engine.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(folder)], capture_output=True, check=True
    )
    assert done.stdout == b"ahocorasick_rs\n"


@ENGINES
@given(made=streams(), filler=st.binary(max_size=50), where=st.integers(0, 3))
@settings(max_examples=200)
def test_the_sieve_finds_each_place(engine, made, filler, where):
    values, data = made
    needles = Mask(values).owners
    sieve = Sieve(needles, engine)
    for text in (filler * where + data + filler, data, data * 3):
        assert sorted(sieve.places(text)) == sorted(places(needles, text))
        if sieve._samples is not None and not sieve._samples.may_hold(text):
            assert not any(needle in text for needle in needles)


@given(VALUES)
@settings(max_examples=100)
def test_each_needle_has_its_anchor(values):
    needles = Mask(dict(zip((b"A", b"B", b"C"), values, strict=False))).owners
    found = anchors(needles)
    assert all(any(piece in needle for piece in found) for needle in needles)


@ENGINES
@pytest.mark.parametrize(
    "around",
    [b"\0", b"\xf8", b"0123456789abcdef", b"The quick brown fox, 42.\n", None],
    ids=["zeros", "decoy", "hex", "text", "random"],
)
@pytest.mark.parametrize("value", [KEY, b"summer-rain-91", b"short"])
@pytest.mark.usefixtures("alone")
def test_much_text_is_masked_as_little_text_is(around, value):
    filler = Random(1).randbytes(70_000) if around is None else (around * 70_000)[:70_000]
    for at in (0, 1, 17, 40_000, 65_530, 69_990):
        data = filler[:at] + value + filler[at:]
        pieces = [data[n : n + 65536] for n in range(0, len(data), 65536)]
        expected = filler[:at] + MASK + filler[at:]
        assert masked({b"K": value, b"L": b"another value"}, *pieces)[0] == expected


@ENGINES
@pytest.mark.usefixtures("alone")
def test_little_by_little_is_much_too():
    line = b"GET /a 200 summer-rain-91\n"
    out, mask = masked({b"K": b"summer-rain-91"}, *[line] * 2000)
    assert out == b"GET /a 200 [masked]\n" * 2000
    assert mask._sieve is not None


@ENGINES
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("count", [50, 400])
def test_a_sieve_of_many_and_long_values_finds_each(count):
    values = {b"S%d" % n: base64.b64encode(b"%030d" % (n * 7919**5)) for n in range(count)}
    filler = base64.b64encode(bytes(range(256)) * 300)
    mask = Mask(values)
    for value in list(values.values())[:: count // 25]:
        stream = mask.stream()
        data = filler[:30_001] + value + filler[30_001:]
        assert len(data) > module.MUCH
        assert stream.feed(data) + stream.end() == filler[:30_001] + MASK + filler[30_001:]
    assert mask.found >= set(list(values)[:: count // 25])


def test_a_very_long_value_costs_no_square():
    value = base64.b64encode(bytes(25_000)) + b"end"
    out, _ = masked({b"K": value}, b"x", value[:20_000], value[20_000:], b"y")
    assert out == b"x[masked]y"


def test_the_mask_tells_no_length():
    assert {masked({b"K": b"v" * size}, b"v" * size)[0] for size in range(4, 40)} == {MASK}
    assert not re.search(rb"\d", MASK)
