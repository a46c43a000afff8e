"""What the system says about the processes of a run: their group, and whether any of it lives."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_LINUX = sys.platform == "linux"
_DEAD = frozenset("ZXx")
# Fields of /proc/PID/stat, counted from the state, which follows the name in brackets.
_STATE, _GROUP, _STARTED = 0, 2, 19


class _Facts(NamedTuple):
    state: str
    group: int
    started: str


def group_of(pid: int) -> int:
    """Return the process group of a process; 0 where the system does not tell."""
    if pid <= 0:
        return 0
    try:
        return os.getpgid(pid)
    except OSError:
        return 0


def leader_mark(group: int) -> str:
    """Return what tells the leader of this group from a later process of the same number.

    Empty where the leader is gone, or the system has no such mark.
    """
    found = _facts(group) if _LINUX else None
    return "" if found is None or found.group != group else found.started


def process_mark(pid: int) -> str:
    """Return what tells this process from a later one of the same number; empty where unknown."""
    found = _facts(pid) if _LINUX and pid > 0 else None
    return "" if found is None else found.started


def is_process_alive(pid: int, mark: str) -> bool:
    """Say whether this very process lives; yes where the system does not tell."""
    if not _LINUX:
        return _answers(pid, os.kill)
    found = _facts(pid)
    return found is not None and found.started == mark and found.state not in _DEAD


def is_group_alive(group: int, mark: str) -> bool:
    """Say whether a process of this group lives, the group being the one that `mark` was of.

    A group's number is not given away while it has a member; so another leader than the one that
    was there means that the group ended in between.
    """
    if group <= 0:
        return False
    if not _LINUX:
        return _answers(group, os.killpg)
    leader = _facts(group)
    if leader is not None and leader.group == group:
        if leader.started != mark:
            return False
        if leader.state not in _DEAD:
            return True
    # Zombies answer a signal too, so only the table of processes can say more than no.
    return _answers(group, os.killpg) and _has_member(group)


def boot_mark() -> str:
    """Return what changes with every start of the machine; empty where the system has none."""
    if sys.platform == "darwin":  # pragma: no cover
        return _boot_time()
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _boot_time() -> str:  # pragma: no cover
    """Ask a BSD kernel when it was started."""
    import ctypes

    found, size = ctypes.create_string_buffer(16), ctypes.c_size_t(16)
    system = ctypes.CDLL(None)
    if system.sysctlbyname(b"kern.boottime", found, ctypes.byref(size), None, 0) != 0:
        return ""
    return found.raw[: size.value].hex()


def _answers(number: int, kill: Callable[[int, int], None]) -> bool:
    try:
        kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it is there, and another user's
    return True


def _has_member(group: int) -> bool:
    try:
        names = os.listdir(_PROC)  # noqa: PTH208  # names are all that is wanted, hundreds of them
    except OSError:
        return True
    for name in names:
        if name.isdigit():
            found = _facts(int(name))
            if found is not None and found.group == group and found.state not in _DEAD:
                return True
    return False


def _facts(pid: int) -> _Facts | None:
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        data = os.read(descriptor, 4096)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    fields = data[data.rfind(b")") + 1 :].split()
    if len(fields) <= _STARTED:
        return None
    return _Facts(fields[_STATE].decode(), int(fields[_GROUP]), fields[_STARTED].decode())
