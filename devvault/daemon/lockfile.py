"""One daemon a home: the lock that it holds, and `daemon.json`, which says who it is.

The kernel drops the lock with the process, however it dies; so whoever gets it may sweep away the
socket and the facts that a killed daemon left. `daemon.json` is a hint for people and clients,
never a proof.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Mapping
from contextlib import suppress

from devvault.errors import Conflict, Unavailable
from devvault.paths import Home, check_home, make_private_folder


class DaemonLock:
    """The held lock; `release` removes what says that a daemon runs."""

    def __init__(self, home: Home, descriptor: int) -> None:
        self.home = home
        self._descriptor = descriptor

    @classmethod
    def take(cls, home: Home) -> DaemonLock:
        """Take the lock of a home, making `run/` where it is missing.

        Raises:
            Conflict: `AlreadyRunning`: another daemon holds it.
            Unavailable: the home cannot be written.
            WrongUse: the home is not ours alone.
        """
        check_home(home)
        make_private_folder(home.root)
        make_private_folder(home.run)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(home.lock, flags, 0o600)
        except OSError as error:
            raise Unavailable(
                f"cannot write in {home.run}: {error.strerror}",
                hint="make the home writable, or set DEVVAULT_HOME to another folder",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            pid = read_facts(home).get("pid")
            who = f" (pid {pid})" if isinstance(pid, int) else ""
            raise Conflict(
                f"a daemon of this home is already running{who}",
                code="AlreadyRunning",
                hint="devvault daemon status",
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise Unavailable(
                f"{home.lock} cannot be locked: {error.strerror}",
                hint="keep the home on a local disk",
            ) from error
        return cls(home, descriptor)

    def bind(self) -> socket.socket:
        """Return the listening socket, 0600 in a 0700 folder; a dead daemon's is replaced.

        Raises:
            Unavailable: it cannot be bound.
            WrongUse: the short folder for a long path is not ours alone.
        """
        path = self.home.socket
        if path.parent != self.home.run:
            make_private_folder(path.parent)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            with suppress(FileNotFoundError):
                path.unlink()
            before = os.umask(0o177)
            try:
                listener.bind(os.fsencode(path))
            finally:
                os.umask(before)
            listener.listen(512)
        except OSError as error:
            listener.close()
            raise Unavailable(
                f"cannot listen on {path}: {error.strerror or error}",
                hint="set DEVVAULT_HOME to a folder on a local disk",
            ) from error
        listener.setblocking(False)
        return listener

    def write_facts(self, facts: Mapping[str, object]) -> None:
        """Replace `daemon.json`.

        Raises:
            Unavailable: it cannot be written.
        """
        fresh = self.home.facts.with_suffix(".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="utf-8") as file:
                json.dump(dict(facts), file)
                file.write("\n")
            fresh.replace(self.home.facts)
        except OSError as error:
            raise Unavailable(f"cannot write {self.home.facts}: {error.strerror}") from error

    def release(self) -> None:
        """Remove socket and facts, and let the next daemon in."""
        if self._descriptor < 0:
            return
        for path in (self.home.socket, self.home.facts):
            with suppress(OSError):
                path.unlink()
        os.close(self._descriptor)
        self._descriptor = -1


def read_facts(home: Home) -> dict[str, object]:
    """Return what `daemon.json` says; empty where there is none, or none that can be read."""
    try:
        found = json.loads(home.facts.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
