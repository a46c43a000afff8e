"""Between the event loop and a worker thread: bodies in pieces, in both directions.

A slow reader slows the producer down, a reader who left ends it. Nothing is kept whole in memory.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

_ROOM = 16

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class StreamEmit:
    """Takes the pieces of an answer from a worker thread to the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pieces: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._wake = asyncio.Event()
        self._finished = False
        self._gone = False

    def put(self, data: bytes) -> None:
        """Send, waiting for a slow reader.

        Raises:
            ConnectionError: the reader is gone.
        """
        with self._changed:
            while len(self._pieces) >= _ROOM and not self._gone:
                self._changed.wait()
            if self._gone:
                raise ConnectionAbortedError
            self._pieces.append(data)
        self._loop.call_soon_threadsafe(self._wake.set)

    def offer(self, data: bytes) -> None:
        """Send if there is room, else drop it."""
        with self._changed:
            if self._gone or len(self._pieces) >= _ROOM:
                return
            self._pieces.append(data)
        self._loop.call_soon_threadsafe(self._wake.set)

    def finish(self) -> None:
        """Say that nothing more comes (worker thread)."""
        with self._changed:
            self._finished = True
        self._loop.call_soon_threadsafe(self._wake.set)

    def abandon(self) -> None:
        """Say that nobody reads any more (loop)."""
        with self._changed:
            self._gone = True
            self._changed.notify_all()

    async def next_piece(self, watch: asyncio.Future[None]) -> bytes | None:
        """Return the next piece, None at the end or when the reader left (loop)."""
        while True:
            with self._changed:
                if self._pieces:
                    found = self._pieces.popleft()
                    self._changed.notify_all()
                    return found
                if self._finished:
                    return None
                self._wake.clear()
            waiting = asyncio.ensure_future(self._wake.wait())
            await asyncio.wait((waiting, watch), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if watch.done():
                return None


class BodyChunks:
    """A request's body, piece by piece, for a worker thread."""

    def __init__(self, receive: Receive, loop: asyncio.AbstractEventLoop) -> None:
        self._receive = receive
        self._loop = loop
        self._ended = False

    def __iter__(self) -> BodyChunks:
        return self

    def __next__(self) -> bytes:
        """Return the next piece.

        Raises:
            ConnectionError: the sender went away in the middle.
        """
        while not self._ended:
            future = asyncio.run_coroutine_threadsafe(self._ask(), self._loop)
            message = future.result()
            if message["type"] == "http.disconnect":
                raise ConnectionAbortedError
            self._ended = not message.get("more_body", False)
            piece: bytes = message.get("body", b"")
            if piece:
                return piece
        raise StopIteration

    async def _ask(self) -> MutableMapping[str, Any]:
        return await self._receive()
