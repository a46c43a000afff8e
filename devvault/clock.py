"""The time, as an argument: a `Clock` is handed down, nothing else asks the system for it.

Times are aware UTC datetimes. Tests set a `SetClock`; they never sleep.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Says what time it is."""

    def now(self) -> datetime:
        """Return the time as an aware UTC datetime."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the machine's time."""
        return datetime.now(UTC)


class SetClock:
    """A clock that stands still until it is set or moved."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the time it was set to."""
        return self._now

    def set(self, moment: datetime) -> None:
        """Set the time."""
        self._now = moment

    def move(self, by: timedelta) -> None:
        """Move the time by a span, backwards too."""
        self._now += by
