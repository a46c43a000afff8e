"""`devvault: allow[rule] reason` in a text: a finding that somebody looked at and lets stand.

It counts on its own line, and on the next one where it stands alone in a comment. Without a reason
it counts nowhere. A vault's value needs its rule's name: `allow[vault-value]`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_MARK = re.compile(r"devvault:\s*allow\b(?:\[([\w., *-]*)\])?[^\S\n]*(.*)")
_COMMENT = re.compile(r"\s*(?:#|//|--|;|<!--|/\*|\*|%|'|REM\b|\"\"\"|\{#|<#)")
_END = re.compile(r"\s*(?:\*/|-->|#\}|#>|\"\"\"|\"\s*,?)\s*$")
_LONGEST = 20_000


class Allow(NamedTuple):
    """A mark: the rules that it names (empty: any but a vault's value), and why."""

    rules: frozenset[str]
    reason: str

    def covers(self, rule: str, *, is_value: bool) -> bool:
        """Say whether a finding of this rule is let stand."""
        return rule in self.rules if self.rules or is_value else True


class Allows:
    """The marks of one text, found when a finding asks for its line."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n") if "devvault:" in text else []

    def find(self, line: int, rule: str, *, is_value: bool) -> str | None:
        """Return the reason why a finding on this line may stand, None where there is none."""
        if not self._lines:
            return None
        for at, alone in ((line, False), (line - 1, True)):
            mark = self._mark(at, alone=alone)
            if mark is not None and mark.covers(rule, is_value=is_value):
                return mark.reason
        return None

    def _mark(self, line: int, *, alone: bool) -> Allow | None:
        if not 0 < line <= len(self._lines) or len(self._lines[line - 1]) > _LONGEST:
            return None
        text = self._lines[line - 1]
        found = _MARK.search(text)
        if found is None or (alone and _COMMENT.match(text) is None):
            return None
        reason = _END.sub("", found[2]).strip()
        if not any(c.isalnum() for c in reason):
            return None
        rules = frozenset(word.strip() for word in (found[1] or "").split(",") if word.strip())
        return Allow(rules, reason)
