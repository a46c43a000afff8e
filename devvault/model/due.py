"""What falls due at a time. Pure: the scheduler wakes, asks here, and acts through the vault."""

from __future__ import annotations

from datetime import datetime, timedelta

from devvault.model.secret import Secret
from devvault.model.vault import Vault

# How long the file that an import rewrote can be brought back.
STASH_LIFE = timedelta(days=30)


def is_purge_due(thing: Secret | Vault, now: datetime) -> bool:
    """Say whether a deleted secret or vault has reached its scheduled purge."""
    return thing.purge_at is not None and thing.purge_at <= now


def stash_due(made: datetime) -> datetime:
    """Return when a file that was laid by at `made` is removed for good."""
    return made + STASH_LIFE


def is_stash_due(made: datetime, now: datetime) -> bool:
    """Say whether a file that was laid by has been kept long enough."""
    return stash_due(made) <= now
