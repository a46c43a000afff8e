"""Wakes, asks what is due, acts: purges, retention, anchor, auto-lock, sessions that are over.

It sleeps a minute at most and compares the wall clock on waking, so that a laptop's sleep or a
clock set ahead delays nothing by more than that. A clock set back makes nothing happen twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Protocol

from devvault.clock import Clock
from devvault.config import Config
from devvault.daemon.log import Log
from devvault.errors import DevvaultError
from devvault.vault.gate import Gate
from devvault.vault.keeper import UNLOCKED, Keeper
from devvault.vault.opened import SYSTEM

LONGEST_SLEEP = 60.0
ANCHOR_EVERY = 2.0
PRUNE_EVERY = timedelta(hours=1)


class Activity(Protocol):
    """Counts the requests that touched the home."""

    active: int


class Schedule:
    """What happens by itself. `turn` is one look at the clock; `run` is the loop around it."""

    def __init__(
        self,
        keeper: Keeper,
        config: Callable[[], Config],
        clock: Clock,
        activity: Activity,
        log: Log,
        *,
        ticks: Callable[[], float] = time.monotonic,
        sweep: Callable[[], int] = lambda: 0,
    ) -> None:
        self._keeper = keeper
        self._config = config
        self._clock = clock
        self._activity = activity
        self._log = log
        self._ticks = ticks
        self._sweep = sweep
        self._seen = activity.active
        self._used = clock.now()
        self._used_ticks = ticks()
        self._pruned: datetime | None = None
        self._anchored = activity.active

    async def run(self) -> None:
        """Take turns until cancelled."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="schedule") as worker:
            next_turn = loop.time()
            while True:
                if loop.time() >= next_turn:
                    pause = await loop.run_in_executor(worker, self.turn)
                    next_turn = loop.time() + pause
                if self._activity.active != self._anchored:
                    await loop.run_in_executor(worker, self.save_anchor)
                await asyncio.sleep(min(ANCHOR_EVERY, max(0.05, next_turn - loop.time())))

    def turn(self) -> float:
        """Do what is due now; return how many seconds until the next look, a minute at most."""
        now = self._clock.now()
        self._note_use(now)
        try:
            self._sweep()
            if self._keeper.state != UNLOCKED:
                return LONGEST_SLEEP
            left = self._lock_or_wait(now)
            if left <= 0:
                return LONGEST_SLEEP
            # Loaded when first wanted: a start must not wait for them.
            from devvault.vault import fingerprints

            gate = self._keeper.gate
            fingerprints.drop_idle(gate)
            if gate.stale is not None:
                return min(left, LONGEST_SLEEP)
            self._keeper.finish_erasing()
            self._purge(gate)
            self._prune(gate, now)
            return min(left, self._until_due(gate), LONGEST_SLEEP)
        except DevvaultError as error:
            self._log.write(f"the schedule could not act: {error.code}")
        except Exception as error:  # noqa: BLE001  # the next turn tries again
            self._log.failure("the schedule", error)
        return LONGEST_SLEEP

    def save_anchor(self) -> None:
        """Write the anchor if anything happened since; a failure is tried again at the next."""
        count = self._activity.active
        try:
            self._keeper.save_anchor()
        except DevvaultError as error:
            self._log.write(f"the anchor could not be written: {error.code}")
        except Exception as error:  # noqa: BLE001  # as above
            self._log.failure("the anchor", error)
        self._anchored = count

    def _note_use(self, now: datetime) -> None:
        # A clock that was set back must not add the difference to the idle time allowed.
        if self._activity.active != self._seen or now < self._used:
            self._seen = self._activity.active
            self._used, self._used_ticks = now, self._ticks()

    def _lock_or_wait(self, now: datetime) -> float:
        minutes = self._config().auto_lock_minutes(self._keeper.opened.choice.name)
        if minutes == 0:
            return LONGEST_SLEEP
        # The wall clock counts a laptop's sleep, the ticks count what a set clock hides.
        idle = max((now - self._used).total_seconds(), self._ticks() - self._used_ticks)
        left = minutes * 60 - idle
        if left <= 0:
            self._keeper.lock()
            self._log.write(f"locked after {minutes} minutes without a request")
        return left

    def _purge(self, gate: Gate) -> None:
        from devvault.vault import deleted, stash  # as above

        done = deleted.purge_due(gate, SYSTEM)
        if done:
            self._log.write(f"purged {done} deleted objects whose time had come")
        done = stash.purge_due(gate, SYSTEM)
        if done:
            self._log.write(f"removed {done} files that an import had laid by")

    def _prune(self, gate: Gate, now: datetime) -> None:
        days = self._config().audit_retention_days
        if days == 0 or (
            self._pruned is not None and self._pruned <= now < self._pruned + PRUNE_EVERY
        ):
            return
        from devvault.vault import upkeep  # as above

        self._pruned = now
        done = upkeep.prune_audit(gate, SYSTEM, now - timedelta(days=days))
        if done:
            self._log.write(f"pruned {done} audit records older than {days} days")

    def _until_due(self, gate: Gate) -> float:
        from devvault.vault import deleted  # as above

        moment = self._clock.now().timestamp()
        due = deleted.next_due(gate, int(moment + LONGEST_SLEEP) + 1)
        # Due times are whole seconds, so look again just after.
        return LONGEST_SLEEP if due is None else max(1.0, due - moment + 0.01)
