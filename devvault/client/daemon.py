"""Find, start, stop and wait for a home's daemon. Starts it as a process, never imports it.

The daemon begins clean: nothing of the caller's descriptors, session, folder or environment
reaches it but what is listed here. Why it could not start comes back through a pipe: descriptor
`READY_FD`, on which it writes `ready`, or an error as JSON, and which it then closes.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from devvault import __version__
from devvault.client.http import Connection, error_from, is_down, raise_for
from devvault.errors import DevvaultError, Unavailable
from devvault.paths import Home

READY_FD = 3
START_LIMIT = 60.0  # seconds; a first start may wait for a keyring
STOP_LIMIT = 15.0
ALREADY_RUNNING = "AlreadyRunning"

_HOST = "devvault"
_ANSWER_LIMIT = 20.0
_PAUSE = 0.02
_SAFE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT = frozenset({
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "TZ",
    "USER",
    "WAYLAND_DISPLAY",
})  # fmt: skip
_KEPT_PREFIXES = ("LC_", "XDG_", "DEVVAULT_")
_DROPPED_PREFIX = "DEVVAULT_PASSPHRASE"  # handed over on the socket, where it is asked for

# The shell is the second fork: it leaves at once, so the daemon is nobody's child and no session
# leader, and no lock of a caller's thread is held in it, as one would be after a bare fork().
_LAUNCH = '{ cd / && umask 077 && exec "$@"; } &'


@dataclass(frozen=True, slots=True)
class Facts:
    """What a running daemon says of itself; `state` is `new`, `locked` or `unlocked`."""

    protocol: int
    version: str
    pid: int
    state: str
    key_source: str
    stale: bool


def find(home: Home) -> Facts | None:
    """Return the facts of the daemon that serves a home, None where none runs.

    Raises:
        Unavailable: something is there and does not answer as a daemon of ours.
    """
    connection = Connection(home, timeout=_ANSWER_LIMIT)
    try:
        response = connection.request("GET", _HOST, "/local/status")
    except Unavailable as error:
        if is_down(error):
            return None
        raise
    raise_for(response)
    found = response.json()
    if not isinstance(found, dict):
        raise Unavailable("the daemon's answer cannot be read", hint="devvault daemon stop")
    return Facts(
        protocol=_number(found, "protocol"),
        version=_text(found, "version"),
        pid=_number(found, "pid"),
        state=_text(found, "state"),
        key_source=_text(found, "key_source"),
        stale=found.get("stale") is True,
    )


def ensure(home: Home, *, spawn: bool = True) -> Facts:
    """Return the facts of the home's daemon, started where it does not run.

    A daemon older than this client is replaced, once; a newer one is used as it is.

    Raises:
        Unavailable: it does not run and may not be started, or its start failed. The error is
            the daemon's own where it told one.
        DevvaultError: whatever the daemon refused to start for.
    """
    facts = find(home)
    if facts is not None and spawn and is_older(facts.version, __version__):
        stop(home)
        facts = None
    if facts is not None:
        return facts
    if not spawn:
        raise Unavailable("the daemon is not running", hint="devvault daemon start")
    start(home)
    facts = find(home)
    if facts is None:
        raise Unavailable("the daemon ended right after its start", hint="devvault daemon run")
    return facts


def start(home: Home) -> None:
    """Start the daemon and wait until its socket answers; two at once make one daemon.

    Raises:
        DevvaultError: it did not start, in its own words where it had any.
    """
    limit = time.monotonic() + START_LIMIT
    while True:
        try:
            _launch(home, limit)
        except DevvaultError as error:
            # Another client was faster (wait for its daemon), or an old one is on its way out.
            if error.code != ALREADY_RUNNING or time.monotonic() > limit:
                raise
            if _answers(home):
                return
            time.sleep(_PAUSE)
        else:
            return


def stop(home: Home) -> bool:
    """Stop the home's daemon and wait until it is gone; return False where none ran.

    Raises:
        Unavailable: it still runs after 15 seconds.
    """
    connection = Connection(home, timeout=_ANSWER_LIMIT)
    try:
        raise_for(connection.request("POST", _HOST, "/local/stop"))
    except Unavailable as error:
        if is_down(error):
            return False
        raise
    limit = time.monotonic() + STOP_LIMIT
    while _answers(home) or not _is_lock_free(home):
        if time.monotonic() > limit:
            raise Unavailable("the daemon does not stop", hint="devvault daemon status")
        time.sleep(_PAUSE)
    return True


def is_older(version: str, than: str) -> bool:
    """Return whether a version is lower; what is not made of numbers counts as oldest."""
    return _ordered(version) < _ordered(than)


def environment(home: Home, given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a daemon gets out of a caller's environment."""
    kept = {
        name: value
        for name, value in given.items()
        if (name in _KEPT or name.startswith(_KEPT_PREFIXES))
        and not name.startswith(_DROPPED_PREFIX)
    }
    return {**kept, "PATH": _SAFE_PATH, "DEVVAULT_HOME": str(home.root)}


def _launch(home: Home, limit: float) -> None:
    import select

    reading, writing = _pipe()
    try:
        try:
            _spawn(home, writing)
        finally:
            os.close(writing)
        told = b""
        while True:
            ready, _, _ = select.select([reading], [], [], max(0.0, limit - time.monotonic()))
            if not ready:
                raise Unavailable("the daemon takes too long to start", hint="devvault daemon run")
            piece = os.read(reading, 65536)
            if not piece:
                break
            told += piece
    finally:
        os.close(reading)
    if told.strip() != b"ready":
        raise _told_error(told)


def _spawn(home: Home, writing: int) -> None:
    if not sys.executable:
        raise Unavailable("the Python interpreter does not know its own path")
    import signal

    null = "/dev/null"
    actions: list[tuple[object, ...]] = [(os.POSIX_SPAWN_CLOSE, fd) for fd in _inherited()]
    actions.append((os.POSIX_SPAWN_DUP2, writing, READY_FD))
    actions += [(os.POSIX_SPAWN_OPEN, fd, null, os.O_RDWR, 0) for fd in (0, 1, 2)]
    command = [sys.executable, "-I", "-m", "devvault.daemon", "--ready-fd", str(READY_FD)]
    try:
        child = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", _LAUNCH, "devvault", *command],
            environment(home, os.environ),
            file_actions=actions,
            setsid=True,
            setsigmask=[],
            setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
        )
    except OSError as error:
        raise Unavailable(f"cannot start the daemon: {error.strerror}") from error
    with contextlib.suppress(ChildProcessError):  # a program may take no notice of its children
        os.waitpid(child, 0)


def _pipe() -> tuple[int, int]:
    """Return a pipe, its writing end above every descriptor that the launch rearranges."""
    import fcntl

    reading, low = os.pipe()
    try:
        writing = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 64)
    finally:
        os.close(low)
    return reading, writing


def _inherited() -> list[int]:
    """Return our open descriptors that a new process would get, but 0 to 2."""
    found = []
    for name in os.listdir("/dev/fd"):  # noqa: PTH208  # pathlib would list the same
        try:
            if int(name) > 2 and os.get_inheritable(int(name)):
                found.append(int(name))
        except OSError:
            continue  # the listing's own descriptor
    return found


def _told_error(told: bytes) -> DevvaultError:
    import json

    try:
        found = json.loads(told)
        facts = found["error"]
        return error_from(int(found.get("status", 424)), facts)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Unavailable("the daemon did not start", hint="devvault daemon run")


def _answers(home: Home) -> bool:
    try:
        Connection(home, timeout=_ANSWER_LIMIT).open().close()
    except Unavailable as error:
        if is_down(error):
            return False
        raise
    return True


def _is_lock_free(home: Home) -> bool:
    import fcntl

    try:
        lock = os.open(home.lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def _ordered(version: str) -> tuple[int, ...]:
    parts = version.partition("+")[0].split(".")
    return tuple(int(part) for part in parts) if all(p.isdecimal() for p in parts) else ()


def _number(facts: Mapping[str, object], name: str) -> int:
    found = facts.get(name)
    return found if isinstance(found, int) else 0


def _text(facts: Mapping[str, object], name: str) -> str:
    found = facts.get(name)
    return found if isinstance(found, str) else ""
