"""Is there a secret in this text? Shapes that betray themselves, and settings named like secrets.

One text in, its findings out, in the order of their places. Whether a line counts, is allowed or
is known already is for check.py to say.
"""

from __future__ import annotations

from devvault.scan.assignments import assignments
from devvault.scan.finding import Finding, shown_part
from devvault.scan.judge import judge
from devvault.scan.sources import Text
from devvault.secretvalue import SecretValue


class Engine:
    """Finds secrets by rules and by the judge. It keeps what it compiled, and no text."""

    def scan(self, text: Text) -> list[Finding]:
        """Return what looks secret in a text. Never raises; time grows with its length."""
        found = []
        for one in assignments(text):
            verdict = judge(one.key, one.value)
            if verdict.secret:
                found.append(
                    Finding(
                        text.name,
                        one.line,
                        one.column,
                        one.key,
                        verdict.rule,
                        verdict.why,
                        shown_part(one.value),
                        end=one.column + len(one.value),
                        held=SecretValue(one.value),
                    )
                )
        return found
