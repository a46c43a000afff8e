"""Start CMD with pipes to us for its outputs, so that what it writes can be masked on the way.

Part of the fast path, loaded only where an output is a pipe. The child is on its way before the
rest of masking is loaded.
"""

import _signal  # type: ignore[import-not-found]  # typeshed has no such stub
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[[bytes, list[bytes]], int]


class Started:
    """CMD, running, and what its keeper needs to know of it."""

    def __init__(self, process: int, outputs: "dict[int, int]", blocked: "set[int]") -> None:
        self.process = process
        self.outputs = outputs  # our end of a pipe -> where its bytes go
        self.blocked = blocked  # the signals that were blocked before all were


def spawn(
    command: "list[bytes]",
    environment: "dict[bytes, bytes]",
    piped: "list[list[int]]",
    find_program: "Callable[[list[bytes], dict[bytes, bytes], Start], int]",
) -> Started:
    """Start CMD with pipes to us for its outputs; `find_program` ends us where it does not start.

    Signals stay blocked, so that none finds us unprepared for it.
    """
    blocked = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
    outputs = {}
    actions = []
    for group in piped:
        reading, writing = make_pipe()
        outputs[reading] = group[0]
        actions += [(posix.POSIX_SPAWN_DUP2, writing, number) for number in group]

    def start(at: bytes, words: "list[bytes]") -> int:
        posix.stat(at)  # tells sooner than a process that ends at once
        return posix.posix_spawn(
            at,
            words,
            environment,
            file_actions=actions,
            setsigmask=blocked,
            setsigdef=[_signal.SIGPIPE, _signal.SIGXFSZ],  # as `become` of the fast path has it
        )

    process = find_program(command, environment, start)
    for _, writing, _ in actions:
        close(writing)
    return Started(process, outputs, blocked)


def make_pipe() -> "tuple[int, int]":
    """Return a pipe that stands on none of 0, 1 and 2, should those be closed."""
    low: list[int] = []
    while min(ends := posix.pipe()) < 3:
        low += ends
    for end in low:
        close(end)
    return ends


def close(number: int) -> None:
    """Close a descriptor that may be closed already."""
    try:
        posix.close(number)
    except OSError:
        return
