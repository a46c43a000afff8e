"""One line on a terminal for work that takes more than a second; nothing anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

PATIENCE = 1.0
Piece = TypeVar("Piece")


class Progress:
    """A line on stderr that is drawn after a second and erased at the end.

    It measures its own patience, so it may read the monotonic clock; nothing is decided by it.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._from = time.monotonic()
        self._drawn = 0.0
        self._is_shown = False
        self._may_draw = sys.stderr is not None and sys.stderr.isatty()

    def step(self, done: int, total: int) -> None:
        """Say how far the work is; draws at most ten times a second."""
        now = time.monotonic()
        if not self._may_draw or now - self._from < PATIENCE or now - self._drawn < 0.1:
            return
        self._drawn = now
        share = f"{done} of {total}" if total else str(done)
        print(f"\r\x1b[K{self._what}: {share}", end="", file=sys.stderr, flush=True)
        self._is_shown = True

    def count(self, pieces: Iterable[Piece], total: int = 0) -> Iterator[Piece]:
        """Return the pieces as they come, one step each."""
        for done, piece in enumerate(pieces, 1):
            self.step(done, total)
            yield piece

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
