"""What the daemon answered to a run: applied to an environment, and CMD started with that.

Part of the fast path, loaded while the daemon is busy with the answer. It imports
C modules alone, and raises ValueError where the full CLI has to do better.
"""

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import NoReturn

    from devvault.cli.hearing import Hearing

    # An exit code or -1; what to ask again with: files, names, roots; environment, its secrets.
    Applied = tuple[int, list[bytes], list[bytes], list[bytes], dict[bytes, bytes], list[bytes]]

ROOTS_LIMIT = 4 * 1024 * 1024
# Programs whose children get neither our ports nor, often, our variables.
APART = (b"docker", b"doas", b"nerdctl", b"podman", b"sudo", b"wsl", b"wsl.exe")
_ENOENT, _ENOEXEC, _EACCES, _ENOTDIR = 2, 8, 13, 20


def apply(reply: bytes, made: "dict[bytes, bytes]") -> "Applied":
    """Change an environment as the daemon says; say what it tells the user.

    Raises:
        ValueError: the reply is cut off, or holds what we do not know.
    """
    fields = reply.split(b"\0")
    if fields[-2:] != [b".", b""]:
        raise ValueError("the reply is cut off on the way")
    listed = []
    needed = []
    roots = []
    secrets = []
    notes = []
    code = -1
    for field in fields[:-2]:
        tag, content = field[:1], field[1:]
        if tag == b"S":
            name, equals, value = content.partition(b"=")
            if not name or not equals:
                raise ValueError("the reply sets no variable")
            made[name] = value
        elif tag == b"D":
            made.pop(content, None)
        elif tag == b"W":
            notes.append(_clean(content) + b"\n")
        elif tag == b"Q":
            listed.append(content)
        elif tag == b"X" and content.isdigit():
            code = int(content)
        elif tag == b"K":
            needed.append(content)
        elif tag == b"M":
            secrets.append(content)
        elif tag == b"B":
            roots.append(content)
        else:
            raise ValueError("the reply is odd")
    if notes:
        _say(b"".join(notes))
    if code >= 0:
        told = b"".join(notes)
        if (b": SecretNotFound: " in told or b": VaultNotFound: " in told) and posix.isatty(2):
            posix.write(2, b"devvault: hint: devvault fill\n")
    return code, listed, needed, roots, made, secrets


def masked(secrets: "list[bytes]", environment: "dict[bytes, bytes]") -> "dict[bytes, bytes]":
    """Return what is not to be shown, by setting; of some settings a part is secret."""
    found = {}
    for name in secrets:
        setting, equals, value = name.partition(b"=")
        if equals or setting in environment:
            found[setting] = value if equals else environment[setting]
    return found


def warn_of(command: "list[bytes]", environment: "dict[bytes, bytes]") -> None:
    """Say where a program's children will not be connected as it is."""
    name = command[0].rpartition(b"/")[2]
    if name in APART and b"IDENTITY_HEADER" in environment:
        _say(
            b"devvault: warning: what %b starts is not connected to your vaults; settings arrive"
            b" where it passes them on\n" % name
        )


def start(
    command: "list[bytes]",
    environment: "dict[bytes, bytes]",
    secrets: "list[bytes]",
    piped: "list[list[int]]",
    ears: "Hearing | None",
    beside: "Callable[[str], ModuleType]",
) -> "NoReturn":
    """Become CMD; where something is secret and an output is a pipe, stay and mask that.

    `ears` are those of the mask; `beside` loads a file of this folder.
    """
    warn_of(command, environment)
    if not piped or not secrets:
        if ears:
            ears.end()
        become(command, environment)
    started = beside("spawn").spawn(command, environment, piped, find_program)
    sys.path.insert(0, __file__.rpartition("/")[0])
    import child  # type: ignore[import-not-found]  # this file stands beside it, in no package

    def make() -> object:
        import mask  # type: ignore[import-not-found]  # as above

        return mask.Mask(masked(secrets, environment))

    child.Keeper(started, make, ears).stay()
    posix._exit(126)  # noqa: SLF001  # for the type checker: it stays to the end


def become(command: "list[bytes]", environment: "dict[bytes, bytes]") -> "NoReturn":
    """Exec CMD as execvp does; end with 127 where it is not found, 126 where it may not run."""
    import _signal  # type: ignore[import-not-found]  # typeshed has no such stub

    # Python ignores these two for itself; CMD must not inherit that.
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)

    def start(at: bytes, words: "list[bytes]") -> "NoReturn":
        posix.stat(at)  # tells sooner than an exec, which copies the environment first
        posix.execve(at, words, environment)

    find_program(command, environment, start)
    posix._exit(126)  # noqa: SLF001  # for the type checker: an exec does not return


def find_program(
    command: "list[bytes]",
    environment: "dict[bytes, bytes]",
    start: "Callable[[bytes, list[bytes]], int]",
) -> int:
    """Start CMD where execvp would find it; end where it is not found or may not run."""
    name = command[0]
    if b"/" in name or not name:
        places = [name] if name else []
    else:
        folders = environment.get(b"PATH", b"/usr/local/bin:/bin:/usr/bin").split(b":")
        places = [(folder or b".").rstrip(b"/") + b"/" + name for folder in folders]
    why, code = b"command not found", 127
    for place in places:
        try:
            return start(place, command)
        except OSError as error:
            if error.errno == _ENOEXEC:  # no #! line: a shell script, says execvp
                return start(b"/bin/sh", [b"sh", place, *command[1:]])
            if error.errno not in (_ENOENT, _ENOTDIR):
                why, code = (error.strerror or "cannot be started").lower().encode(), 126
                if error.errno != _EACCES:
                    break
    _say(b"devvault: error: %b: %b\n" % (_clean(name[:300]), why))
    posix._exit(code)  # noqa: SLF001  # nothing is open, and no exit handler is ours


def read_listed(root: bytes, path: bytes, read: "Callable[[bytes, bytes], bytes]") -> bytes:
    """Read a file that the project lists: in the repository, through no folder that is a link.

    Returns b"" where it is not there, and says so.

    Raises:
        ValueError: it lies elsewhere, or is a part of a file.
    """
    at, inside = path, root.rstrip(b"/") + b"/"
    if b".." in path.split(b"/") or b"#" in path or not path.startswith(inside):
        raise ValueError("a file that is not plainly the project's")
    while at.startswith(inside):
        at = at.rpartition(b"/")[0]
        facts = facts_of(at)
        if not facts or facts.st_mode & 0o170000 == 0o120000:
            raise ValueError("a folder that is not there, or a link")
    if not facts_of(path):
        note_missing(path)
        return b""
    return read(path, path)


def note_missing(path: bytes) -> None:
    """Say that a file which the project lists is not there."""
    _say(b"devvault: note: the project lists %b, which is not there\n" % _clean(path))


def facts_of(path: bytes) -> "posix.stat_result | None":
    """Return what `lstat` says of a path, None where there is nothing."""
    try:
        return posix.lstat(path)
    except OSError:
        return None


def _say(words: bytes) -> None:
    try:  # noqa: SIM105  # contextlib is not among the C modules
        posix.write(2, words)
    except OSError:
        pass  # there is nobody to tell


def _clean(text: bytes) -> bytes:
    """Return text that moves no cursor: control characters become question marks."""
    return text.translate(bytes(63 if n < 32 or n == 127 else n for n in range(256)))
