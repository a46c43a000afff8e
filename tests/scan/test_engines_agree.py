"""One subset of patterns, three engines: `re`, RE2 and Hyperscan say the same of the same text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devvault.scan.rule import load_rules
from tests.scan.forge import Forge

re2 = pytest.importorskip("re2", reason="the extra `fast` is not installed")
hyperscan = pytest.importorskip("hyperscan", reason="the extra `fast` is not installed")

RULES = load_rules()
PYTHON = {rule.id: re.compile(rule.pattern, re.ASCII) for rule in RULES}
LINEAR = {rule.id: re2.compile(rule.pattern) for rule in RULES}


def database():
    made = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    made.compile(
        expressions=[rule.pattern.encode() for rule in RULES],
        ids=list(range(len(RULES))),
        elements=len(RULES),
        flags=[hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_MULTILINE] * len(RULES),
    )
    return made


DATABASE = database()
SEEDS = [(rule.id, template) for rule in RULES for template in (*rule.found, *rule.passed)]


def by_hyperscan(text):
    found = set()

    def on_match(index, _start, _end, _flags, _context):
        found.add(RULES[index].id)

    DATABASE.scan(text.encode(), match_event_handler=on_match)
    return found


def agree(text):
    # Lines, as the engine hands them out; `$` is where the part ends.
    found = set()
    for rule in RULES:
        one = PYTHON[rule.id].search(text)
        other = LINEAR[rule.id].search(text)
        assert (one is None) == (other is None), rule.id
        if one is not None:
            assert one.span() == other.span(), rule.id
            assert one.groups() == other.groups(), rule.id
            found.add(rule.id)
    assert by_hyperscan(text) == found


def test_of_every_example():
    for ident, template in SEEDS:
        agree(Forge(sum(ident.encode())).fill(template).replace("\n", " "))


@settings(max_examples=150)
@given(
    st.sampled_from(SEEDS),
    st.integers(0, 10_000),
    st.integers(0, 400),
    st.text(alphabet="aZ09_-+/=.:;,'\"@$ {}<>&?~QqAKIAsk", max_size=6),
    st.integers(0, 3),
)
def test_of_examples_that_were_changed(seed, number, at, put, cut):
    text = Forge(number).fill(seed[1]).replace("\n", " ")
    at = min(at, len(text))
    agree(text[:at] + put + text[at + cut :])


@settings(max_examples=100)
@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=300))
def test_of_any_line(text):
    agree(text)
