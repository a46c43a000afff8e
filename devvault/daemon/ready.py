"""How the start is told: once, through the pipe that the client gave, else on stderr."""

from __future__ import annotations

import gc
import json
import os
import sys
from contextlib import suppress

from devvault.errors import DevvaultError


class Ready:
    """The word that is owed to whoever started us; given once."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._given = False

    def succeed(self) -> None:
        """Tell that the socket answers."""
        self._tell(b"ready\n")
        gc.freeze()  # what the start made stays for good: no collection need look at it
        gc.enable()

    def fail(self, error: DevvaultError) -> None:
        """Tell why the daemon does not run; after `succeed` there is nobody to tell."""
        from devvault.server.reply import error_reply

        if self._descriptor is None and not self._given:
            sys.stderr.write(f"devvault: error: {error.message}\n")
            if error.hint:
                sys.stderr.write(f"devvault: hint: {error.hint}\n")
        reply = error_reply(error)
        body = {"status": reply.status, **json.loads(reply.body)}
        self._tell(json.dumps(body).encode() + b"\n")

    def _tell(self, word: bytes) -> None:
        if self._given:
            return
        self._given = True
        if self._descriptor is not None:
            with suppress(OSError):  # the client did not wait
                os.write(self._descriptor, word)
            os.close(self._descriptor)
            self._descriptor = None
