"""Rules: shapes that betray themselves, read from rules/*.toml, one family of services a file.

A rule's pattern keeps to what `re`, RE2 and Hyperscan read alike: no look-around, no
back-references, ASCII, bounded repeats; what stands before and behind a match is checked in code.
The examples of both kinds that stand in a rule are its tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache

from devvault.errors import Invalid
from devvault.scan import rulecache
from devvault.scan.finding import Severity

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_FIELDS = frozenset(
    {"id", "what", "severity", "keywords", "pattern", "named", "value", "before", "after",
     "entropy", "reach", "check", "near", "found", "passed"}
)  # fmt: skip
# What a pattern may not hold, for all engines to agree, and to be fast.
_ESCAPED = re.compile(r"\\(.)")
_CLASS = re.compile(r"\[\^?[^\]]*\]")
_FOREIGN = re.compile(r"\(\?(?!:|i:|i\))|[*+]|\{\d+,\}|\{,|[?}]\?")
_LONGEST_REPEAT = 1000  # RE2's own limit
_REPEAT = re.compile(r"\{(\d+)(?:,(\d+))?\}")
# Which characters beside a match make it a part of something else.
SIDES: Mapping[str, str] = {
    "word": r"[A-Za-z0-9_]",
    "token": r"[A-Za-z0-9_+/=-]",
    "base64": r"[A-Za-z0-9+/]",
    "none": "",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One shape. `what` completes "because it is ..."; the first group of `pattern` is the value.

    At least one of `keywords` (lower case) stands on each line that the pattern is tried on, and
    one of `near`, where there are any. `reach` is how many characters the match may go on behind
    that line's end. `check` names what else must hold, see `checks.py`.
    """

    id: str
    family: str
    what: str
    severity: Severity
    keywords: tuple[str, ...]
    pattern: str
    before: str = "word"
    after: str = "word"
    entropy: float = 0.0
    reach: int = 0
    check: str = ""
    near: tuple[str, ...] = ()
    found: tuple[str, ...] = field(default=(), compare=False)
    passed: tuple[str, ...] = field(default=(), compare=False)


# A value under a vendor's name: `ACME_API_KEY = "..."`, `"acme": {"token": "..."}`, `acme("...")`.
_NAMED = (
    "(?:{name})[A-Za-z0-9_ .:/-]{{0,40}}[\"'`\\])]{{0,3}}[ \\t]{{0,3}}"
    "(?::=|=>|[=:,(]|\\|\\||\\?\\?)[ \\t]{{0,3}}"
    "(?:[A-Za-z.]{{0,20}}\\()?[\"'`]{{0,1}}({value})"
)


def rules_of(family: str, document: Mapping[str, object], where: str) -> list[Rule]:
    """Return the rules of one parsed file.

    Raises:
        Invalid: a rule that is none; the message names `where`, the rule and what is wrong.
    """
    entries = document.get("rule")
    if not isinstance(entries, list) or set(document) != {"rule"}:
        raise Invalid(f"{where} holds no list of rules", hint="devvault help check")
    return [_rule(family, entry, f"{where}, rule {n}") for n, entry in enumerate(entries, 1)]


def _rule(family: str, entry: object, where: str) -> Rule:
    def wrong(why: str) -> Invalid:
        return Invalid(f"{where}: {why}", hint="devvault help check")

    if not isinstance(entry, dict):
        raise wrong("not a table")
    where = f"{where} ({entry.get('id')})" if isinstance(entry.get("id"), str) else where
    if extra := sorted(set(entry) - _FIELDS):
        raise wrong(f"there is no field {extra[0]}")
    texts = {
        name: entry.get(name, "")
        for name in (
            "id",
            "what",
            "severity",
            "pattern",
            "named",
            "value",
            "before",
            "after",
            "check",
        )
    }
    if not all(isinstance(text, str) for text in texts.values()):
        raise wrong("a text is expected where something else stands")
    if not _ID.fullmatch(texts["id"]):
        raise wrong("its id is missing, or not of the form some-words")
    if not texts["what"]:
        raise wrong("it does not say what it finds")
    try:
        severity = Severity(texts["severity"])
    except ValueError as error:
        raise wrong("its severity is none of critical, high, medium, low") from error
    lists = {name: entry.get(name, []) for name in ("keywords", "near", "found", "passed")}
    for name, items in lists.items():
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise wrong(f"{name} is not a list of texts")
    pattern = texts["pattern"]
    if bool(pattern) == bool(texts["named"]):
        raise wrong("it needs either a pattern, or named and value")
    if texts["named"]:
        pattern = "(?i)" + _NAMED.format(name=texts["named"], value=texts["value"])
        lists["keywords"] = lists["keywords"] or texts["named"].lower().split("|")
    if why := pattern_error(pattern):
        raise wrong(why)
    words = tuple(word.lower() for word in (*lists["keywords"], *lists["near"]))
    if not lists["keywords"] or any(len(word) < 2 or not word.isascii() for word in words):
        raise wrong("it needs keywords of two characters or more")
    sides = (texts["before"] or "word", texts["after"] or "word")
    if any(side not in SIDES for side in sides):
        raise wrong(f"before and after are one of {', '.join(SIDES)}")
    entropy, reach = entry.get("entropy", 0.0), entry.get("reach", 0)
    if not isinstance(entropy, int | float) or not isinstance(reach, int) or not 0 <= reach <= 8192:
        raise wrong("entropy is a number, and reach one of up to 8192")
    return Rule(
        texts["id"], family, texts["what"], severity,
        tuple(word.lower() for word in lists["keywords"]), pattern, *sides, float(entropy), reach,
        texts["check"], tuple(word.lower() for word in lists["near"]),
        tuple(lists["found"]), tuple(lists["passed"]),
    )  # fmt: skip


def pattern_error(pattern: str) -> str | None:
    """Return why a pattern is not of the subset that all engines read alike; None if it is."""
    if not pattern.isascii():
        return "its pattern is not ASCII"
    foreign = next(
        (mark for mark in _ESCAPED.findall(pattern) if mark.isalnum() and mark not in "nt"), ""
    )
    bare = _FOREIGN.search(_CLASS.sub("a", _ESCAPED.sub("a", pattern)))
    if foreign or bare is not None:
        what = f"\\{foreign}" if foreign or bare is None else bare[0]
        return f"its pattern holds {what}, which the engines do not read alike, or not fast"
    for low, high in _REPEAT.findall(pattern):
        if int(high or low) > _LONGEST_REPEAT:
            return f"its pattern repeats more than {_LONGEST_REPEAT} times"
    try:
        re.compile(pattern, re.ASCII)
    except re.error as error:
        return f"its pattern cannot be read: {error.msg}"
    return None


def read_rules(where: str, data: bytes) -> list[Rule]:
    """Return the rules of a file that a project adds.

    Raises:
        Invalid: it is no TOML, or a rule is none; see `rules_of`.
    """
    import tomllib

    try:
        document = tomllib.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # of every kind: no TOML, no text, no number
        raise Invalid(f"{where} is not valid TOML", hint="devvault help check") from error
    return rules_of("project", document, where)


def load_rules(more: Iterable[Rule] = ()) -> tuple[Rule, ...]:
    """Return our own rules, and those that a project adds; an id stands once.

    Raises:
        Invalid: a project's rule has the id of one of ours.
    """
    own = _own()
    taken = {rule.id for rule in own}
    added = []
    for rule in more:
        if rule.id in taken:
            raise Invalid(f"there is a rule {rule.id} already", hint="devvault help check")
        taken.add(rule.id)
        added.append(rule)
    return (*own, *added)


@cache
def _own() -> tuple[Rule, ...]:
    folder = f"{__file__.rpartition('/')[0]}/rules"
    kept = rulecache.load(folder)
    if kept is not None:
        return tuple(_revived(plain) for plain in kept)
    found = _read(folder)
    rulecache.save(folder, [_plain(rule) for rule in found])
    return tuple(found)


def _read(folder: str) -> list[Rule]:
    import tomllib
    from pathlib import Path

    found: list[Rule] = []
    for file in sorted(Path(folder).glob("*.toml")):
        document = tomllib.loads(file.read_text(encoding="utf-8"))
        found += rules_of(file.stem, document, file.name)
    ids = [rule.id for rule in found]
    assert len(ids) == len(set(ids)), "an id stands once"
    return found


def _plain(rule: Rule) -> rulecache.Plain:
    return tuple(
        value.value if isinstance(value, Severity) else value
        for value in (getattr(rule, one.name) for one in fields(Rule))
    )


def _revived(plain: rulecache.Plain) -> Rule:
    id, family, what, severity, *rest = plain
    return Rule(id, family, what, Severity(severity), *rest)
