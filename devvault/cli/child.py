"""A child whose output passes through us: started, copied, and ended as it ends.

Part of the fast path. The child stays in our process group, so a terminal's and a group's signals
reach it without us; what is sent to us alone is passed on, once. We stop when it stops, and die of
the signal that it dies of. What a program of its own leaves behind keeps its output.
"""

import _signal  # type: ignore[import-not-found]  # typeshed has no such stub
import posix
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from devvault.cli.hearing import Hearing
    from devvault.cli.mask import Mask, Stream
    from devvault.cli.spawn import Started


PIECE = 65536
# What a pipe to us holds once its writer fills it, where the kernel allows that.
_WIDE = 1 << 20
_F_SETPIPE_SZ = 1031
# How long a child may live, in milliseconds, until a process is spent on telling signals apart.
_YOUNG = 10
# What ends so soon without a word, in milliseconds, needs no mask.
_BRIEF = 2
_ENDLESS = 1024
# Pieces that a pipe may hold when the child is gone; more comes from what it left behind.
_LAST = 32
# Raised by what a process does itself, or for the one who waits; never passed on.
_OWN = {
    getattr(_signal, "SIG" + name, 0)
    for name in ("KILL", "STOP", "CHLD", "ILL", "TRAP", "BUS", "FPE", "SEGV", "SYS", "PIPE", "XFSZ")
}
_CORE = ("QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "SEGV", "XCPU", "XFSZ", "SYS")


class Keeper:
    """The process that stays: it copies what the child writes and passes on what it is sent.

    `started` is the child; `make` makes the mask as soon as there is output. `hearing` tells what
    the child fetches meanwhile. `holds` are the descriptors of ours that stay open beside the
    outputs.
    """

    holds: "tuple[int, ...]" = (2,)

    def __init__(
        self,
        started: "Started",
        make: "Callable[[], Mask]",
        hearing: "Hearing | None" = None,
    ) -> None:
        self._child = started.process
        self._open = dict(started.outputs)
        self._blocked = started.blocked
        self._make = make
        self._hearing = hearing
        self._heard: dict[bytes, bytes] = {}
        self._mask: Mask | None = None
        self._streams: dict[int, Stream] = {}
        self._status = -1
        self._witness: tuple[int, int, int] | None = None
        self._poll = select.poll()
        self._piece = PIECE
        self._noted: set[int] = set()
        self._queue: list[int] = []
        self._busy = False

    def stay(self) -> "NoReturn":
        """Copy until the child is gone and its output is drained, then end as it did."""
        waking, woken = _pipe()
        posix.set_blocking(waking, False)
        posix.set_blocking(woken, False)
        ears = {self._hearing.number} if self._hearing else set()
        close_all_but({*self._open, *self._open.values(), *self.holds, *ears, waking, woken})
        _signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        for number in _signal.valid_signals():
            if number not in _OWN:
                _handle(number, self._signalled)
        _handle(_signal.SIGCHLD, self._signalled)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self._blocked)
        self._signalled(_signal.SIGCHLD)
        for reading, writing in self._open.items():
            self._poll.register(reading, select.POLLIN)
            self._poll.register(writing, 0)  # tells when its reader is gone
        for number in (waking, *ears):
            self._poll.register(number, select.POLLIN)
        self.begun()
        events = self._poll.poll(_BRIEF)
        if not events:
            self._make_mask()  # the child is still getting ready
            events = self._poll.poll(_YOUNG)
        while self._status < 0:
            # What closes its output without a word has most likely ended.
            if self._witness is None and not _are_ends(events):
                self._call_witness()
            for number, event in events:
                if number == waking:
                    _drain(waking)
                else:
                    self._serve(number, event)
            # What woke us is drained, so nothing wakes us again for an end that came meanwhile.
            patience = _YOUNG if self._witness is None else None
            events = self._poll.poll(patience) if self._status < 0 else []
        self._poll.unregister(waking)
        events = self._poll.poll(0)
        for _ in range(_LAST):
            for number, event in events:
                self._serve(number, event)
            events = self._poll.poll(0)
            if not events:
                break
        self._leave()

    def begun(self) -> None:
        """Do what must wait until signals and descriptors are in order."""

    def ended(self, status: int) -> None:
        """Take note of the child's end; called from within a signal."""
        self._status = status

    def at_end(self) -> None:
        """Do what is left to do once the child is gone."""

    def _serve(self, number: int, event: int) -> None:
        """Copy a piece of one output, or end it: its writers or its reader are gone."""
        if number in self._open:
            writing = self._open[number]
            data = posix.read(number, self._piece)
            if len(data) == PIECE == self._piece:
                self._widen()
            if data:
                self._hear()  # what was told before this was written
            if number in self._streams or data:
                if number not in self._streams:
                    mask = self._make_mask()
                    if not self._streams:
                        self._write(2, mask.opening())
                    self._streams[number] = mask.stream()
                stream = self._streams[number]
                if self._write(writing, stream.feed(data) if data else stream.end()) and data:
                    return
            self._close(number)
        elif self._hearing and number == self._hearing.number:
            self._hear()
        else:
            for reading in [r for r, w in self._open.items() if w == number]:
                if event & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
                    self._close(reading)

    def _make_mask(self) -> "Mask":
        if self._mask is None:
            self._mask = self._make()
            if self._heard:
                self._mask.learn(self._heard)
        return self._mask

    def _hear(self) -> None:
        """Learn what the child has fetched since."""
        told = self._hearing.take() if self._hearing else {}
        if told:
            self._heard.update(told)
            if self._mask is not None:
                self._mask.learn(told)

    def _widen(self) -> None:
        """Let the child run ahead of us, and us ahead of our reader, while each is at work."""
        self._piece = 2 * PIECE
        if sys.platform != "linux":
            return
        import fcntl

        for reading, writing in self._open.items():
            for number in (reading, writing):
                try:
                    fcntl.fcntl(number, _F_SETPIPE_SZ, _WIDE)
                except OSError:
                    continue  # no pipe, or the user's share of such pipes is used up

    def _close(self, reading: int) -> None:
        """End one output as the child did; stderr stays for the closing line."""
        writing = self._open.pop(reading)
        self._poll.unregister(reading)
        self._poll.unregister(writing)
        posix.close(reading)
        if writing != 2:
            posix.close(writing)

    def _write(self, number: int, data: bytes) -> bool:
        """Write all of it; False where nobody reads any more."""
        while data:
            try:
                written = posix.write(number, data)
            except BlockingIOError:  # somebody who shares it made it so
                waiting = select.poll()
                waiting.register(number, select.POLLOUT)
                waiting.poll()
            except OSError:
                return False
            else:
                data = data[written:]
        return True

    def _signalled(self, number: int, _frame: object = None) -> None:
        """Deal with a signal, one after the other: one may come while another is dealt with."""
        self._queue.append(number)
        while self._queue and not self._busy:
            self._busy = True
            # Empty where one that came before the line above has dealt with ours too.
            waiting = self._queue.pop(0) if self._queue else None
            if waiting == _signal.SIGCHLD:
                self._look()
            elif waiting is not None:
                self._pass_on(waiting)
            self._busy = False

    def _pass_on(self, number: int) -> None:
        """Send the child what was sent to us, unless the whole group got it."""
        self._ask_witness()
        if number in self._noted:
            self._noted.discard(number)
        elif self._status < 0:
            try:
                posix.kill(self._child, number)
            except OSError:
                return  # it has become another user

    def _look(self) -> None:
        """Take note of who ended or stopped; as process 1 we have all orphans to see off."""
        while True:
            try:
                ended, status = posix.waitpid(-1, posix.WNOHANG | posix.WUNTRACED)
            except ChildProcessError:
                return
            if ended == 0:
                return
            if ended == self._child:
                if posix.WIFSTOPPED(status):
                    self._stop(posix.WSTOPSIG(status))
                else:
                    self.ended(status)

    def _stop(self, number: int) -> None:
        """Stop as the child was stopped, until somebody continues us."""
        self._ask_witness()  # a continue would make it forget what it was sent before
        if number != _signal.SIGSTOP:
            _handle(number, _signal.SIG_DFL)
        posix.kill(posix.getpid(), number)
        if number != _signal.SIGSTOP:
            _handle(number, self._signalled)

    def _call_witness(self) -> None:
        """Start a process that only notes which signals reach our whole process group.

        Nothing else tells a signal to the group, which the child has got, from one to us alone.
        """
        self._witness = (0, -1, -1)
        blocked = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
        asked, asking = _pipe()
        told, telling = _pipe()
        number = posix.fork()
        if number == 0:
            try:
                close_all_but({asked, telling})
                while posix.read(asked, 1):
                    noted = _signal.sigpending()
                    for one in noted:
                        _signal.sigwait({one})
                    posix.write(telling, bytes([*noted, 0]))
            finally:
                posix._exit(0)  # noqa: SLF001  # a copy of us must not run on
        posix.close(asked)
        posix.close(telling)
        self._witness = (number, asking, told)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, blocked)

    def _ask_witness(self) -> None:
        """Note which signals reached the group; what is learnt for one serves the next."""
        if not self._witness or not self._witness[0]:
            return
        _, asking, told = self._witness
        try:
            posix.write(asking, b"?")
            seen = b""
            while seen[-1:] != b"\0" and (piece := posix.read(told, 128)):
                seen += piece
                self._noted.update(piece)
        except OSError:
            return  # it is gone

    def _leave(self) -> "NoReturn":
        """End as the child did. What it left behind keeps its output, through a copy of us."""
        if self._witness and self._witness[0]:
            _handle(_signal.SIGCHLD, _signal.SIG_DFL)
            try:
                posix.kill(self._witness[0], _signal.SIGKILL)
                posix.waitpid(self._witness[0], 0)
            except (ProcessLookupError, ChildProcessError):
                pass  # it was seen off already
        ends = not self._open or posix.getpid() == 1
        if ends:
            for reading, writing in self._open.items():
                if reading in self._streams:
                    self._write(writing, self._streams[reading].end())
        closing = self._mask.closing() if self._mask else b""
        _handle(_signal.SIGTTOU, _signal.SIG_IGN)
        self._write(2, closing)
        self.at_end()
        if not ends and posix.fork() == 0:
            self._stay_behind()
        if ends and self._hearing:
            self._hearing.end()
        die_as(self._status)

    def _stay_behind(self) -> "NoReturn":
        for number in _signal.valid_signals():
            if number not in _OWN:
                _handle(number, _signal.SIG_IGN)
        _handle(_signal.SIGCHLD, _signal.SIG_DFL)
        while self._open:
            for number, event in self._poll.poll():
                self._serve(number, event)
        self._write(2, self._mask.closing() if self._mask else b"")
        if self._hearing:
            self._hearing.end()
        posix._exit(0)  # noqa: SLF001  # nobody waits for this copy


def _are_ends(events: "list[tuple[int, int]]") -> bool:
    return bool(events) and not any(event & select.POLLIN for _, event in events)


def close_all_but(kept: "set[int]") -> None:
    """Hold open nothing that others wait to see closed."""
    try:
        numbers = [int(name) for name in posix.listdir("/dev/fd")]
    except OSError:
        numbers = list(range(_ENDLESS))
    for number in numbers:
        if number not in kept:
            try:
                posix.close(number)
            except OSError:
                continue  # the listing's own


def die_as(status: int) -> "NoReturn":
    """End with the exit code, or by the signal, that a wait status tells."""
    if posix.WIFSIGNALED(status):
        number = posix.WTERMSIG(status)
        if number in {getattr(_signal, "SIG" + name, 0) for name in _CORE}:
            import resource

            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # our memory holds values
        _handle(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, {number})
        posix.kill(posix.getpid(), number)
        posix._exit(128 + number)  # noqa: SLF001  # process 1 does not die of a signal
    posix._exit(posix.WEXITSTATUS(status))  # noqa: SLF001  # no exit handler is ours


def _handle(number: int, handler: object) -> None:
    try:
        _signal.signal(number, handler)
    except (OSError, ValueError):
        return  # KILL and STOP, and what the C library keeps for itself


def _drain(number: int) -> None:
    try:
        while posix.read(number, PIECE):
            pass
    except BlockingIOError:
        return


def _pipe() -> "tuple[int, int]":
    """Return a pipe that does not stand on 2, should that be closed: our line goes there."""
    first = posix.pipe()
    if 2 not in first:
        return first
    second = posix.pipe()
    for end in first:
        posix.close(end)
    return second
