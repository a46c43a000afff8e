"""Conditions on role assignments (Azure's ABAC, version 2.0): those about names of secrets.

What is not understood is refused when it is written, and never holds when it is read. A secret's
name has no case, but Azure compares it with case: a condition must hold both ways, so that no
spelling of a name gets around one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from devvault.access.roles import matches
from devvault.errors import Invalid

VERSION = "2.0"
LENGTH_LIMIT = 8192
_DEPTH_LIMIT = 40
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<mark>&&|\|\||[!(){},])"
    r"|(?P<attribute>@[A-Za-z]+\[[^\]]*\])|(?P<word>[A-Za-z][A-Za-z:]*))"
)
_VAULT_NAME = "microsoft.keyvault/vaults:name"
_SECRET_NAME = "microsoft.keyvault/vaults/secrets:name"  # noqa: S105  # the name of an attribute
_KNOWN = {
    f"@resource[{_VAULT_NAME}]",
    f"@resource[{_SECRET_NAME}]",
    f"@request[{_SECRET_NAME}]",
}
# Where the name is that of a secret that need not be there yet.
_REQUESTS = ("/secrets/setsecret/action", "/secrets/restore/action")
_ANY = {"foranyofanyvalues", "forallofanyvalues"}
_ALL = {"foranyofallvalues", "forallofallvalues"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a condition looks at: an action, and the names of vault and secret (empty: none)."""

    action: str
    vault: str
    secret: str

    def attribute(self, name: str) -> str | None:
        """Return the value of an attribute, None where this request does not have it."""
        if name == f"@resource[{_VAULT_NAME}]":
            return self.vault or None
        is_request = self.action.lower().endswith(_REQUESTS)
        if name.startswith("@request") is not is_request:
            return None
        return self.secret or None


_Test = Callable[[Facts, bool], bool]


def facts_of(action: str, resource: str) -> Facts:
    """Return what is to be known of an action on a resource, by its id."""
    segments = resource.split("/")
    low = [segment.lower() for segment in segments]
    vault = segments[8] if len(segments) > 8 and low[7] == "vaults" else ""
    secret = segments[10] if len(segments) > 10 and low[9] == "secrets" else ""
    return Facts(action, vault, secret)


def holds(condition: str, facts: Facts) -> bool:
    """Say whether a condition holds; one that cannot be read does not."""
    try:
        test = _parsed(condition)
    except Invalid:
        return False
    return test(facts, True) and test(facts, False)


def check_condition(condition: str, version: str) -> str:
    """Return a condition, or refuse it.

    Raises:
        Invalid: another version, or something that is malformed or not understood here.
    """
    if version != VERSION:
        raise _invalid(f"the condition version must be '{VERSION}'")
    _parsed(condition)
    return condition


@lru_cache(maxsize=1024)
def _parsed(condition: str) -> _Test:
    if len(condition) > LENGTH_LIMIT:
        raise _invalid(f"the condition is longer than {LENGTH_LIMIT} characters")
    reader = _Reader(_tokens(condition))
    test = reader.either(0)
    if reader.at < len(reader.tokens):
        raise _invalid(f"unexpected {reader.tokens[reader.at]!r}")
    return test


def _tokens(condition: str) -> list[str]:
    found: list[str] = []
    at = 0
    while condition[at:].strip():
        token = _TOKEN.match(condition, at)
        if token is None:
            raise _invalid(f"unexpected {condition[at:].strip()[:20]!r}")
        found.append(token[0].strip())
        at = token.end()
    return found


class _Reader:
    """Reads tokens into one test; `OR` binds least, then `AND`, then `!`."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0

    def either(self, depth: int) -> _Test:
        """Read tests joined by OR."""
        tests = [self._both(depth)]
        while self._take("or", "||"):
            tests.append(self._both(depth))
        return lambda facts, case: any(test(facts, case) for test in tests)

    def _both(self, depth: int) -> _Test:
        tests = [self._one(depth)]
        while self._take("and", "&&"):
            tests.append(self._one(depth))
        return lambda facts, case: all(test(facts, case) for test in tests)

    def _one(self, depth: int) -> _Test:
        if depth > _DEPTH_LIMIT:
            raise _invalid("it is nested too deeply")
        if self._take("!", "not"):
            test = self._one(depth + 1)
            return lambda facts, case: not test(facts, case)
        if self._take("("):
            test = self.either(depth + 1)
            self._must(")")
            return test
        if self._take("actionmatches"):
            pattern = self._braced()
            return lambda facts, _case: matches(pattern, facts.action)
        if self._take("exists"):
            name = self._attribute()
            return lambda facts, _case: facts.attribute(name) is not None
        if self._take("notexists"):
            name = self._attribute()
            return lambda facts, _case: facts.attribute(name) is None
        return self._comparison()

    def _comparison(self) -> _Test:
        name = self._attribute()
        word = self._next()
        quantity, mark, plain = word.rpartition(":")
        if mark and quantity.lower() not in _ANY | _ALL:
            raise _invalid(f"unknown operator {word!r}")
        compare = _operator(plain or word)
        values = self._braced() if mark else (self._text(),)
        join = all if quantity.lower() in _ALL else any

        def test(facts: Facts, case: bool) -> bool:
            found = facts.attribute(name)
            return found is not None and join(compare(found, value, case) for value in values)

        return test

    def _attribute(self) -> str:
        found = self._next()
        if found.lower() not in _KNOWN:
            raise _invalid(f"unknown attribute {found!r}")
        return found.lower()

    def _braced(self) -> tuple[str, ...]:
        self._must("{")
        found = [self._text()]
        while self._take(","):
            found.append(self._text())
        self._must("}")
        return tuple(found)

    def _text(self) -> str:
        found = self._next()
        if not found.startswith("'"):
            raise _invalid(f"a text is expected in place of {found!r}")
        return re.sub(r"\\(.)", r"\1", found[1:-1])

    def _take(self, *words: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at].lower() in words:
            self.at += 1
            return True
        return False

    def _must(self, word: str) -> None:
        if not self._take(word):
            raise _invalid(f"{word!r} is missing")

    def _next(self) -> str:
        if self.at >= len(self.tokens):
            raise _invalid("it ends too early")
        self.at += 1
        return self.tokens[self.at - 1]


def _operator(word: str) -> Callable[[str, str, bool], bool]:
    """Return how a string operator compares an attribute with a value, with case or without."""
    low = word.lower()
    plain = low.removesuffix("ignorecase")
    positive = plain.replace("stringnot", "string", 1)
    compare = _COMPARE.get(positive)
    if compare is None:
        raise _invalid(f"unknown operator {word!r}")
    ignores, negative = plain != low, positive != plain

    def test(found: str, value: str, case: bool) -> bool:
        if ignores or not case:
            found, value = found.lower(), value.lower()
        return compare(found, value) is not negative

    return test


def _like(found: str, pattern: str) -> bool:
    """Compare with `*` for any text and `?` for one character; its cost is bounded."""
    at = place = 0
    star = mark = -1
    while at < len(found):
        if place < len(pattern) and pattern[place] == "*":
            star, mark = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", found[at]):
            at, place = at + 1, place + 1
        elif star >= 0:
            mark += 1
            at, place = mark, star + 1
        else:
            return False
    return not pattern[place:].strip("*")


_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "stringequals": lambda found, value: found == value,
    "stringstartswith": lambda found, value: found.startswith(value),
    "stringlike": _like,
}


def _invalid(why: str) -> Invalid:
    return Invalid(
        f"The role assignment condition cannot be used: {why}.",
        code="RoleAssignmentConditionNotSupported",
        hint="conditions about names of secrets are understood: devvault help access",
    )
