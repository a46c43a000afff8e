"""What falls due at a time. Pure: the scheduler wakes, asks here, and acts through the vault."""

from __future__ import annotations

from datetime import datetime

from devvault.model.secret import Secret
from devvault.model.vault import Vault


def is_purge_due(thing: Secret | Vault, now: datetime) -> bool:
    """Say whether a deleted secret or vault has reached its scheduled purge."""
    return thing.purge_at is not None and thing.purge_at <= now
