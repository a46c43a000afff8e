"""`devvault run --watch`: CMD is started again when its settings change.

The keeper of `child.py` with one thing more: a thread that settles anew when a file or a version is
another one. Only what comes out differently restarts; what does not resolve keeps the old child.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # typeshed has no such stub
import os
import posix
import select
import sys
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from devvault.cli import answer, child, fast
from devvault.cli.hearing import Hearing
from devvault.cli.mask import Mask
from devvault.cli.spawn import make_pipe, spawn
from devvault.errors import DevvaultError
from devvault.paths import default_home
from devvault.resolver.project import Signature, find_folder
from devvault.resolver.watch import Watcher

# Of a connected program: each settling brings others, and they are no settings.
_CONNECTION = frozenset(
    b"HTTPS_PROXY https_proxy IDENTITY_ENDPOINT IDENTITY_HEADER MSI_ENDPOINT MSI_SECRET"
    b" AZURE_POD_IDENTITY_AUTHORITY_HOST DEVVAULT_SESSION".split()
)
_SESSION = b"DEVVAULT_SESSION"
_RESTART, _KILL, _GONE = b"r", b"k", b"g"
# Who is sent one of these while the child is being replaced wants an end, not another child.
_ENDS = frozenset({_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGQUIT})


@dataclass(frozen=True, slots=True)
class Settled:
    """What a child gets, and what it came from."""

    environment: dict[bytes, bytes]
    values: Mapping[bytes, bytes]
    files: Mapping[Path, Signature]
    versions: Mapping[str, str]

    def changed(self, other: Settled) -> list[bytes]:
        """Return the names of the settings that are others there."""
        old, new = self.environment, other.environment
        names = old.keys() | new.keys()
        if _SESSION in old or _SESSION in new:
            names -= _CONNECTION
        return sorted(name for name in names if old.get(name) != new.get(name))


class Unsettled(Exception):
    """Settings did not resolve; why has been said. What was met so far is watched all the same."""

    def __init__(self, files: Mapping[Path, Signature], versions: Mapping[str, str]) -> None:
        self.files = files
        self.versions = versions


@dataclass(frozen=True, slots=True)
class Manner:
    """How a child is replaced: the signal it gets, and the seconds it has before it is killed."""

    signal: int
    grace: float


class Restarter(child.Keeper):
    """The process that stays, over one child after the other."""

    def __init__(
        self,
        command: list[bytes],
        settled: Settled,
        settle: Callable[[], Settled],
        manner: Manner,
        hearing: Hearing | None,
        *,
        masked: bool,
    ) -> None:
        self._command = command
        self._settled = settled
        self._settle = settle
        self._manner = manner
        self._piped = fast.find_piped() if masked else []
        self._before: Mapping[bytes, bytes] = {}
        self._lock = threading.Lock()
        self._next: Settled | None = None
        self._replacing = self._ending = False
        self._number = 0
        self._terminal = _terminal()
        inherited = _inherited()
        self._asked, self._asking = make_pipe()
        for end in (self._asked, self._asking):
            posix.set_blocking(end, False)
        self._kept: tuple[Mapping[Path, Signature], Mapping[str, str]] = (
            settled.files,
            settled.versions,
        )
        started = spawn(command, settled.environment, self._piped, answer.find_program)
        super().__init__(started, self._new_mask, hearing)
        self.holds = (*inherited, self._asked, self._asking)

    def begun(self) -> None:
        """Start to watch; the witness is forked before there are threads."""
        self._call_witness()
        self._poll.register(self._asked, select.POLLIN)
        folder = str(find_folder())
        self._watcher = Watcher(default_home(), folder, self._look_again, _note)
        self._watcher.start(*self._kept)

    def ended(self, status: int) -> None:
        """Take note of the child's end; called from within a signal."""
        if self._replacing and not self._ending:
            posix.write(self._asking, _GONE)
        else:
            self._status = status

    def _pass_on(self, number: int) -> None:
        if number in _ENDS and self._replacing:
            self._ending = True
        super()._pass_on(number)

    def _serve(self, number: int, event: int) -> None:
        if number != self._asked:
            super()._serve(number, event)
            return
        for word in posix.read(self._asked, child.PIECE):
            said = bytes([word])
            if said == _RESTART:
                self._replace()
            elif said == _GONE:
                self._start_next()
            elif said == _KILL and self._replacing:
                self._send(_signal.SIGKILL)

    def _close(self, reading: int) -> None:
        """End one output of a child; our own end of it serves the next one."""
        writing = self._open.pop(reading)
        self._streams.pop(reading, None)
        self._poll.unregister(reading)
        posix.close(reading)
        if writing not in self._open.values():
            self._poll.unregister(writing)

    def _replace(self) -> None:
        """Ask the child to end; it is killed if it is still there after the grace."""
        if self._replacing:
            return  # what starts next takes the newest settings anyway
        self._replacing = True
        self._number += 1
        number = self._number

        def kill() -> None:
            if number == self._number and self._replacing:
                _note(f"CMD is still there after {self._manner.grace:g} seconds, and is killed")
                posix.write(self._asking, _KILL)

        timer = threading.Timer(self._manner.grace, kill)
        timer.daemon = True
        timer.start()
        self._send(self._manner.signal)

    def _send(self, number: int) -> None:
        try:
            posix.kill(self._child, number)
        except OSError:
            return  # it is another user's by now, or has ended

    def _start_next(self) -> None:
        with self._lock:
            found, self._next = self._next, None
        if found is not None:
            self._before, self._settled = self._settled.values, found
        self._write(2, self._mask.closing() if self._mask else b"")
        self._mask = None
        _put_back(self._terminal)
        started = spawn(self._command, self._settled.environment, self._piped, answer.find_program)
        self._replacing = False
        self._child = started.process
        for reading, writing in started.outputs.items():
            self._open[reading] = writing
            self._poll.register(reading, select.POLLIN)
            self._poll.register(writing, 0)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self._blocked)
        with self._lock:
            again = self._next is not None
        if again:
            self._replace()

    def _new_mask(self) -> Mask:
        """Return a mask of what this child got, and of what the one before it may still write."""
        former = {
            name + b" (before)": value
            for name, value in self._before.items()
            if self._settled.values.get(name) != value
        }
        return Mask({**former, **self._settled.values})

    def _look_again(self) -> bool:
        """Settle anew, in the watcher's thread; say whether that went well."""
        try:
            found = self._settle()
        except Unsettled as unsettled:
            files, versions = self._kept
            self._kept = ({**files, **unsettled.files}, {**versions, **unsettled.versions})
            self._watcher.look_at(*self._kept)
            _note("the program keeps running with the settings that it has")
            return False
        self._kept = (found.files, found.versions)
        with self._lock:
            newest = self._next or self._settled
            names = newest.changed(found)
            if names:
                self._next = found
        if names:
            shown = ", ".join(os.fsdecode(name) for name in names)
            _note(f"changed: {shown}; the program is started again")
            posix.write(self._asking, _RESTART)
        self._watcher.look_at(*self._kept)
        return True


def told(problem: DevvaultError) -> None:
    """Say what went wrong."""
    lines = [f"devvault: error: {problem.message}"]
    if problem.hint:
        lines.append(f"devvault: hint: {problem.hint}")
    _say("\n".join(lines))


def run(
    command: Sequence[str],
    settle: Callable[[], Settled],
    manner: Manner,
    find_hearing: Callable[[], Hearing | None],
    *,
    masked: bool,
) -> NoReturn:
    """Run CMD until it ends of itself, and end as it does.

    `find_hearing` returns the mask's ears, once the first settling has opened them.

    Raises:
        Unsettled: the first settling did not go well.
    """
    words = [os.fsencode(word) for word in command]
    settled = settle()
    answer.warn_of(words, settled.environment)
    sys.stdout.flush()
    Restarter(words, settled, settle, manner, find_hearing(), masked=masked).stay()


def _inherited() -> tuple[int, ...]:
    """Return the descriptors that every child is to have as the first one has them."""
    found = []
    for number in map(int, posix.listdir("/dev/fd")):
        try:
            if os.get_inheritable(number):
                found.append(number)
        except OSError:
            continue  # the listing's own
    return tuple(found)


def _terminal() -> list[Any] | None:
    """Return how the terminal on stdin is set; None where there is none."""
    try:
        return termios.tcgetattr(0)
    except (termios.error, OSError):
        return None


def _put_back(modes: list[Any] | None) -> None:
    """Set the terminal as the first child found it: the one before may have been killed."""
    if modes is None:
        return
    try:
        if posix.tcgetpgrp(0) == posix.getpgrp():  # else it belongs to somebody else now
            termios.tcsetattr(0, termios.TCSANOW, modes)
    except (termios.error, OSError):
        return


def _note(words: str) -> None:
    _say(f"devvault: note: {words}")


def _say(words: str) -> None:
    plain = "".join(c if c.isprintable() or c == "\n" else "?" for c in words)
    try:
        posix.write(2, os.fsencode(plain) + b"\n")
    except OSError:
        return  # there is nobody to tell
