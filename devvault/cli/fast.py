"""`devvault run -- CMD`: one request on the daemon's socket, then exec.

Made for `python -I -S`: it imports a few C modules, parses no settings file, and loads `answer.py`
beside it while the daemon is busy. A daemon that is not there is started. Whatever else it cannot
do itself it hands to the full CLI by exec: other verbs, other flags, no home, a file that is not
plainly ours, an answer that is odd in any way. The full CLI makes the same request with the same
`settle`, and its own ways to read a file and to ask.
"""

import posix
import sys
from _frozen_importlib_external import SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable
    from types import ModuleType
    from typing import NoReturn

    from devvault.cli.answer import Applied

    # Reads the file at a path and returns it as `name NUL length NUL bytes`.
    Read = Callable[[bytes, bytes], bytes]
    Ask = Callable[[list[bytes], list[bytes]], bytes]
    # Reads a file that the project lists: repository root, path; b"" where it is not there.
    Listed = Callable[[bytes, bytes], bytes]
    Apply = Callable[[bytes, dict[bytes, bytes]], Applied]

# As `devvault.references.marks` has them, which this file may not import.
MARKS = (
    b"@microsoft.keyvault(",
    b"akvs://",
    b"keyvaultref:",
    b"secretref:",
    b"keyvaultref+json",
    b".getsecret(",
    b'"uri"',
    b'"keyvault"',
    b'"keyvaulturl"',
    b'"keyvaultname"',
)
FILE_LIMIT = 1024 * 1024
REPLY_LIMIT = 64 * 1024 * 1024
SOCKET_PATH_LIMIT = 100
# Settings of ours that change nothing here; any other DEVVAULT_ variable is for the full CLI.
KNOWN = b"BEFORE HOME HTTPS_PORT HTTP_PORT KEY_FILE KEY_SOURCE PASSPHRASE PASSPHRASE_FILE".split()
# What a program was connected by, if at all: proxies, and files of roots that it trusts.
PROXIES = (b"https_proxy", b"HTTPS_PROXY", b"all_proxy", b"ALL_PROXY", b"no_proxy", b"NO_PROXY")
JAVA = b"JAVA_TOOL_OPTIONS"
ROOTS = (b"CURL_CA_BUNDLE", b"NODE_EXTRA_CA_CERTS", b"REQUESTS_CA_BUNDLE", b"SSL_CERT_FILE")
ROOTS_LIMIT = 4 * 1024 * 1024
# What LC_CTYPE was before Python's own start changed it (PEP 538), `=` before the value.
LOCALE = b"DEVVAULT_LC_CTYPE"
OPEN_FLAGS = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC


class HandOver(Exception):
    """The full CLI has to do this one."""


class Down(HandOver):
    """No daemon listens."""


class Stop(Exception):
    """The daemon says to end here, with this code; what there is to say has been said."""

    def __init__(self, code: int) -> None:
        self.code = code


def main(args: "list[str]", given: "dict[bytes, bytes]") -> "NoReturn":
    """Become CMD, or the full CLI. `given` is the environment as the user's shell left it."""
    ears = None  # of a mask, where there is one
    try:
        command, flags = parse(args)
        path = socket_path(given)
        piped = [] if "--no-mask" in args[: args.index("--")] else find_piped()
        if piped:
            check_configuration(path[: -len(b"/run/s")])
        # Before anything is read: the daemon gets ready for us meanwhile.
        early = [] if b"Ono-connect" in flags else try_dial(path)
        if piped and b"Ono-connect" not in flags:
            load_sockets()
            ears = beside("hearing").Hearing(path[: -len(b"/s")])

        def ask_run(head: "list[bytes]", files: "list[bytes]") -> bytes:
            where = ears.place if ears else b"/local/run"
            try:
                sock = early.pop() if early else dial(path)
            except Down:
                begin(path, given)
                sock = dial(path)
            return exchange(sock, where, head, files)

        def apply(reply: bytes, made: "dict[bytes, bytes]") -> "Applied":
            found: Applied = beside("answer").apply(reply, made)
            return found

        flags.insert(0, b"Vrun")
        environment, secrets = settle(flags, given, read_file, read_listed, ask_run, apply)
    except Stop as stop:
        if ears:
            ears.end()
        posix._exit(stop.code)  # noqa: SLF001  # nothing is open, and no exit handler is ours
    except (HandOver, OSError):
        if ears:
            ears.end()
        locale = b"=" + given[b"LC_CTYPE"] if b"LC_CTYPE" in given else b""
        whole = [sys.executable, "-I", "-m", "devvault", *args]
        posix.execve(sys.executable, whole, {**given, LOCALE: locale})
    beside("answer").start(command, environment, secrets, piped, ears, beside)
    posix._exit(126)  # noqa: SLF001  # for the type checker: it does not return


def beside(name: str) -> "ModuleType":
    """Return the module in the file NAME.py of this folder, loaded once.

    As an import does it, but for the search: that would list this folder first.
    """
    found = sys.modules.get(name)
    if found is None:
        path = __file__.rpartition("/")[0] + "/" + name + ".py"
        found = sys.modules[name] = type(sys)(name)
        found.__file__ = path
        SourceFileLoader(name, path).exec_module(found)
    return found


def find_piped() -> "list[list[int]]":
    """Return which of 1 and 2 are pipes or sockets; both in one group where they are the same."""
    found: dict[tuple[int, int], list[int]] = {}
    for number in (1, 2):
        try:
            facts = posix.fstat(number)
        except OSError:
            continue  # it is closed
        if facts.st_mode & 0o170000 in (0o010000, 0o140000):
            found.setdefault((facts.st_dev, facts.st_ino), []).append(number)
    return list(found.values())


def check_configuration(home: bytes) -> None:
    """See that no configuration can say something about masking; none is parsed here."""
    for path in (home + b"/config.toml", b"/etc/devvault/config.toml"):
        if _facts(path) and b"mask" in read_file(path, b""):
            raise HandOver


def begin(path: bytes, given: "dict[bytes, bytes]") -> None:
    """Start the daemon of a home that is there, and wait until it answers.

    Raises:
        HandOver, OSError: it did not start; the full CLI finds out why.
    """
    launch = beside("../client/launch")
    home = path[: -len(b"/run/s")]
    if not launch.is_home(home):
        raise HandOver
    if launch.told(launch.launch(_encoded(sys.executable), home, given)) != b"ready\n":
        raise HandOver


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
        elif equals or flag not in (b"--no-mask", b"--no-connect", b"--pass-through"):
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
        elif flag == b"--pass-through":
            fields.append(b"Opass-through")
    command = rest[1:]
    if not command:
        raise HandOver
    return command, fields


def settle(
    flags: "list[bytes]",
    given: "dict[bytes, bytes]",
    read: "Read",
    listed_file: "Listed",
    ask: "Ask",
    apply: "Apply",
) -> "tuple[dict[bytes, bytes], list[bytes]]":
    """Return the environment that CMD gets, and the names in it whose values are secret.

    Raises:
        HandOver: the daemon's answer is odd.
        Stop: settings do not resolve; why stands on stderr.
    """
    folder = posix.getcwdb()
    names = find_marked(given)
    marked = [b"E" + name + b"=" + given[name] for name in names]
    # What a run around us set, this one sets anew.
    ours = given.get(b"DEVVAULT_SESSION", b"").partition(b":")[2].split(b",")
    plain = [b"N" + name for name in given if name not in names and name not in ours]
    root = find_root(folder)
    project = find_project(folder, root, read)
    named = [field[1:] for field in flags if field[:1] == b"F"]
    if named:
        files = [read(_joined(folder, path), path) for path in named]
    else:
        files = find_settings(folder, root, read)
    head = [b"P1", b"C" + folder, b"R" + root]
    head += [field for field in flags if field[:1] not in (b"F", b"S")]
    if named:
        head.append(b"G1")
    if posix.isatty(2):
        head.append(b"Oterminal")
    if b"Vrun" in flags and b"Ono-connect" not in flags:
        head += connection_of(given)
    own = [b"J" + project] if project else []
    own += [b"S" + read(_joined(folder, f[1:]), f[1:]) for f in flags if f[:1] == b"S"]
    is_chosen = [True for field in flags if field[:13] == b"Oenvironment="]
    if not marked and not files and not own and not is_chosen and b"Ono-connect" in flags:
        return child_of(given), []
    sent = [b"F" + found for found in files]
    for _ in range(5):
        reply = ask([*head, *marked, *plain], own + sent)
        try:
            code, listed, needed, roots, made, secrets = apply(reply, child_of(given))
        except ValueError:
            raise HandOver from None
        if code >= 0:
            raise Stop(code)
        if listed:
            if b"A1" in head:
                break
            head.append(b"A1")
            wanted = [listed_file(root, name) for name in listed]
            sent = [b"F" + one for one in wanted if one]
        elif roots:
            own += [b"B" + read_roots(path) for path in roots]
        elif needed:
            marked += [b"E" + name + b"=" + given[name] for name in needed if name in given]
        else:
            return made, secrets
    raise HandOver


def find_marked(given: "dict[bytes, bytes]") -> "list[bytes]":
    """Return the variables whose values may be references; the daemon looks closer."""
    every = b"\0".join(given.values()).lower()
    marks = [mark for mark in MARKS if mark in every]
    return [name for name in given if any(mark in given[name].lower() for mark in marks)]


def connection_of(given: "dict[bytes, bytes]") -> "list[bytes]":
    """Return the fields that say how a program is connected now: X and, for files of roots, L."""
    found = [b"X" + name + b"=" + given[name] for name in (*PROXIES, JAVA) if given.get(name)]
    states = {}
    for name in ROOTS:
        path = given.get(name, b"")
        try:
            facts = posix.stat(path) if path else None
        except OSError:
            facts = None
        if facts and facts.st_mode & 0o170000 == 0o100000 and facts.st_size <= ROOTS_LIMIT:
            state = b"%d.%d.%d" % (facts.st_ino, facts.st_size, facts.st_mtime_ns)
            states[path] = b"L" + state + b":" + path
        if path in states or given.get(name) == b"":
            found.append(b"X" + name + b"=" + path)
    return found + list(states.values())


def read_roots(path: bytes) -> bytes:
    """Return `path NUL length NUL bytes` of a file of root certificates."""
    handle = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC)
    try:
        return _whole(handle, path, ROOTS_LIMIT, ROOTS_LIMIT)
    finally:
        posix.close(handle)


def child_of(given: "dict[bytes, bytes]") -> "dict[bytes, bytes]":
    """Return an environment without what no child may see."""
    hidden = (b"", b"DEVVAULT_PASSPHRASE", LOCALE)  # and what no exec would take
    return {name: given[name] for name in given if name not in hidden}


def find_root(folder: bytes) -> bytes:
    """Return the repository around a folder, else the folder; another user's `.git` makes none."""
    for at in upwards(folder, b"/"):
        facts = _facts(_joined(at, b".git"))
        if facts and facts.st_uid in (posix.geteuid(), 0):
            return at
    return folder


def find_project(folder: bytes, root: bytes, read: "Read") -> bytes:
    """Return the nearest project file up to the root, b"" where there is none."""
    for at in upwards(folder, root):
        for name in (b"devvault.toml", b"pyproject.toml"):
            path = _joined(at, name)
            if _facts(path):
                found = read(path, path)
                if name == b"devvault.toml" or has_our_table(found):
                    return found
    return b""


def find_settings(folder: bytes, root: bytes, read: "Read") -> "list[bytes]":
    """Return the nearest `.env` up to the root."""
    for at in upwards(folder, root):
        path = _joined(at, b".env")
        if _facts(path):
            return [read(path, path)]
    return []


def upwards(at: bytes, root: bytes) -> "list[bytes]":
    """Return the folders from one up to another around it."""
    found = [at]
    while at not in (root, b"/"):
        at = at.rpartition(b"/")[0] or b"/"
        found.append(at)
    return found


def has_our_table(text: bytes) -> bool:
    """Return whether a pyproject.toml may hold `[tool.devvault]`; the daemon parses it."""
    if b"devvault" not in text:
        return False
    bare = text.translate(None, b" \t\"'")
    return b"[tool.devvault" in bare or b"\ntool.devvault" in bare or b"[tool]" in bare


def read_listed(root: bytes, path: bytes) -> bytes:
    """Read a file that the project lists; see `answer.read_listed`."""
    try:
        found: bytes = beside("answer").read_listed(root, path, read_file)
    except ValueError:
        raise HandOver from None
    return found


def read_file(path: bytes, name: bytes) -> bytes:
    """Return `name NUL length NUL bytes` of a regular file of ours or root's, at most 1 MiB.

    Opened without following a link and without waiting, so that no FIFO can hold us.
    """
    handle = posix.open(path, OPEN_FLAGS)
    try:
        facts = posix.fstat(handle)
        is_ours = facts.st_uid in (posix.geteuid(), 0)
        if facts.st_mode & 0o170000 != 0o100000 or not is_ours or facts.st_size > FILE_LIMIT:
            raise HandOver
        return _whole(handle, name, FILE_LIMIT, facts.st_size)
    finally:
        posix.close(handle)


def socket_path(given: "dict[bytes, bytes]") -> bytes:
    """Return where the daemon listens, where that is plain; as `devvault.paths` has it."""
    if any(n[:9] == b"DEVVAULT_" and n[9:] not in (*KNOWN, b"SESSION") for n in given):
        raise HandOver
    home = given.get(b"DEVVAULT_HOME", b"")
    if not home:
        user = given.get(b"HOME", b"")
        data = given.get(b"XDG_DATA_HOME", b"")
        if sys.platform == "darwin":
            data = user + b"/Library/Application Support"
        elif data[:1] != b"/":
            data = user + b"/.local/share"
        if b"/" not in (user[:1], given.get(b"XDG_DATA_HOME", b"")[:1]):
            raise HandOver
        home = data + b"/devvault"
    path = home + b"/run/s"
    parts = path.split(b"/")[1:]
    if path[:1] != b"/" or len(path) > SOCKET_PATH_LIMIT or {b"", b".", b".."} & set(parts):
        raise HandOver
    if (at := _facts(home)) and (at.st_mode & 0o170077, at.st_uid) != (16384, posix.geteuid()):
        raise HandOver  # no folder that is ours alone: the full CLI refuses it
    return path


def body_of(head: "list[bytes]", files: "list[bytes]") -> bytes:
    """Return a request's body: fields end with NUL, file fields carry their own length."""
    return b"".join([field + b"\0" for field in head] + files)


def ask(
    path: bytes, head: "list[bytes]", files: "list[bytes]", where: bytes = b"/local/run"
) -> bytes:
    """Post a request and return the body of a whole answer with status 200."""
    return exchange(dial(path), where, head, files)


def try_dial(path: bytes) -> "list[socket]":
    """Return a connection to the daemon; none where no daemon listens."""
    try:
        return [dial(path)]
    except Down:
        return []


def dial(path: bytes) -> "socket":
    """Return a connection to the daemon, which runs as us."""
    sockets = load_sockets()
    sock: socket = sockets.socket(1, sockets.SOCK_STREAM)
    try:
        sock.connect(path)
        check_peer(sock, getattr(sockets, "SO_PEERCRED", 0), sockets.SOL_SOCKET)
    except BaseException as error:
        sock.close()
        if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
            raise Down from None
        raise
    return sock


def load_sockets() -> "ModuleType":
    """Return `_socket`, from where a CPython has it: a search would list three folders."""
    name, folder = "_socket", sys.path[-1]
    if name not in sys.modules and folder.endswith("/lib-dynload"):
        import _imp
        from _frozen_importlib import ModuleSpec

        spec = ModuleSpec(name, None, origin=f"{folder}/{name}{_imp.extension_suffixes()[0]}")
        try:
            made = _imp.create_dynamic(spec)
            _imp.exec_dynamic(made)
            sys.modules[name] = made
        except ImportError:
            pass  # it is elsewhere, or built in
    import _socket

    return _socket


def exchange(sock: "socket", where: bytes, head: "list[bytes]", files: "list[bytes]") -> bytes:
    """Post a request on a new connection and return the body of a whole answer with status 200."""
    body = body_of(head, files)
    try:
        sock.sendall(
            b"POST %b HTTP/1.1\r\nHost: devvault\r\nConnection: close\r\n"
            b"Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n%b"
            % (where, len(body), body)
        )
        if where.startswith(b"/local/run"):
            beside("answer")  # while the daemon is busy
        got = reply = b""
        length = -1
        while len(reply) != length and (piece := sock.recv(65536)):
            got += piece
            first, _, reply = got.partition(b"\r\n\r\n")
            if length < 0 and len(first) < len(got):
                length = length_of(first)
            if len(got) > REPLY_LIMIT:
                raise HandOver
    finally:
        sock.close()
    if len(reply) != length:
        raise HandOver
    return reply


def length_of(head: bytes) -> int:
    """Return how long the body of a good reply is; another reply is not for us."""
    status, *lines = head.lower().split(b"\r\n")
    lengths = [line[15:].strip() for line in lines if line[:15] == b"content-length:"]
    if status[:8] != b"http/1.1" or status[8:13] != b" 200 " or len(lengths) != 1:
        raise HandOver
    return int(lengths[0]) if lengths[0].isdigit() else -1


def check_peer(sock: "socket", peercred: int, level: int) -> None:
    """See that the process at the other end runs as us: SO_PEERCRED, or LOCAL_PEERCRED."""
    facts = sock.getsockopt(level, peercred, 12) if peercred else sock.getsockopt(0, 1, 76)
    if int.from_bytes(facts[4:8], sys.byteorder) != posix.geteuid():
        raise HandOver


def as_given(environ: "dict[bytes, bytes]", locale: bytes) -> "dict[bytes, bytes]":
    """Return the environment as it was before Python's start; `locale` as `LOCALE` says."""
    given = dict(environ)
    for name in (LOCALE, b"LC_CTYPE"):
        given.pop(name, None)
    if locale:
        given[b"LC_CTYPE"] = locale[1:]
    return given


def start(locale: str) -> "NoReturn":
    """Begin as the front does: `locale` is `=` and LC_CTYPE, or empty where it was not set."""
    try:
        main(sys.argv[3:], as_given(posix.environ, _encoded(locale)))
    except KeyboardInterrupt:
        posix._exit(130)  # noqa: SLF001  # as a shell says of a command ended by Ctrl-C


def _whole(handle: int, name: bytes, limit: int, size: int) -> bytes:
    text = posix.read(handle, size + 1)
    if len(text) != size:  # it grows, or is of a kind that does not tell
        while piece := posix.read(handle, limit + 1 - len(text)):
            text += piece
    if len(text) > limit:
        raise HandOver
    return b"%b\0%d\0%b" % (name, len(text), text)


def _facts(path: bytes) -> "posix.stat_result | None":
    try:
        return posix.lstat(path)
    except OSError:
        return None


def _joined(folder: bytes, name: bytes) -> bytes:
    return name if name[:1] == b"/" else folder.rstrip(b"/") + b"/" + name


def _encoded(text: str) -> bytes:
    return text.encode(sys.getfilesystemencoding(), "surrogateescape")
