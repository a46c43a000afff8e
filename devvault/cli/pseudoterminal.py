"""A child on a pseudo-terminal, for `run --mask`: it sees a terminal, and we see what it writes.

Three processes: we hold the user's terminal, raw; a monitor leads the session on the inner one, so
that the child can be stopped there; the child is a job of that session. What is not a terminal
stays what it was, but for pipes, which are masked by the same filter.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from devvault.cli import fast
from devvault.cli.child import PIECE, close_all_but, die_as
from devvault.cli.hearing import Hearing
from devvault.cli.mask import Mask, Stream

Modes = list[int | list[bytes | int]]
_PASSED_ON = (
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
    signal.SIGALRM,
)  # fmt: skip
# What a key means for the whole job, where the terminal is not raw and we get it.
_TYPED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
_STOPS = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
# Reads of the inner terminal after the child's end; more comes from what it left behind.
_LAST = 64


def run(
    start: Callable[[], NoReturn], make: Callable[[], Mask], hearing: Hearing | None = None
) -> NoReturn:
    """Start the child by `start` on a terminal of its own, and end as it ends.

    1 or 2 is a terminal. `hearing` tells what the child fetches meanwhile.
    Raises OSError where there is no pseudo-terminal to be had.
    """
    outer = next(number for number in (1, 2, 0) if os.isatty(number))
    inside, child_end = os.openpty()
    modes = termios.tcgetattr(outer)
    inner = list(modes)
    if not os.isatty(0):  # then ours stays as it is, and breaks lines itself
        inner[1] &= ~termios.OPOST
    termios.tcsetattr(child_end, termios.TCSANOW, inner)
    _copy_size(outer, inside)
    mask = make()
    os.write(2, mask.opening())
    pipes = [(group, *os.pipe()) for group in fast.find_piped()]
    reports, reporting = os.pipe()
    signals = {*_PASSED_ON, *_STOPS, signal.SIGCHLD, signal.SIGWINCH, signal.SIGCONT}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    monitor = os.fork()
    if monitor == 0:
        try:
            terminals = [number for number in range(3) if os.isatty(number)]
            for group, _, writing in pipes:
                for number in group:
                    os.dup2(writing, number)
            for number in terminals:
                os.dup2(child_end, number)
            _monitor(start, terminals[0], reporting, blocked)
        finally:
            os._exit(126)  # two processes must not run on from here
    for number in (child_end, reporting, *(writing for _, _, writing in pipes)):
        os.close(number)
    copied = {inside: (outer, mask.stream())}
    copied |= {reading: (group[0], mask.stream()) for group, reading, _ in pipes}
    ears = [hearing.number] if hearing else []
    close_all_but({0, 1, 2, reports, *ears, *copied})

    def hear() -> None:
        if hearing and (told := hearing.take()):
            mask.learn(told)

    status = _Session(outer, inside, monitor, reports, modes, copied, hear).stay(blocked)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    with suppress(OSError):
        os.write(2, mask.closing())
    if hearing:
        hearing.end()
    die_as(status)


def _monitor(
    start: Callable[[], NoReturn], terminal: int, reporting: int, blocked: set[int | signal.Signals]
) -> None:
    """Lead the inner session: start the child as its foreground job, report how it fares."""
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(go)
            os.read(ready, 1)
            for number in (signal.SIGTTOU, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            start()
        finally:
            os._exit(126)  # as in `run`
    os.setpgid(child, child)
    os.tcsetpgrp(terminal, child)
    os.write(reporting, struct.pack("ii", child, 0))
    os.close(go)
    close_all_but({reporting})
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    while True:
        ended, status = os.waitpid(-1, os.WUNTRACED)
        if ended == child:
            os.write(reporting, struct.pack("ii", child, status))
            if not os.WIFSTOPPED(status):
                os._exit(0)


class _Session:
    """Our side: the user's terminal, and what goes to and fro."""

    def __init__(
        self,
        outer: int,
        inside: int,
        monitor: int,
        reports: int,
        modes: Modes,
        copied: dict[int, tuple[int, Stream]],
        hear: Callable[[], None],
    ) -> None:
        self._outer = outer
        self._inside = inside
        self._monitor = monitor
        self._reports = reports
        self._modes = modes
        self._copied = copied
        self._hear_told = hear
        self._raw = False
        self._stopping = False
        self._listening = os.isatty(0)
        self._input = b""
        self._child, _ = struct.unpack("ii", os.read(reports, 8).ljust(8, b"\0"))
        self._status: int | None = None

    def stay(self, blocked: set[int | signal.Signals]) -> int:
        """Copy until the child has ended; return its wait status. The terminal is as it was."""
        waking, woken = os.pipe()
        for number in (waking, woken, self._inside):
            os.set_blocking(number, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        for passed in (*_PASSED_ON, *_STOPS):
            signal.signal(passed, self._pass_on)
        signal.signal(signal.SIGCONT, self._continue)
        signal.signal(signal.SIGWINCH, self._resize)
        signal.signal(signal.SIGCHLD, _nothing)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        try:
            self._take_terminal()
            while self._status is None:
                self._turn([waking, self._reports], None)
                with suppress(BlockingIOError):
                    os.read(waking, PIECE)
            self._drain()
            for number, stream in self._copied.values():
                _write(number, stream.end())
        finally:
            self._give_terminal_back()
        with suppress(ChildProcessError):
            os.waitpid(self._monitor, 0)
        return self._status

    def _drain(self) -> None:
        for _ in range(_LAST):
            if not self._turn([], 0):
                return

    def _turn(self, others: list[int], patience: float | None) -> bool:
        """Wait for something to do and do it; False where there was nothing."""
        wanted = [*others, *self._copied]
        if self._raw and self._listening and not self._input:
            wanted.append(0)
        writing = [self._inside] if self._input else []
        ready, writable, _ = select.select(wanted, writing, [], patience)
        for number in ready:
            if number in self._copied:
                self._copy(number)
            elif number == self._reports:
                self._hear()
            elif number == 0:
                with suppress(OSError):  # EIO: the terminal is gone
                    self._input = os.read(0, 4096)
                self._listening = bool(self._input)
        if self._input and (writable or 0 in ready):
            with suppress(BlockingIOError):
                self._input = self._input[os.write(self._inside, self._input) :]
        return bool(ready or writable)

    def _copy(self, reading: int) -> None:
        writing, stream = self._copied[reading]
        try:
            data = os.read(reading, PIECE)
        except BlockingIOError:
            return
        except OSError:  # EIO: nobody has the inner terminal open any more
            data = b""
        if data:
            self._hear_told()  # what was told before this was written
        _write(writing, stream.feed(data) if data else stream.end())
        if not data:
            del self._copied[reading]

    def _hear(self) -> None:
        """Take the monitor's report: the child was stopped or has ended."""
        report = os.read(self._reports, 8)
        if len(report) < 8:
            self._status = 126 << 8  # the monitor is gone: somebody killed it
            return
        _, status = struct.unpack("ii", report)
        if os.WIFSTOPPED(status):
            self._stop(os.WSTOPSIG(status))
        else:
            self._status = status

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        with suppress(OSError):
            if number in _TYPED:
                os.killpg(self._child, number)
            else:
                os.kill(self._child, number)

    def _continue(self, _number: int, _frame: FrameType | None) -> None:
        if not self._stopping:
            self._go_on()

    def _go_on(self) -> None:
        self._take_terminal()
        with suppress(OSError):
            os.killpg(self._child, signal.SIGCONT)

    def _resize(self, _number: int, _frame: FrameType | None) -> None:
        _copy_size(self._outer, self._inside)

    def _stop(self, number: int) -> None:
        """Stop with our whole job, as the child's would have, until somebody continues us."""
        self._drain()
        self._give_terminal_back()
        self._stopping = True
        if number == signal.SIGSTOP:
            os.kill(os.getpid(), number)
        else:
            signal.signal(number, signal.SIG_DFL)
            os.killpg(0, number)
            signal.signal(number, self._pass_on)
        self._stopping = False
        self._go_on()

    def _take_terminal(self) -> None:
        """Make the user's terminal raw while we are its foreground job."""
        with suppress(OSError, termios.error):
            if os.isatty(0) and not self._raw and os.tcgetpgrp(self._outer) == os.getpgrp():
                _copy_size(self._outer, self._inside)
                self._raw = True
                tty.setraw(self._outer, termios.TCSADRAIN)

    def _give_terminal_back(self) -> None:
        if self._raw:
            self._raw = False
            with suppress(OSError, termios.error):
                termios.tcsetattr(self._outer, termios.TCSADRAIN, self._modes)


def _copy_size(outer: int, inside: int) -> None:
    with suppress(OSError):
        size = fcntl.ioctl(outer, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(inside, termios.TIOCSWINSZ, size)


def _write(number: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(number, data) :]
        except BlockingIOError:
            select.select([], [number], [])
        except OSError:
            return  # nobody reads any more


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Only wake the wait."""
