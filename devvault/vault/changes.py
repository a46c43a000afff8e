"""That something in the home may have changed: whoever waits is woken, and looks for himself.

It outlives the gate, which goes with the keys, and holds nothing of a vault.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Changes:
    """A number that grows with every change, and a way to wait for that. Thread-safe."""

    def __init__(self) -> None:
        self._told = threading.Condition()
        self._turn = 0

    @property
    def turn(self) -> int:
        """The number of changes so far; take it before looking at what it is about."""
        return self._turn

    def tell(self) -> None:
        """Say that something is changing or has changed. Takes no time."""
        with self._told:
            self._turn += 1
            self._told.notify_all()

    def wake(self) -> None:
        """Let everybody who waits ask again whether he is to end."""
        with self._told:
            self._told.notify_all()

    def wait(self, turn: int, has_ended: Callable[[], bool]) -> None:
        """Return once the number is another than `turn`, or once `has_ended` says so."""
        with self._told:
            while self._turn == turn and not has_ended():
                self._told.wait()
