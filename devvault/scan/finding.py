"""Finding: one place where a secret stands in clear. It never holds the whole value."""

from __future__ import annotations

from dataclasses import dataclass

SHOWN = 4  # characters of a value that a report may show
_LONG_ENOUGH = 24  # of a shorter value, four characters are too large a part


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret in a file. `line` and `column` count from 1; `shown` is `shown_part` of the value.

    `key` is the setting's name where there is one, `rule` the judge's rule, `why` its sentence.
    """

    path: str
    line: int
    column: int
    key: str
    rule: str
    why: str
    shown: str = ""

    def __post_init__(self) -> None:
        if len(self.shown) > SHOWN:
            msg = "a finding may not hold more of a value"
            raise ValueError(msg)


def shown_part(value: str) -> str:
    """Return the first characters of a long value, nothing of a short one."""
    return value[:SHOWN] if len(value) >= _LONG_ENOUGH else ""
