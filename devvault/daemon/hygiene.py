"""Makes a process fit to hold a master key: before any secret, whatever started it.

The client spawns the daemon clean; this checks and repairs what it was given, for `daemon run`
under systemd too. It promises no locked memory: Python copies strings as it likes.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterable, MutableMapping
from contextlib import suppress

# What the key ring, the locale, the clock and our own options need; nothing else is kept.
_KEPT = frozenset(
    {
        "HOME",
        "USER",
        "LOGNAME",
        "LANG",
        "LANGUAGE",
        "TZ",
        "DBUS_SESSION_BUS_ADDRESS",
        "DISPLAY",
        "WAYLAND_DISPLAY",
    }
)
_KEPT_STARTS = ("LC_", "XDG_", "DEVVAULT_")
_NEVER_STARTS = ("DEVVAULT_PASSPHRASE", "DEVVAULT_BEFORE")
# Each of 512 connections on loopback may be a tunnel, which has two ends; others come over the
# socket.
DESCRIPTORS = 4096
FIXED_PATH = "/usr/local/bin:/usr/bin:/bin"

_PR_SET_DUMPABLE = 4
_PR_GET_DUMPABLE = 3
_PT_DENY_ATTACH = 31


def make_clean(*, keep: Iterable[int], foreground: bool = False) -> None:
    """Close, reset and refuse: descriptors, signals, limits, environment, folder, core dumps.

    `keep` are descriptors above 2 that stay open. In the foreground the session and the standard
    streams stay those of the one who started us.

    Raises:
        OSError: the kernel refuses what must be had; nothing may be unlocked then.
    """
    forbid_dumps()
    raise_descriptor_limit()
    os.umask(0o077)
    os.chdir("/")
    reset_signals()
    if not foreground:
        with suppress(PermissionError):  # a session leader already
            os.setsid()
    fill_standard_streams(to_null=not foreground)
    close_descriptors(keep)
    trim_environment(os.environ)


def forbid_dumps() -> None:
    """Let nobody read this process's memory: no core file, no ptrace, `/proc/PID` root's.

    Raises:
        OSError: the kernel refuses.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform.startswith("linux"):
        _prctl(_PR_SET_DUMPABLE, 0)
        if is_dumpable():
            raise OSError("this process can still be dumped")
    elif sys.platform == "darwin":  # pragma: no cover
        import ctypes

        ctypes.CDLL(None).ptrace(_PT_DENY_ATTACH, 0, None, 0)


def raise_descriptor_limit() -> None:
    """Let us have as many descriptors as our connections need, or as many as we may have."""
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if most == resource.RLIM_INFINITY else min(DESCRIPTORS, most)
    if limit != resource.RLIM_INFINITY and limit < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def descriptor_limit() -> int:
    """Return how many descriptors we may have."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return DESCRIPTORS if limit == resource.RLIM_INFINITY else limit


def is_dumpable() -> bool:
    """Say whether another process of this user may read our memory (Linux)."""
    return _prctl(_PR_GET_DUMPABLE, 0) != 0


def reset_signals() -> None:
    """Give every signal its default, unblock all; a closed terminal or pipe does not end us."""
    for number in signal.valid_signals():
        if number in (signal.SIGKILL, signal.SIGSTOP):
            continue
        with suppress(OSError, ValueError):  # a real-time signal that the C library keeps
            signal.signal(number, signal.SIG_DFL)
    for name in ("SIGPIPE", "SIGHUP", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def fill_standard_streams(*, to_null: bool) -> None:
    """Make 0 to 2 the null device: all of them, or only those that are closed."""
    for number in (0, 1, 2):
        if not to_null and _is_open(number):
            continue
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number, inheritable=True)
            os.close(null)


def close_descriptors(keep: Iterable[int]) -> None:
    """Close every descriptor above 2 but these."""
    last = 2
    for number in sorted({number for number in keep if number > last}):
        os.closerange(last + 1, number)
        last = number
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    top = 1 << 20 if limit == resource.RLIM_INFINITY else min(limit, 1 << 20)
    os.closerange(last + 1, top)


def trim_environment(environment: MutableMapping[str, str]) -> None:
    """Keep what the allow-list names; a passphrase never; PATH is fixed."""
    for name in list(environment):
        kept = name in _KEPT or name.startswith(_KEPT_STARTS)
        if not kept or name.startswith(_NEVER_STARTS):
            del environment[name]
    environment["PATH"] = FIXED_PATH


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _prctl(option: int, value: int) -> int:
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    result: int = library.prctl(option, value, 0, 0, 0)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
