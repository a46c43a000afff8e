"""Every rule by its own examples of both kinds; values are filled in, none is stored."""

from __future__ import annotations

import re
import time

import pytest

from devvault.errors import Invalid
from devvault.scan.checks import CHECKS
from devvault.scan.engine import Engine
from devvault.scan.rule import load_rules, pattern_error, rules_of
from devvault.scan.sources import Text
from tests.scan.forge import Forge

RULES = load_rules()
AZURE = {rule.id for rule in RULES if rule.family.startswith("azure")}
engine = Engine()


def shapes(text):
    lowered = text.lower()
    keywords, rules_of_word = engine._table
    return {s.rule.id for s in engine._shapes(text, lowered, keywords.find(lowered), rules_of_word)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_finds_what_it_says_and_passes_what_it_says(rule):
    assert rule.found, "examples are its tests"
    assert rule.passed
    assert not rule.check or rule.check in CHECKS
    forge = Forge(sum(rule.id.encode()))
    for number, template in enumerate(rule.found):
        for _ in range(4):
            text = forge.fill(template)
            found = Engine().scan(Text("notes", text))
            assert rule.id in tried(rule, text), f"example {number} of {rule.id}"
            assert found, f"example {number} of {rule.id} is no finding"
    for number, template in enumerate(rule.passed):
        text = forge.fill(template)
        assert rule.id not in tried(rule, text), f"harmless example {number} of {rule.id}"


def tried(rule, text):
    """The rule alone, where its keywords let it be tried."""
    lowered = text.lower()
    hits = [(0, lowered.find(word)) for word in rule.keywords if word in lowered]
    return {shape.rule.id for shape in engine._shapes(text, lowered, hits, [(rule,)])}


def test_there_are_enough_in_families():
    assert len(RULES) >= 150
    assert len({rule.family for rule in RULES}) >= 15
    assert len(AZURE) >= 40
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_no_stored_example_looks_like_a_secret():
    for rule in RULES:
        for template in (*rule.found, *rule.passed):
            for other in ("github", "aws", "slack", "stripe", "sendgrid", "npm", "private"):
                for one in RULES:
                    if one.id.startswith(other) and one.before == "word" and not one.check:
                        assert not re.search(one.pattern, template), (rule.id, one.id)


@pytest.mark.parametrize(
    "text",
    ["a" * 9000, "=" * 9000, "sig=" * 3000, "password=" * 2000, "://" * 3000, "://a:" * 3000,
     "-----BEGIN PRIVATE " * 500, "accountkey=" * 2000, ";password=;" * 1000, "A" * 76 + "+ASt",
     '{"kty": "RSA", ' * 1000, "authorization: basic " * 500, "azure_" * 2000, "eyj." * 3000,
     "eyJaaaaaaaaaaaaaaaaa." * 500, "\n" * 9000, "curl -u " * 1000, "token" * 3000, '"' * 9000],
    ids=lambda text: text[:16].strip(),
)  # fmt: skip
def test_no_text_makes_a_rule_slow(text):
    started = time.process_time()
    once = Engine().scan(Text("a.txt", text))
    assert once is not None
    assert time.process_time() - started < 3.0


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_no_rule_is_worse_than_linear(rule):
    """Its own keyword and its own example over and over, cut short at the end: no match."""
    forge = Forge(7)
    seeds = [forge.fill(template) for template in rule.found[:2]]
    pattern = re.compile(rule.pattern, re.ASCII)
    for seed in [*seeds, *(word * 3 + "=" for word in rule.keywords)]:
        part = seed[: max(1, len(seed) * 2 // 3)].replace("\n", " ")
        times = []
        for size in (4_000, 16_000):
            text = (part * (size // len(part) + 1))[:size]
            started = time.process_time()
            at = 0
            while (match := pattern.search(text, at)) is not None:
                at = match.start() + 1
                if at > size // 4:
                    break
            times.append(time.process_time() - started)
        assert times[1] < 0.05 or times[1] < 12 * max(times[0], 0.002), (rule.id, times)


@pytest.mark.parametrize(
    "pattern",
    [r"a+b", r"a*", r"a{3,}", r"(?=a)", r"(?!a)", r"(?<=a)b", r"(a)\1", r"\bfoo", r"\w{3}", r"\d",
     r"a{1,9999}", r"(?P<x>a)", r"(?s)a", "ü", r"[a", r"a??", r"a{1,2}?"],
)  # fmt: skip
def test_a_pattern_outside_of_the_subset_is_refused(pattern):
    assert pattern_error(pattern) is not None


@pytest.mark.parametrize(
    "pattern", [r"a{1,3}", r"[*+?]{2}", r"\*\+\?\.", r"(?i)a(?:b|c)?", r"\$[a]"]
)
def test_a_pattern_of_the_subset_is_taken(pattern):
    assert pattern_error(pattern) is None


GOOD = {"id": "acme-key", "what": "an Acme key", "severity": "high", "keywords": ["acme"],
        "pattern": "acme_[a-z]{8}"}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "Acme Key"}, "id"),
        ({"what": ""}, "what it finds"),
        ({"severity": "bad"}, "severity"),
        ({"severity": 3}, "text"),
        ({"keywords": []}, "keywords"),
        ({"keywords": "acme"}, "list"),
        ({"pattern": "("}, "cannot be read"),
        ({"pattern": ""}, "either"),
        ({"named": "x", "value": "y"}, "either"),
        ({"before": "moon"}, "before"),
        ({"reach": 99999}, "reach"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_rule_with_an_error_is_refused_in_a_sentence(change, said):
    with pytest.raises(Invalid, match=said) as caught:
        rules_of("acme", {"rule": [{**GOOD, **change}]}, "acme.toml")
    assert "acme.toml, rule 1" in str(caught.value)


def test_a_project_adds_rules_and_replaces_none():
    (rule,) = rules_of("acme", {"rule": [GOOD]}, "acme.toml")
    (found,) = Engine([rule]).scan(Text("a.txt", "see acme_abqdefgh here"))
    assert (found.rule, found.column, found.end) == ("acme-key", 5, 18)
    taken = rules_of("acme", {"rule": [{**GOOD, "id": RULES[0].id}]}, "acme.toml")
    with pytest.raises(Invalid, match="already"):
        load_rules(taken)
