"""Runs that mask what their program writes are told each value that it fetches, before it has it.

A hearer is a socket in the home's `run/` that such a run listens at; its name comes with the run's
request. Whoever is told can mask the value in whatever the program writes from then on.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import stat
from collections import OrderedDict
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from devvault.clock import Clock
from devvault.server.reply import Reply

_NAME = re.compile(r"m[A-Za-z0-9_-]{7}")
# How long a run that reads nothing may keep the daemon, in seconds, for one value.
_PATIENCE = 0.05
_TOLD_LIMIT = 4096
# A socket that no session has belongs to a run that is being opened, or was killed.
_LEFT_AFTER = 3600.0


def is_hearer(name: str) -> bool:
    """Say whether a text may be the name of a hearer's socket."""
    return _NAME.fullmatch(name) is not None


class Hearers:
    """Tells values to the hearers of one home. Thread-safe: it keeps nothing that matters."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        # What was told to whom: a program that polls does not fill a queue.
        self._told: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def tell_reply(self, hearers: Iterable[str], reply: Reply) -> None:
        """Tell the secret in the answer to a GET, if there is one."""
        body = json.loads(reply.body)
        value, at = body.get("value"), body.get("id")
        if isinstance(value, str) and isinstance(at, str):
            vault, _, name = at.removeprefix("https://").partition("/secrets/")
            shown = f"{vault.partition('.')[0]}/{name.partition('/')[0]}"
            for hearer in hearers:
                self.tell(hearer, shown, value)

    def tell(self, hearer: str, name: str, value: str) -> None:
        """Tell a value and what it is called; who is gone, or stuck, is not waited for."""
        key = (hearer, hashlib.sha256(f"{name}\0{value}".encode()).digest())
        if key in self._told:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(_PATIENCE)
                line.connect(str(self._folder / hearer))
                line.sendall(f"{name}\0{value}".encode())
        except OSError:
            return
        self._told[key] = None
        while len(self._told) > _TOLD_LIMIT:
            with suppress(KeyError):  # another thread was as quick
                self._told.popitem(last=False)

    def forget_others(self, known: Collection[str]) -> None:
        """Remove the sockets that killed runs left behind; those of `known` hearers stay."""
        now = self._clock.now().timestamp()
        with suppress(OSError):
            for path in self._folder.iterdir():
                if not is_hearer(path.name) or path.name in known:
                    continue
                facts = path.lstat()
                if stat.S_ISSOCK(facts.st_mode) and now - facts.st_mtime > _LEFT_AFTER:
                    path.unlink(missing_ok=True)
