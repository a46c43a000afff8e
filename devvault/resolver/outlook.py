"""What is told of a run's settings without their values: where each comes from, when it expires.

Rows for `run --dry-run`, and the reminder that `run` gives on a terminal. Pure: time comes in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from devvault.resolver.plan import Plan, Settings

REMIND_WITHIN = timedelta(days=30)
_DAY = timedelta(days=1)

PLAIN = "plain"
COMPOSED = "made of secrets"


@dataclass(frozen=True, slots=True)
class Met:
    """The version that a reference led to, and when it expires."""

    version: str
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class Row:
    """One setting of a dry run; `secret` is vault/name, or says that there is none."""

    setting: str
    source: str
    secret: str
    version: str = ""
    expires: str = ""

    @property
    def line(self) -> str:
        """The row as one line of tabs, which no member can hold."""
        cells = (self.setting, self.source, self.secret, self.version, self.expires)
        return "\t".join("".join(c if c.isprintable() else "?" for c in cell) for cell in cells)

    @classmethod
    def of(cls, line: str) -> Row:
        """Return the row that a line says; an odd one keeps what is there."""
        cells = [*line.split("\t"), "", "", "", "", ""]
        return cls(*cells[:5])


def rows(plan: Plan, settings: Settings, met: Mapping[str, Met], now: datetime) -> list[Row]:
    """Return a row for every setting that the child would get; `met` is keyed by lower-case URI."""
    places = {one.key: file.path for file, one in settings if one.error is None}
    found: dict[str, Row] = {}
    for one in plan.resolved:
        at = met.get(one.reference.uri.lower())
        found[one.setting] = Row(
            one.setting,
            one.source,
            f"{one.reference.vault}/{one.reference.name}",
            at.version if at else one.reference.version or "",
            expiry(at.expires, now) if at else "",
        )
    for name in plan.variables:
        if name not in found:
            what = COMPOSED if name in plan.secret else PLAIN
            found[name] = Row(name, places.get(name, "the environment"), what)
    return [found[name] for name in sorted(found)]


def reminders(plan: Plan, met: Mapping[str, Met], now: datetime) -> list[str]:
    """Return a sentence for each secret in use that expires soon, or has expired."""
    told: dict[str, None] = {}
    for one in plan.resolved:
        at = met.get(one.reference.uri.lower())
        if at is None or at.expires is None or at.expires > now + REMIND_WITHIN:
            continue
        if one.reference.version:
            continue  # whoever pins a version means it
        where = f"{one.reference.vault}/{one.reference.name}"
        words = expiry(at.expires, now)
        words = words if words.startswith("expired") else f"expires {words}"
        told[f"{one.setting}: the secret {where} {words}"] = None
    return list(told)


def expiry(expires: datetime | None, now: datetime) -> str:
    """Return when something expires, in days begun: `in 3 days`, `expired 2 days ago`, or ""."""
    if expires is None:
        return ""
    days = -((now - expires) // _DAY)
    count = f"{abs(days)} day{'' if abs(days) == 1 else 's'}"
    if days > 0:
        return f"in {count}"
    return f"expired {count} ago" if days else "expired today"


def shown(found: Sequence[Row]) -> list[dict[str, object]]:
    """Return rows as objects to print, every member there."""
    return [
        {
            "setting": row.setting,
            "source": row.source,
            "secret": row.secret,
            "version": row.version or None,
            "expires": row.expires or None,
        }
        for row in found
    ]


def table(found: Sequence[Row]) -> list[dict[str, object]]:
    """Return rows as columns to print; those that say nothing are left out."""
    return [
        {
            "Setting": row.setting,
            "Source": row.source,
            "Secret": row.secret,
            "Version": row.version or None,
            "Expires": row.expires or None,
        }
        for row in found
    ]
