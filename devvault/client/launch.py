"""Start a daemon's process. The fast path loads this file too, so it imports C modules alone.

The process begins clean: of the caller's descriptors, session, folder and environment nothing
reaches it but what is listed here. Why it could not start comes back through a pipe, on which the
daemon writes `ready`, or an error as JSON, and which it then closes.
"""

import _signal  # type: ignore[import-not-found]  # typeshed has no stub of it
import posix

SAFE_PATH = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KEPT = (
    b"DBUS_SESSION_BUS_ADDRESS",
    b"DISPLAY",
    b"HOME",
    b"LANG",
    b"LANGUAGE",
    b"LOGNAME",
    b"TZ",
    b"USER",
    b"WAYLAND_DISPLAY",
)
KEPT_PREFIXES = (b"LC_", b"XDG_", b"DEVVAULT_")
# The passphrase is handed over on the socket, where it is asked for; the rest is of one run.
DROPPED_PREFIXES = (b"DEVVAULT_PASSPHRASE", b"DEVVAULT_LC_", b"DEVVAULT_BEFORE")

# The shell is the second fork: it leaves at once, so the daemon is nobody's child and no session
# leader, and no lock of a caller's thread is held in it, as one would be after a bare fork().
_SCRIPT = b'{ cd / && unset PWD OLDPWD && umask 077 && exec "$@"; } &'


def is_home(home: bytes) -> bool:
    """Return whether a folder holds a home, and is ours alone.

    Raises:
        OSError: there is no such folder, or nothing in it.
    """
    facts = posix.lstat(home)
    posix.lstat(home + b"/vault.db")
    return facts.st_mode & 0o170077 == 0o040000 and facts.st_uid == posix.geteuid()


def environment(home: bytes, given: "dict[bytes, bytes]") -> "dict[bytes, bytes]":
    """Return the variables that a daemon gets out of a caller's environment."""
    kept = {
        name: value
        for name, value in given.items()
        if (name in KEPT or name.startswith(KEPT_PREFIXES))
        and not name.startswith(DROPPED_PREFIXES)
    }
    return {**kept, b"PATH": SAFE_PATH, b"DEVVAULT_HOME": home}


def launch(python: bytes, home: bytes, given: "dict[bytes, bytes]") -> int:
    """Start a daemon of `home` with the interpreter `python`; return the pipe to read from.

    Raises:
        OSError: no process can be started.
    """
    reading, writing = posix.pipe()  # neither is inherited
    told = 4 if writing == 3 else 3
    command = [python, b"-I", b"-m", b"devvault.daemon", b"--ready-fd", b"%d" % told]
    actions: list[tuple[object, ...]] = [(posix.POSIX_SPAWN_CLOSE, fd) for fd in _inherited()]
    actions.append((posix.POSIX_SPAWN_DUP2, writing, told))
    actions += [
        (posix.POSIX_SPAWN_OPEN, fd, b"/dev/null", posix.O_RDWR, 0)
        for fd in (0, 1, 2)
    ]  # fmt: skip
    try:
        child = posix.posix_spawn(
            b"/bin/sh",
            [b"sh", b"-c", _SCRIPT, b"devvault", *command],
            environment(home, given),
            file_actions=actions,
            setsid=True,
            setsigmask=[],
            setsigdef=_signal.valid_signals() - {_signal.SIGKILL, _signal.SIGSTOP},
        )
    except BaseException:
        posix.close(reading)
        raise
    finally:
        posix.close(writing)
    try:  # noqa: SIM105  # contextlib is not among the C modules
        posix.waitpid(child, 0)
    except ChildProcessError:
        pass  # a program may take no notice of its children
    return reading


def told(pipe: int) -> bytes:
    """Return all that a daemon says through its pipe; waits until it has said it."""
    found = b""
    while piece := posix.read(pipe, 4096):
        found += piece
    posix.close(pipe)
    return found


def _inherited() -> "list[int]":
    """Return our open descriptors that a new process would get, but 0 to 2."""
    found = []
    for name in posix.listdir("/dev/fd"):
        try:
            if int(name) > 2 and posix.get_inheritable(int(name)):
                found.append(int(name))
        except OSError:
            continue  # the listing's own descriptor
    return found
