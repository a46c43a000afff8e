"""The daemon's own log: a line an event, 0600, three files of 1 MiB at most.

No line holds what a request or a file said: callers write fixed words, names and numbers, and an
unexpected error is told by its kind and place, never by its message.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import traceback
from pathlib import Path

from devvault.clock import Clock
from devvault.paths import make_private_folder

LIMIT = 1 << 20
KEPT = 3
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Log:
    """Appends lines; thread-safe. A full disk silences it and stops nothing."""

    def __init__(self, path: Path, clock: Clock, *, limit: int = LIMIT) -> None:
        make_private_folder(path.parent)
        self.path = path
        self._clock = clock
        self._limit = limit
        self._lock = threading.Lock()

    def write(self, text: str) -> None:
        """Append one line, with the time and our process number."""
        moment = self._clock.now().isoformat(timespec="milliseconds")
        plain = _CONTROL.sub("?", text)
        line = f"{moment} [{os.getpid()}] {plain}\n".encode("utf-8", "backslashreplace")
        with self._lock:
            try:
                self._append(line)
            except OSError:
                return

    def failure(self, what: str, error: BaseException) -> None:
        """Append what went wrong unexpectedly: kinds and places, no message, no value."""
        kinds: list[str] = []
        found: BaseException | None = error
        while found is not None and len(kinds) < 5:
            kinds.append(type(found).__name__)
            found = found.__cause__
        frames = traceback.extract_tb(error.__traceback__)
        places = " < ".join(
            f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
            for frame in reversed(frames[-8:])
        )
        self.write(f"error: {what}: {' from '.join(kinds)} at {places}")

    def _append(self, line: bytes) -> None:
        descriptor = self._open()
        try:
            size = os.fstat(descriptor).st_size
            if size and size + len(line) > self._limit:
                os.close(descriptor)
                self._rotate()
                descriptor = self._open()
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(self.path, flags, 0o600)

    def _rotate(self) -> None:
        for number in range(KEPT - 1, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = (
                self.path if number == 1 else self.path.with_name(f"{self.path.name}.{number - 1}")
            )
            if newer.exists():
                newer.replace(older)


class Bridge(logging.Handler):
    """Takes the warnings of the HTTP server into the log, without their arguments."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write the fixed part of a record; asyncio and uvicorn put data into the arguments."""
        error = record.exc_info[1] if record.exc_info else None
        words = str(record.msg)[:200] if not record.args else f"a message of {record.name}"
        if error is None:
            self._log.write(f"{record.levelname.lower()}: {words}")
        else:
            self._log.failure(record.name, error)
