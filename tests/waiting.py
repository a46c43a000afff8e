"""How long a test waits for what must happen: for the event, on a machine that is busy.

`LIMIT` is no expectation: what is slow is measured, not tested. It ends a test that would hang.
"""

from __future__ import annotations

import time
from collections.abc import Callable

LIMIT = 120.0


def wait_for(what: Callable[[], object], limit: float = LIMIT) -> None:
    """Wait until `what` says so."""
    end = time.monotonic() + limit
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
