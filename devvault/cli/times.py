"""Times as a user types them: a date, an ISO 8601 time, or a span like `90d`. Always UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_SPAN = re.compile(r"(\d{1,6})\s*([smhdwy])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}


def find_time(text: str) -> datetime | None:
    """Return the time that a text names; one without a zone is UTC. None where it names none."""
    word = text.strip()
    word = f"{word[:-1]}+00:00" if word[-1:] in ("Z", "z") else word
    try:
        found = datetime.fromisoformat(word)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def find_span(text: str) -> timedelta | None:
    """Return a span: a number and s, m, h, d, w or y (365 days). None where it is none."""
    found = _SPAN.fullmatch(text.strip().lower())
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]]) if found else None


def as_az(text: object) -> object:
    """Return one of ARM's times as az prints it, with +00:00; anything else as it is."""
    found = find_time(text) if isinstance(text, str) else None
    return text if found is None else found.isoformat()


def iso(seconds: object) -> str | None:
    """Return seconds since 1970 as az prints times: ISO 8601 with +00:00; None for none."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat()
