"""HTTP/1.1 to the daemon over its Unix socket: one request a connection, standard library only.

Both ends check who the other is: the daemon by our user id, we by its (another user's process on
the path gets nothing from us). A reply that is cut off, or longer than said, is never trusted.
`http.client` stays out: it loads 73 modules, and every verb would pay for them.
"""

from __future__ import annotations

import _socket
import os
import sys
from _socket import SOCK_STREAM, socket
from collections.abc import Iterable, Iterator, Mapping

from devvault import errors
from devvault.errors import DevvaultError, Unavailable, Unresolved
from devvault.paths import Home

BODY_LIMIT = 64 * 1024 * 1024
_HEAD_LIMIT = 64 * 1024
_PIECE = 64 * 1024
_AF_UNIX = 1
_DOWN = "DaemonDown"
CUT_OFF = "BadReply"  # the code of a reply that came to an end too early, or is none
_PEERCRED: int | None = getattr(_socket, "SO_PEERCRED", None)

_CLASSES: Mapping[int, type[DevvaultError]] = {
    400: errors.Invalid,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.Invalid,
    409: errors.Conflict,
    413: errors.Invalid,
    422: errors.Damaged,
    423: errors.Locked,
    424: errors.Unavailable,
}
_BY_CODE: Mapping[str, type[DevvaultError]] = {
    errors.Stale.code: errors.Stale,
    errors.WrongUse.code: errors.WrongUse,
    errors.PlaintextSecret.code: errors.PlaintextSecret,
}


class Response:
    """What the daemon answered. Header names are lower case; `repr` shows no body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"

    def json(self) -> object:
        """Return the body read as JSON.

        Raises:
            Unavailable: it is none.
        """
        import json

        try:
            found: object = json.loads(self.body)
        except ValueError as error:
            raise Unavailable(
                "the daemon's answer cannot be read", hint="devvault daemon stop"
            ) from error
        return found


class Connection:
    """The way to one home's daemon. Holds no open socket: each request makes its own.

    `timeout` is in seconds, for each wait on the other side; None waits for as long as it takes
    (a keyring may be asking somebody for a password).
    """

    def __init__(self, home: Home, *, timeout: float | None = None) -> None:
        self._home = home
        self._timeout = timeout

    def request(
        self,
        method: str,
        host: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] = b"",
    ) -> Response:
        """Send a request and return the whole reply, whatever its status.

        Raises:
            Unavailable: code `DaemonDown` when nothing listens; other codes when the reply is
                cut off, malformed, over 64 MiB, or from a process of another user.
        """
        wire = self._send(method, host, path, headers or {}, body)
        try:
            pieces = []
            size = 0
            for piece in wire.pieces():
                size += len(piece)
                if size > BODY_LIMIT:
                    raise _odd("is too long")
                pieces.append(piece)
            return Response(wire.status, wire.headers, b"".join(pieces))
        finally:
            wire.close()

    def stream(
        self,
        method: str,
        host: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] = b"",
    ) -> Iterator[bytes]:
        """Send a request and return the reply's body piece by piece, as it comes.

        Raises:
            DevvaultError: the reply's status is an error; see `raise_for`. Unavailable comes out
                of the iterator too, when the reply is cut off on the way.
        """
        wire = self._send(method, host, path, headers or {}, body)
        if wire.status >= 400:
            try:
                refusal = b"".join(wire.pieces())
            finally:
                wire.close()
            raise_for(Response(wire.status, wire.headers, refusal))
        return wire.closing_pieces()

    def lines(
        self,
        method: str,
        host: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] = b"",
    ) -> Iterator[object]:
        """As `stream`, for `application/x-ndjson`: return each line read as JSON."""
        import json

        pieces = self.stream(method, host, path, headers, body)

        def read() -> Iterator[object]:
            rest = b""
            for piece in pieces:
                *whole, rest = (rest + piece).split(b"\n")
                for line in whole:
                    if line.strip():
                        yield json.loads(line)
            if rest.strip():
                yield json.loads(rest)

        return read()

    def _send(
        self,
        method: str,
        host: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes],
    ) -> _Wire:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        whole, parts = (body, ()) if isinstance(body, bytes) else (b"", body)
        if parts != ():
            lines.append("Transfer-Encoding: chunked")
        elif whole or method not in {"GET", "HEAD", "DELETE"}:
            lines.append(f"Content-Length: {len(whole)}")
        head = "\r\n".join(lines)
        if any(line.splitlines() != [line] for line in lines):
            raise errors.Invalid("a request holds a line break in its path or headers")
        sock = self.open()
        try:
            try:
                sock.sendall(head.encode("latin-1") + b"\r\n\r\n" + whole)
                for piece in parts:
                    if piece:
                        sock.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")
                if parts != ():
                    sock.sendall(b"0\r\n\r\n")
            except (BrokenPipeError, ConnectionResetError):
                pass  # it answered before it had read everything: the answer says why
            wire = _Wire(sock)
            wire.read_head()
        except OSError as error:
            sock.close()
            raise _odd(f"was cut off ({error.strerror or 'no answer in time'})") from error
        except BaseException:
            sock.close()
            raise
        return wire

    def open(self) -> socket:
        """Return a connected socket, its other end checked to be ours.

        Raises:
            Unavailable: as `request`.
        """
        if sys.platform == "win32":
            raise Unavailable("this platform has no Unix sockets", hint="use WSL")
        sock = socket(_AF_UNIX, SOCK_STREAM)
        try:
            sock.settimeout(self._timeout)
            try:
                sock.connect(os.fsencode(self._home.socket))
            except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
                raise Unavailable(
                    "the daemon is not running", code=_DOWN, hint="devvault daemon start"
                ) from error
            except OSError as error:
                raise Unavailable(
                    f"cannot reach the daemon at {self._home.socket}: {error.strerror or error}",
                    code="DaemonUnreachable",
                    hint="devvault doctor",
                ) from error
            self._check_owner(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def _check_owner(self, sock: socket) -> None:
        owner = peer_uid(sock)
        if owner != os.geteuid():
            raise Unavailable(
                f"the process at {self._home.socket} belongs to another user (uid {owner})",
                code="ForeignDaemon",
                hint="devvault doctor",
            )


def is_down(error: DevvaultError) -> bool:
    """Return whether an error of `Connection` only says that no daemon listens."""
    return error.code == _DOWN


def peer_uid(sock: socket) -> int:
    """Return the user id of the process at the other end of a Unix socket, -1 where unknown."""
    if _PEERCRED is not None:  # Linux: struct ucred = pid, uid, gid
        facts = sock.getsockopt(_socket.SOL_SOCKET, _PEERCRED, 12)
        return int.from_bytes(facts[4:8], sys.byteorder, signed=True)
    # LOCAL_PEERCRED of macOS and the BSDs: struct xucred = version, uid, ...
    facts = sock.getsockopt(0, 1, 76)
    return int.from_bytes(facts[4:8], sys.byteorder, signed=True) if len(facts) >= 8 else -1


def raise_for(response: Response) -> None:
    """Raise the error that a reply stands for; a reply below 400 raises nothing.

    Raises:
        DevvaultError: the class that goes with code and status, with the daemon's own words.
    """
    if response.status < 400:
        return
    try:
        whole = response.json()
    except Unavailable:
        whole = None
    facts = whole.get("error") if isinstance(whole, dict) else None
    if not isinstance(whole, dict) or not isinstance(facts, dict):
        raise Unavailable(
            f"the daemon answered with status {response.status} and no reason",
            hint="devvault doctor",
        )
    raise error_from(response.status, facts, whole.get("failures"))


def error_from(status: int, facts: Mapping[str, object], failures: object = None) -> DevvaultError:
    """Return the error that an `error` member (code, message, hint, innererror) stands for."""
    code = _text(facts, "code")
    message = _text(facts, "message") or f"the daemon answered with status {status}"
    hint = _text(facts, "hint") or None
    inner = facts.get("innererror")
    if code == Unresolved.code:
        return Unresolved(message, _failures(failures or facts.get("failures")), hint=hint)
    kind = _BY_CODE.get(code) or _CLASSES.get(status, errors.Unavailable)
    return kind(
        message,
        code=code or None,
        hint=hint,
        inner=(_text(inner, "code") or None) if isinstance(inner, dict) else None,
    )


def _failures(found: object) -> list[tuple[str, str, str, str]]:
    if not isinstance(found, list):
        return []
    return [
        (_text(one, "setting"), _text(one, "status"), _text(one, "reason"), _text(one, "hint"))
        for one in found
        if isinstance(one, dict)
    ]


def _text(facts: Mapping[str, object], name: str) -> str:
    found = facts.get(name)
    return found if isinstance(found, str) else ""


def _odd(what: str) -> Unavailable:
    return Unavailable(f"the daemon's answer {what}", code=CUT_OFF, hint="devvault daemon stop")


class _Wire:
    """A reply on its way in: the head, then the body in pieces."""

    def __init__(self, sock: socket) -> None:
        self._sock = sock
        self._rest = b""
        self.status = 0
        self.headers: dict[str, str] = {}

    def close(self) -> None:
        self._sock.close()

    def read_head(self) -> None:
        """Read status and headers; interim (1xx) replies are skipped."""
        while self.status < 200:
            first = self._line()
            version, _, words = first.partition(" ")
            number = words[:3]
            if not version.startswith("HTTP/1.") or not number.isdecimal():
                raise _odd("is not HTTP")
            self.status = int(number)
            self.headers = {}
            size = 0
            while line := self._line():
                size += len(line)
                name, colon, value = line.partition(":")
                if not colon or size > _HEAD_LIMIT:
                    raise _odd("has a malformed head")
                self.headers[name.strip().lower()] = value.strip()

    def pieces(self) -> Iterator[bytes]:
        """Yield the body; the last piece is only yielded when the body is whole or goes on."""
        if self.status in {204, 304}:
            return
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            yield from self._chunks()
            return
        length = self.headers.get("content-length", "")
        if not length.isdecimal():
            raise _odd("does not say how long it is")
        yield from self._exactly(int(length))

    def closing_pieces(self) -> Iterator[bytes]:
        """As `pieces`, and closes the connection at the end."""
        try:
            yield from self.pieces()
        finally:
            self.close()

    def _chunks(self) -> Iterator[bytes]:
        while True:
            try:
                size = int(self._line().partition(";")[0], 16)
            except ValueError as error:
                raise _odd("has a malformed chunk") from error
            if size < 0:
                raise _odd("has a malformed chunk")
            if not size:
                while self._line():
                    pass
                return
            yield from self._exactly(size)
            if self._line():
                raise _odd("has a malformed chunk")

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size:
            if not self._rest:
                self._fill()
            piece, self._rest = self._rest[:size], self._rest[size:]
            size -= len(piece)
            yield piece

    def _line(self) -> str:
        while b"\n" not in self._rest:
            if len(self._rest) > _HEAD_LIMIT:
                raise _odd("has a malformed head")
            self._fill()
        line, _, self._rest = self._rest.partition(b"\n")
        return line.removesuffix(b"\r").decode("latin-1")

    def _fill(self) -> None:
        try:
            piece = self._sock.recv(_PIECE)
        except OSError as error:
            raise _odd(f"was cut off ({error.strerror or 'no answer in time'})") from error
        if not piece:
            raise _odd("was cut off")
        self._rest += piece
