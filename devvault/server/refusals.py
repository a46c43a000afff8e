"""Refusals before any caller is known, put into the trail without letting a flood fill it.

Sixty in a minute are recorded, each for itself; of more, the next record says how many there were.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import datetime, timedelta

from devvault.access.principals import SERVICE, Caller
from devvault.errors import DevvaultError, Locked, Unauthorized, Unavailable
from devvault.model import operations as op
from devvault.model.operations import Operation
from devvault.server.head import TLS, Head
from devvault.vault.gate import CHALLENGE, Target
from devvault.vault.keeper import Keeper

_BUDGET = 60
_WINDOW = timedelta(minutes=1)


def _is_bare(head: Head) -> bool:
    """Say whether no token was sent: the first half of how every client asks."""
    return not head.headers.get("authorization")


class Refusals:
    """Records refusals of one home. Thread-safe."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._lock = threading.Lock()
        self._began: datetime | None = None
        self._count = 0
        self._unrecorded = 0

    def note(
        self, head: Head, error: DevvaultError, operation: Operation = op.AUTHENTICATE
    ) -> None:
        """Record that a request was refused; a locked home has no trail to write to."""
        gate = self._keeper.find_gate()
        if gate is None:
            return
        unrecorded = self._take(self._keeper.clock.now())
        if unrecorded is None:
            return
        extra = {"unrecorded": str(unrecorded)} if unrecorded else {}
        if isinstance(error, Unauthorized) and head.listener == TLS and _is_bare(head):
            extra[CHALLENGE] = "yes"
        target = Target(f"/devvault/homes/{gate.home}", id=head.shown[:1000], extra=extra)
        nobody = Caller("", "", gate.tenant, "", kind=SERVICE, origin=head.origin)
        with suppress(Unavailable, Locked):  # nothing is handed out, whether recorded or not
            gate.note(nobody, operation, target, error)

    def _take(self, now: datetime) -> int | None:
        """Return how many went unrecorded since the last; None where this one does too."""
        with self._lock:
            if self._began is None or not self._began <= now < self._began + _WINDOW:
                self._began, self._count = now, 0
            if self._count >= _BUDGET:
                self._unrecorded += 1
                return None
            self._count += 1
            found, self._unrecorded = self._unrecorded, 0
            return found
