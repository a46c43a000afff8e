# ruff: noqa: E501  # samples stay in one piece
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Invalid
from devvault.settingsfiles.base import get_format

YAML = get_format("yaml")
ODD = b"""\xef\xbb\xbf# top\r
x-shared: &shared\r
  SHARED_TOKEN: &token 'it''s one'   # behind\r
  PLAIN: a b\r
\r
services:\r
  web:\r
    image: "nginx"\r
    environment:\r
      <<: *shared\r
      DB_PASSWORD: "tw\\x6f \\"x\\""\r
      CERT: |\r
        line one\r
          line two\r
\r
      FOLDED: >-\r
        some\r
        words\r
      EMPTY:   # nothing\r
      NIL: ~\r
      PORT: 8080\r
      ALIASED: *token\r
      TYPED: !!str 12\r
      LONG: plain text\r
        goes on\r
  worker:\r
    environment:   # a list\r
      - DB_PASSWORD=three # devvault: allow a fake\r
      - "QUOTED=a b"\r
      - 'SINGLE=it''s'\r
      - BARE\r
      - URL=postgres://u:p@h/d?x=1\r
  flow: {environment: {A: one, B: 'two'}}\r
  listed:\r
    environment: [C=one, "D=two"]\r
  none: {}"""


def values(data):
    return {one.key: one.value for one in YAML.read(data)}


def test_every_oddity_is_read():
    assert values(ODD) == {
        "SHARED_TOKEN": "it's one",
        "PLAIN": "a b",
        "web:DB_PASSWORD": 'two "x"',
        "CERT": "line one\n  line two\n",
        "FOLDED": "some words",
        "EMPTY": None,
        "NIL": None,
        "PORT": "8080",
        "TYPED": "12",
        "LONG": "plain text goes on",
        "worker:DB_PASSWORD": "three",
        "QUOTED": "a b",
        "SINGLE": "it's",
        "BARE": None,
        "URL": "postgres://u:p@h/d?x=1",
        "A": "one",
        "B": "two",
        "C": "one",
        "D": "two",
    }
    allowed = [one for one in YAML.read(ODD) if one.allow_reason]
    assert [(one.key, one.allow_reason, one.line) for one in allowed] == [
        ("worker:DB_PASSWORD", "a fake", 28)
    ]


REFERENCE = "@Microsoft.KeyVault(VaultName=my-app-vault;SecretName=s)"


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("SHARED_TOKEN", b"'it''s one'", b"'{}'"),
        ("PLAIN", b"PLAIN: a b", b"PLAIN: '{}'"),
        ("web:DB_PASSWORD", b'"tw\\x6f \\"x\\""', b'"{}"'),
        ("CERT", b"|\r\n        line one\r\n          line two", b"'{}'"),
        ("FOLDED", b">-\r\n        some\r\n        words", b"'{}'"),
        ("EMPTY", b"EMPTY:", b"EMPTY: '{}'"),
        ("NIL", b"~", b"'{}'"),
        ("TYPED", b"!!str 12", b"!!str '{}'"),
        ("LONG", b"plain text\r\n        goes on", b"'{}'"),
        ("worker:DB_PASSWORD", b"DB_PASSWORD=three", b"DB_PASSWORD={}"),
        ("QUOTED", b'"QUOTED=a b"', b'"QUOTED={}"'),
        ("SINGLE", b"'SINGLE=it''s'", b"'SINGLE={}'"),
        ("BARE", b"- BARE", b"- BARE={}"),
        ("A", b"{A: one", b"{A: '{}'"),
        ("C", b"[C=one", b"[C={}"),
    ],
)
def test_a_change_touches_nothing_else(key, old, new):
    assert ODD.count(old) == 1
    written = new.replace(b"{}", REFERENCE.encode())
    changed = YAML.rewrite(ODD, {key: REFERENCE})
    assert changed == ODD.replace(old, written)
    # Two services that set the same now may bear one name; the value is what counts.
    assert REFERENCE in values(changed).values()


def test_the_same_value_in_two_services_is_one_setting():
    data = b"services:\n a:\n  environment: {K: v}\n b:\n  environment: [K=v]\n"
    assert values(data) == {"K": "v"}
    assert YAML.rewrite(data, {"K": "w x"}) == (
        b"services:\n a:\n  environment: {K: 'w x'}\n b:\n  environment: ['K=w x']\n"
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"services: {a: {environment: {K: v}}}", b"services: {a: {environment: {K: v, NEW: 'x'}}}"),
        (b"services:\n a:\n  environment:\n  - K=v # c", b"services:\n a:\n  environment:\n  - K=v # c\n  - NEW=x"),
        (b"services:\n a:\n  environment:\n   K: |\n    v\n\n", b"services:\n a:\n  environment:\n   K: |\n    v\n   NEW: 'x'\n\n"),
    ],
)  # fmt: skip
def test_an_addition_keeps_the_layout(data, expected):
    assert YAML.append(data, "NEW", "x") == expected


@pytest.mark.parametrize(
    "data",
    [
        b"a: [", b"a: b: c", b"\t- a", b"a: *none", b"--- a\n--- b", b"a: \xff", b"a: \x01", b"a: \0",
        b"[" * 3000, b"'", b"a: &x [*x]\nservices: *x\n<<: }",
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_invalid(data):
    with pytest.raises(Invalid):
        YAML.read(data)


@pytest.mark.parametrize(
    "data",
    [b"", b"# nothing", b"a: b", b"- a", b"services:", b"services: [a]", b"services: {a: b}",
     b"services: {a: {environment: x}}", b"services: {a: {environment: []}}", b"kind: Pod",
     b"services: {a: {environment: [[x], {y: z}]}}", b"services: {a: {environment: {K: [v]}}}"],
)  # fmt: skip
def test_what_sets_nothing_has_no_settings(data):
    assert YAML.read(data) == []
    if b"[[" in data or b"[v]" in data:
        return  # an environment all the same
    with pytest.raises(Invalid):
        YAML.append(data, "A", "b")


def test_aliases_that_grow_do_no_harm():
    layers = "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    assert YAML.read(f"a0: &a0 [x]\n{layers}services: *a11\n".encode()) == []


WRITTEN = st.one_of(st.text(max_size=10), st.text("'\"#: \n\\-{}[],&*!|>%@`=~$", max_size=8))


@given(new=WRITTEN, key=st.sampled_from(sorted(values(ODD))))
def test_any_value_reads_back_and_every_other_byte_stays(new, key):
    one = next(setting for setting in YAML.read(ODD) if setting.key == key)
    try:
        changed = YAML.rewrite(ODD, {key: new})
    except Invalid:
        assert "\0" in new
        return
    head, tail = ODD[: one.offset_start], ODD[one.offset_end :]
    assert changed.startswith(head)
    assert changed.endswith(tail)
    found = YAML.read(changed)
    blank = one.offset_start == one.offset_end  # nothing stood there: a blank comes before it
    at = one.offset_start + blank
    assert new in [setting.value for setting in found if setting.offset_start == at]
