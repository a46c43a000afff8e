"""`devvault run -- CMD` while the daemon is up: one request on its socket, then exec.

One self-contained file for `python -I -S`: it imports `posix` and `_socket` alone and parses no
settings file. Whatever it cannot do itself it hands to the full CLI by exec: other verbs, other
flags, no daemon, a file that is not plainly ours, an answer that is odd in any way. The full CLI
makes the same request with the same `settle`, and its own ways to read a file and to ask.
"""

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    # Reads the file at a path and returns it as `name NUL length NUL bytes`.
    Read = Callable[[bytes, bytes], bytes]
    Ask = Callable[[list[bytes], list[bytes]], bytes]

MARK = b"@microsoft.keyvault("
FILE_LIMIT = 1024 * 1024
REPLY_LIMIT = 64 * 1024 * 1024
SOCKET_PATH_LIMIT = 100
# Settings of ours that change nothing here; any other DEVVAULT_ variable is for the full CLI.
KNOWN = (
    b"DEVVAULT_HOME",
    b"DEVVAULT_KEY_FILE",
    b"DEVVAULT_KEY_SOURCE",
    b"DEVVAULT_PASSPHRASE",
    b"DEVVAULT_PASSPHRASE_FILE",
)
# What LC_CTYPE was before Python's own start changed it (PEP 538), `=` before the value.
LOCALE = b"DEVVAULT_LC_CTYPE"
OPEN_FLAGS = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC
_ENOENT, _ENOEXEC, _EACCES, _ENOTDIR = 2, 8, 13, 20
_BLANKED = bytes(63 if byte < 32 or byte == 127 else byte for byte in range(256))


class HandOver(Exception):
    """The full CLI has to do this one."""


class Stop(Exception):
    """The daemon says to end here, with this code; what there is to say has been said."""

    def __init__(self, code: int) -> None:
        self.code = code


def main(args: "list[str]", given: "dict[bytes, bytes]") -> "NoReturn":
    """Become CMD, or the full CLI. `given` is the environment as the user's shell left it."""
    try:
        command, flags = parse(args)
        path = socket_path(given)
        environment, _ = settle(
            [b"Vrun", *flags], given, read_file, lambda head, files: ask(path, head, files)
        )
    except Stop as stop:
        posix._exit(stop.code)  # noqa: SLF001  # nothing is open, and no exit handler is ours
    except (HandOver, OSError):
        whole = [sys.executable, "-I", "-m", "devvault", *args]
        posix.execve(sys.executable, whole, {**given, LOCALE: _locale(given)})
    become(command, environment)


def parse(args: "list[str]") -> "tuple[list[bytes], list[bytes]]":
    """Return CMD and the request fields of the flags before it; F fields hold paths as yet."""
    if not args or args[0] != "run":
        raise HandOver
    fields = []
    rest = [_encoded(arg) for arg in args[1:]]
    while rest and rest[0] != b"--":
        flag, equals, value = rest.pop(0).partition(b"=")
        if flag in (b"--env-file", b"--identity", b"--on-unresolved"):
            if not equals:
                if not rest or rest[0][:1] == b"-":
                    raise HandOver
                value = rest.pop(0)
            if not value:
                raise HandOver
        elif equals or flag not in (b"--no-mask", b"--no-connect"):
            raise HandOver
        if flag == b"--env-file":
            fields.append(b"F" + value)
        elif flag == b"--identity":
            fields.append(b"I" + value)
        elif flag == b"--on-unresolved":
            if value not in (b"fail", b"literal", b"empty"):
                raise HandOver
            fields.append(b"U" + value)
        elif flag == b"--no-connect":
            fields.append(b"Ono-connect")
    command = rest[1:]
    if not command:
        raise HandOver
    return command, fields


def settle(
    flags: "list[bytes]", given: "dict[bytes, bytes]", read: "Read", ask: "Ask"
) -> "tuple[dict[bytes, bytes], list[bytes]]":
    """Return the environment that CMD gets, and the names in it whose values are secret."""
    folder = posix.getcwdb()
    marked = [b"E" + name + b"=" + given[name] for name in given if MARK in given[name].lower()]
    plain = [b"N" + name for name in given if MARK not in given[name].lower()]
    root, project = find_project(folder, read)
    named = [field[1:] for field in flags if field[:1] == b"F"]
    if named:
        files = [read(_joined(folder, path), path) for path in named]
    else:
        files = find_settings(folder, root, read)
    head = [b"P1", b"C" + folder, b"R" + root]
    head += [field for field in flags if field[:1] != b"F"]
    if named:
        head.append(b"G1")
    if not marked and not files and not project and b"Ono-connect" in flags:
        return child_of(given), []
    tail = [*marked, *plain]
    own = [b"J" + project] if project else []
    listed, made, secrets = apply(ask([*head, *tail], own + [b"F" + f for f in files]), given)
    if listed:
        head.append(b"A1")
        files = [read_listed(root, project, name, read) for name in listed]
        reply = ask([*head, *tail], own + [b"F" + found for found in files if found])
        listed, made, secrets = apply(reply, given)
        if listed:
            raise HandOver
    return made, secrets


def child_of(given: "dict[bytes, bytes]") -> "dict[bytes, bytes]":
    """Return an environment without what no child may see."""
    return {name: given[name] for name in given if name not in (b"DEVVAULT_PASSPHRASE", LOCALE)}


def find_project(folder: bytes, read: "Read") -> "tuple[bytes, bytes]":
    """Return the repository root (else the folder itself), and the project file as a J field.

    A `.git` that neither we nor root own makes no repository.
    """
    root = at = folder
    while True:
        facts = _facts(_joined(at, b".git"))
        if facts and facts.st_uid in (posix.geteuid(), 0):
            root = at
            break
        if at == b"/":
            break
        at = at.rpartition(b"/")[0] or b"/"
    at = folder
    while True:
        for name in (b"devvault.toml", b"pyproject.toml"):
            path = _joined(at, name)
            if not _facts(path):
                continue
            found = read(path, path)
            if name == b"devvault.toml" or has_our_table(found):
                return root, found
        if at == root:
            return root, b""
        at = at.rpartition(b"/")[0] or b"/"


def has_our_table(text: bytes) -> bool:
    """Return whether a pyproject.toml may hold `[tool.devvault]`; the daemon parses it."""
    if b"devvault" not in text:
        return False
    bare = text.translate(None, b" \t\"'")
    return b"[tool.devvault" in bare or b"\ntool.devvault" in bare or b"[tool]" in bare


def find_settings(folder: bytes, root: bytes, read: "Read") -> "list[bytes]":
    """Return the nearest `.env` from the folder up to the repository root."""
    at = folder
    while True:
        path = _joined(at, b".env")
        if _facts(path):
            return [read(path, path)]
        if at == root:
            return []
        at = at.rpartition(b"/")[0] or b"/"


def read_listed(root: bytes, project: bytes, name: bytes, read: "Read") -> bytes:
    """Return a file that the project lists, b"" where it is not there; inside the root only."""
    path = _joined(project.partition(b"\0")[0].rpartition(b"/")[0] or b"/", name)
    inside = root.rstrip(b"/") + b"/"
    if path[: len(inside)] != inside or b".." in path.split(b"/"):
        raise HandOver
    if not _facts(path):
        posix.write(2, b"devvault: note: the project lists %b, which is not there\n" % _clean(name))
        return b""
    at = path.rpartition(b"/")[0]
    while len(at) >= len(inside):  # no folder on the way may lead elsewhere
        facts = _facts(at)
        if not facts or facts.st_mode & 0o170000 == 0o120000:
            raise HandOver
        at = at.rpartition(b"/")[0]
    return read(path, name)


def read_file(path: bytes, name: bytes) -> bytes:
    """Return `name NUL length NUL bytes` of a regular file of ours or root's, at most 1 MiB.

    Opened without following a link and without waiting, so that no FIFO can hold us.
    """
    handle = posix.open(path, OPEN_FLAGS)
    try:
        facts = posix.fstat(handle)
        if (
            facts.st_mode & 0o170000 != 0o100000
            or facts.st_uid not in (posix.geteuid(), 0)
            or facts.st_size > FILE_LIMIT
        ):
            raise HandOver
        text = b""
        while piece := posix.read(handle, FILE_LIMIT + 1 - len(text)):
            text += piece
            if len(text) > FILE_LIMIT:
                raise HandOver
    finally:
        posix.close(handle)
    return b"%b\0%d\0%b" % (name, len(text), text)


def socket_path(given: "dict[bytes, bytes]") -> bytes:
    """Return where the daemon listens, where that is plain; as `devvault.paths` has it."""
    if any(name[:9] == b"DEVVAULT_" and name not in KNOWN for name in given):
        raise HandOver
    home = given.get(b"DEVVAULT_HOME", b"")
    if not home:
        user = given.get(b"HOME", b"")
        data = given.get(b"XDG_DATA_HOME", b"")
        if sys.platform == "darwin":
            data = user + b"/Library/Application Support"
        elif data[:1] != b"/":
            data = user + b"/.local/share"
        if user[:1] != b"/" and data[:1] != b"/":
            raise HandOver
        home = data + b"/devvault"
    path = home + b"/run/s"
    parts = path.split(b"/")[1:]
    if path[:1] != b"/" or len(path) > SOCKET_PATH_LIMIT or {b"", b".", b".."} & set(parts):
        raise HandOver
    return path


def body_of(head: "list[bytes]", files: "list[bytes]") -> bytes:
    """Return a request's body: fields end with NUL, file fields carry their own length."""
    return b"".join([field + b"\0" for field in head] + files)


def ask(path: bytes, head: "list[bytes]", files: "list[bytes]") -> bytes:
    """Post the request and return the body of a whole answer with status 200."""
    import _socket

    body = body_of(head, files)
    sock = _socket.socket(1, _socket.SOCK_STREAM)
    try:
        sock.connect(path)
        check_peer(sock.getsockopt, getattr(_socket, "SO_PEERCRED", 0), _socket.SOL_SOCKET)
        sock.sendall(
            b"POST /local/run HTTP/1.1\r\nHost: devvault\r\nConnection: close\r\n"
            b"Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )
        got = b""
        while piece := sock.recv(262144):
            got += piece
            if len(got) > REPLY_LIMIT:
                raise HandOver
    finally:
        sock.close()
    first, _, reply = got.partition(b"\r\n\r\n")
    lines = first.lower().split(b"\r\n")
    length = b"content-length: %d" % len(reply)
    if lines[0][:8] != b"http/1.1" or lines[0][8:13] != b" 200 " or length not in lines:
        raise HandOver
    return reply


def check_peer(getsockopt: "object", peercred: int, level: int) -> None:
    """See that the process at the other end runs as us: SO_PEERCRED, or LOCAL_PEERCRED."""
    facts = getsockopt(level, peercred, 12) if peercred else getsockopt(0, 1, 76)  # type: ignore[operator]
    if int.from_bytes(facts[4:8], sys.byteorder) != posix.geteuid():
        raise HandOver


def apply(
    reply: bytes, given: "dict[bytes, bytes]"
) -> "tuple[list[bytes], dict[bytes, bytes], list[bytes]]":
    """Return the files that the daemon asks for, the environment it makes, and its secrets' names.

    Raises:
        HandOver: the reply is cut off, or holds what we do not know.
        Stop: settings do not resolve; why stands on stderr.
    """
    fields = reply.split(b"\0")
    if fields[-2:] != [b".", b""]:
        raise HandOver  # cut off on the way
    made = child_of(given)
    listed = []
    secrets = []
    notes = []
    code = -1
    for field in fields[:-2]:
        tag, content = field[:1], field[1:]
        if tag == b"S":
            name, equals, value = content.partition(b"=")
            if not name or not equals:
                raise HandOver
            made[name] = value
        elif tag == b"D":
            made.pop(content, None)
        elif tag == b"W":
            notes.append(_clean(content) + b"\n")
        elif tag == b"Q":
            listed.append(content)
        elif tag == b"X" and content.isdigit():
            code = int(content)
        elif tag == b"M":
            secrets.append(content)
        else:
            raise HandOver
    if notes:
        posix.write(2, b"".join(notes))
    if code >= 0:
        raise Stop(code)
    return listed, made, secrets


def become(command: "list[bytes]", environment: "dict[bytes, bytes]") -> "NoReturn":
    """Exec CMD as execvp does; end with 127 where it is not found, 126 where it may not run."""
    import _signal  # type: ignore[import-not-found]  # typeshed has no such stub

    # Python ignores these two for itself; CMD must not inherit that.
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)
    name = command[0]
    if b"/" in name or not name:
        places = [name]
    else:
        folders = environment.get(b"PATH", b"/usr/local/bin:/bin:/usr/bin").split(b":")
        places = [_joined(folder or b".", name) for folder in folders]
    why, code = b"command not found", 127
    for place in places:
        try:
            posix.execve(place, command, environment)
        except OSError as error:
            if error.errno == _ENOEXEC:  # no #! line: a shell script, says execvp
                posix.execve(b"/bin/sh", [b"sh", place, *command[1:]], environment)
            if error.errno not in (_ENOENT, _ENOTDIR):
                why, code = _encoded(error.strerror or "cannot be started").lower(), 126
                if error.errno != _EACCES:
                    break
    posix.write(2, b"devvault: error: %b: %b\n" % (_clean(name), why))
    posix._exit(code)  # noqa: SLF001  # as above


def start(locale: str) -> "NoReturn":
    """Begin as the front does: `locale` is `=` and LC_CTYPE, or empty where it was not set."""
    given = dict(posix.environ)
    if locale:
        given[b"LC_CTYPE"] = _encoded(locale[1:])
    else:
        given.pop(b"LC_CTYPE", None)
    try:
        main(sys.argv[3:], given)
    except KeyboardInterrupt:
        posix._exit(130)  # noqa: SLF001  # as a shell says of a command ended by Ctrl-C


def _locale(given: "dict[bytes, bytes]") -> bytes:
    return b"=" + given[b"LC_CTYPE"] if b"LC_CTYPE" in given else b""


def _facts(path: bytes) -> "posix.stat_result | None":
    try:
        return posix.lstat(path)
    except OSError:
        return None


def _joined(folder: bytes, name: bytes) -> bytes:
    return name if name[:1] == b"/" else folder.rstrip(b"/") + b"/" + name


def _encoded(text: str) -> bytes:
    return text.encode(sys.getfilesystemencoding(), "surrogateescape")


def _clean(text: bytes) -> bytes:
    """Return text that moves no cursor: control characters become question marks."""
    return text.translate(_BLANKED)
