"""Finding: one place where a secret stands in clear; four characters of it may show."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from devvault.secretvalue import SecretValue

SHOWN = 4  # characters of a value that a report may show
_LONG_ENOUGH = 24  # of a shorter value, four characters are too large a part


class Severity(Enum):
    """How much harm a value does that is found by whom it should not be."""

    CRITICAL = "critical"  # opens an account, a subscription or a key store
    HIGH = "high"  # opens a service or its data
    MEDIUM = "medium"  # opens little, or is less sure
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret in a file. Places count from 1, in characters; `end` is the column behind it.

    `end_line` is the line that `end` stands on, other than `line` only for a value of several
    lines; 0 stands for `line`. `key` is the setting's name where there is one, `rule` the rule's
    name, `why` its sentence ("because it is ..."), `shown` the `shown_part` of the value.
    `held` is the value as the program would get it: for fingerprints and repairs, in memory only.
    """

    path: str
    line: int
    column: int
    key: str
    rule: str
    why: str
    shown: str = ""
    severity: Severity = Severity.HIGH
    end: int = 0
    end_line: int = 0
    held: SecretValue | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.shown) > SHOWN:
            msg = "a finding may not hold more of a value"
            raise ValueError(msg)


def shown_part(value: str) -> str:
    """Return the first characters of a long value, nothing of a short one."""
    return value[:SHOWN] if len(value) >= _LONG_ENOUGH else ""
