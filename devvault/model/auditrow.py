"""One link of the audit chain as it rests: sealed bytes, and what orders and authenticates them.

It stands here because store keeps it and audit makes it, and neither room may import the other.
"""

from __future__ import annotations

from typing import NamedTuple


class AuditRow(NamedTuple):
    """One link of the audit chain. `at`: microseconds since 1970; `epoch` names the audit keys."""

    seq: int
    at: int
    epoch: int
    sealed: bytes
    mac: bytes
