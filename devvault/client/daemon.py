"""Find, start, stop and wait for a home's daemon. Starts it as a process, never imports it.

A newer daemon serves an older client; a newer client replaces an older daemon, once.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from devvault import __version__
from devvault.client import launch
from devvault.client.http import CUT_OFF, Connection, error_from, is_down, raise_for
from devvault.errors import DevvaultError, Unavailable
from devvault.paths import Home, check_home

START_LIMIT = 60.0  # seconds; a first start may wait for a keyring
STOP_LIMIT = 30.0  # it gives requests that are under way 10, then closes its store
ALREADY_RUNNING = "AlreadyRunning"

_HOST = "devvault"
_ANSWER_LIMIT = 20.0
_PAUSE = 0.02


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
        raise Unavailable(
            "the daemon's answer cannot be read", code=CUT_OFF, hint="devvault daemon stop"
        )
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

    A daemon older than this client is replaced, once; a newer one is used as it is. One that hangs
    up is on its way out, and another is started after it.

    Raises:
        Unavailable: it does not run and may not be started, or its start failed. The error is
            the daemon's own where it told one.
        WrongUse: the home is not ours alone, though a daemon may have started while it was.
        DevvaultError: whatever the daemon refused to start for.
    """
    check_home(home)
    try:
        facts = find(home)
    except Unavailable as error:
        if error.code != CUT_OFF or not spawn:
            raise
        facts = None
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
            _wait(_launched(home), limit)
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

    One that no longer answers, or not yet, is waited for too: it is gone when its lock is free.

    Raises:
        Unavailable: it still runs after 30 seconds.
    """
    limit = time.monotonic() + STOP_LIMIT
    ran = _is_told_to_stop(home)
    while _answers(home) or not _is_lock_free(home):
        if time.monotonic() > limit:
            raise Unavailable("the daemon does not stop", hint="devvault daemon status")
        time.sleep(_PAUSE)
        # Starting, a moment ago: it had no ears yet.
        ran = ran or _is_told_to_stop(home)
    return ran


def is_older(version: str, than: str) -> bool:
    """Return whether a version is lower; what is not made of numbers counts as oldest."""
    return _ordered(version) < _ordered(than)


def _is_told_to_stop(home: Home) -> bool:
    connection = Connection(home, timeout=_ANSWER_LIMIT)
    try:
        raise_for(connection.request("POST", _HOST, "/local/stop"))
    except Unavailable as error:
        # One that is closing hangs up on whom it has not heard yet.
        if error.code == CUT_OFF:
            return True
        if is_down(error):
            return False
        raise
    return True


def _launched(home: Home) -> int:
    if not sys.executable:
        raise Unavailable("the Python interpreter does not know its own path")
    try:
        return launch.launch(os.fsencode(sys.executable), os.fsencode(home.root), dict(os.environb))
    except OSError as error:
        raise Unavailable(f"cannot start the daemon: {error.strerror}") from error


def _wait(pipe: int, limit: float) -> None:
    """Read what a starting daemon tells, and close the pipe."""
    import select

    told = b""
    try:
        while True:
            ready, _, _ = select.select([pipe], [], [], max(0.0, limit - time.monotonic()))
            if not ready:
                raise Unavailable("the daemon takes too long to start", hint="devvault daemon run")
            piece = os.read(pipe, 65536)
            if not piece:
                break
            told += piece
    finally:
        os.close(pipe)
    if told.strip() != b"ready":
        raise _told_error(told)


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
