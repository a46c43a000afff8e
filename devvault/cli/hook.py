"""`devvault check --staged` with the daemon up: git's diff comes in, one answer goes out.

Part of the fast path: it imports what `fast` does. The front starts git beside us, and its output
is our stdin. Whatever is odd in any way is for the full CLI, which asks git itself.
"""

import posix
import sys

import fast  # type: ignore[import-not-found]  # this file stands beside it, in no package

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

NONE = b"\x000\x00"  # a file that is not there
LIMIT = 8 * 1024 * 1024
WELL = b"git ended with 0\n"


def start(locale: str) -> "NoReturn":
    """Begin as the front does: see `fast.start`."""
    given = fast.as_given(posix.environ, locale.encode("utf-8", "surrogateescape"))
    try:
        code = check(given)
    except KeyboardInterrupt:
        posix._exit(130)  # noqa: SLF001  # as a shell says of a command ended by Ctrl-C
    except (fast.HandOver, OSError, ValueError):
        hand_over(given)
    posix._exit(code)  # noqa: SLF001  # nothing is open, and no exit handler is ours


def check(given: "dict[bytes, bytes]") -> int:
    """Ask the daemon about what is staged, tell what it says, and return the exit code."""
    path = fast.socket_path(given)
    if b"GIT_DIR" in given or b"GIT_WORK_TREE" in given:
        raise fast.HandOver  # another place than this one: git knows, we would not
    folder = posix.getcwdb()
    root = fast.find_root(folder)
    if not fast._facts(root.rstrip(b"/") + b"/.git"):  # noqa: SLF001  # one path, two files
        raise fast.HandOver
    project = fast.find_project(folder, root, fast.read_file)
    diff = read_all(0)
    if not diff.endswith(WELL):
        raise fast.HandOver
    diff = diff[: -len(WELL)]
    home = path[: -len(b"/run/s")]
    if not fast._facts(home + b"/vault.db"):  # noqa: SLF001  # as above
        return cold(root, project, diff)
    project = project or NONE
    try:
        reply = fast.ask(path, [root], [project, NONE, diff], b"/local/check")
    except fast.Down:
        fast.begin(path, given)
        reply = fast.ask(path, [root], [project, NONE, diff], b"/local/check")
    if reply[:9] == b"baseline\0":
        beside = project.partition(b"\0")[0].rpartition(b"/")[0]
        named = beside + b"/" + reply[9:]
        if not fast._facts(named):  # noqa: SLF001  # as above
            raise fast.HandOver
        baseline = fast.read_listed(root, named)
        reply = fast.ask(path, [root], [project, baseline, diff], b"/local/check")
    code, _, rest = reply.partition(b"\0")
    size, _, words = rest.partition(b"\0")
    if not (code.isdigit() and size.isdigit()):
        raise fast.HandOver
    put(1, words[: int(size)])
    put(2, words[int(size) :])
    return int(code)


def cold(root: bytes, project: bytes, diff: bytes) -> int:
    """Check right here: there is no vault whose values a daemon could compare."""
    if any(word in project for word in (b"check", b"plain", b"\\")):
        raise fast.HandOver  # it may say something about checks
    sys.path.insert(0, __file__.rpartition("/devvault/")[0])
    import gc

    gc.disable()  # nothing of so short a life is worth collecting
    from devvault.cli.cold import check_staged
    from devvault.errors import DevvaultError

    try:
        code, out, told = check_staged(root, diff)
    except DevvaultError:
        raise fast.HandOver from None
    put(1, out)
    put(2, told)
    return code


def read_all(number: int) -> bytes:
    """Return all that a descriptor gives; more than the daemon takes at once is handed over."""
    pieces = []
    size = 0
    while piece := posix.read(number, 1 << 20):
        pieces.append(piece)
        size += len(piece)
        if size > LIMIT:
            raise fast.HandOver
    return b"".join(pieces)


def put(number: int, words: bytes) -> None:
    """Write all of some words."""
    while words:
        words = words[posix.write(number, words) :]


def hand_over(given: "dict[bytes, bytes]") -> "NoReturn":
    """Become the full CLI, without git's output on stdin."""
    null = posix.open(b"/dev/null", posix.O_RDONLY)
    posix.dup2(null, 0)
    locale = b"=" + given[b"LC_CTYPE"] if b"LC_CTYPE" in given else b""
    whole = [sys.executable, "-I", "-m", "devvault", *sys.argv[3:]]
    posix.execve(sys.executable, whole, {**given, fast.LOCALE: locale})
