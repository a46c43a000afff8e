"""A connected program, reduced to its variables: what it can ask of the proxy and of vaults."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from tests.daemon.running import Daemon, run_body
from tests.waiting import LIMIT

OPENED: list[socket.socket] = []


def dial(port: int) -> socket.socket:
    """Connect to a port; `close_all` closes it."""
    made = socket.create_connection(("127.0.0.1", port), LIMIT)
    OPENED.append(made)
    return made


def close_all() -> None:
    while OPENED:
        OPENED.pop().close()


class Program:
    """One run's variables, as its environment would have them."""

    def __init__(self, daemon: Daemon, *fields: bytes) -> None:
        self.daemon = daemon
        self.notes: list[str] = []
        found = daemon.ask("POST", "/local/run", run_body("/app", fields, connect=True))
        assert found.status == 200, found.body
        self.variables: dict[str, str] = {}
        self.removed: list[str] = []
        self.masked: dict[str, str] = {}
        self.asked: list[str] = []
        parts = found.body.split(b"\0")
        assert parts[-2:] == [b".", b""], parts
        for part in parts[:-2]:
            tag, (name, _, value) = part[:1], part[1:].decode().partition("=")
            if tag == b"S":
                self.variables[name] = value
            elif tag == b"M":
                self.masked[name] = value
            elif tag == b"D":
                self.removed.append(name)
            elif tag == b"B":
                self.asked.append(part[1:].decode())
            elif tag == b"W":
                self.notes.append(part[1:].decode())

    @property
    def secret(self) -> str:
        return urlsplit(self.variables["HTTPS_PROXY"]).password or ""

    @property
    def header(self) -> str:
        return self.variables["IDENTITY_HEADER"]

    @property
    def https(self) -> int:
        return int(self.variables["DEVVAULT_HTTPS_PORT"])

    @property
    def http(self) -> int:
        return int(self.variables["DEVVAULT_HTTP_PORT"])

    def basic(self, secret: str | None = None, user: str = "devvault") -> str:
        pair = f"{user}:{self.secret if secret is None else secret}"
        return f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}"

    def connect(self, target: str, *lines: str, secret: str | None = None) -> Tunnel:
        """Ask the proxy for a tunnel, with its secret and the Host header that is due."""
        return self.raw(
            "\r\n".join(
                [
                    f"CONNECT {target} HTTP/1.1",
                    f"Host: {target}",
                    self.basic(secret),
                    *lines,
                    "",
                    "",
                ]
            ).encode()
        )

    def raw(self, request: bytes) -> Tunnel:
        return Tunnel(self.http, request)

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.variables["SSL_CERT_FILE"])

    def token(self, resource: str = "https://vault.azure.net") -> str:
        path = urlsplit(self.variables["IDENTITY_ENDPOINT"]).path
        found = ask(
            dial(self.http),
            f"{path}?api-version=2019-08-01&resource={resource}",
            f"127.0.0.1:{self.http}",
            {"X-IDENTITY-HEADER": self.header},
        )
        assert found.status == 200, found.body
        return found.json["access_token"]

    def vault(self, host: str, path: str, token: str | None = None, **more: str) -> Heard:
        """Ask a vault through the proxy."""
        tunnel = self.connect(f"{host}:443")
        assert tunnel.status == 200, tunnel.reason
        secure = self.context().wrap_socket(tunnel.sock, server_hostname=host)
        OPENED.append(secure)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return ask(secure, path, more.get("named", host), headers)


class Tunnel:
    """What the proxy answered, and the socket after it."""

    def __init__(self, port: int, request: bytes) -> None:
        self.sock = dial(port)
        self.sock.sendall(request)
        head = b""
        while b"\r\n\r\n" not in head and (piece := self.sock.recv(1)):
            head += piece
        first = head.split(b"\r\n")[0].decode("latin-1")
        _, _, rest = first.partition(" ")
        status, _, self.reason = rest.partition(" ")
        self.status = int(status or 0)
        self.head = head.decode("latin-1").lower()
        self.body = b"" if self.status in (0, 200) else read_all(self.sock)

    @property
    def code(self) -> str:
        return json.loads(self.body)["error"]["code"]


class Heard:
    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        self.status = int(head.split(b" ")[1]) if head else 0
        self.head = head.decode("latin-1").lower()

    @property
    def json(self) -> dict:
        return json.loads(self.body)


def ask(sock: socket.socket, path: str, host: str, headers: dict[str, str] | None = None) -> Heard:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    with sock:
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        return Heard(read_all(sock))


def read_all(sock: socket.socket) -> bytes:
    found = b""
    try:
        while piece := sock.recv(65536):
            found += piece
    except ConnectionResetError:
        return found
    return found


class Site:
    """A server on loopback; `serve` has each connection in a thread of its own."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._serve = serve
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(accepted,), daemon=True).start()

    def _one(self, accepted: socket.socket) -> None:
        with accepted:
            try:
                self._serve(accepted)
            except OSError:
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(LIMIT)


def echo(sock: socket.socket) -> None:
    """Say back what is heard, until the other end is done; then say goodbye."""
    while piece := sock.recv(65536):
        sock.sendall(piece)
    sock.sendall(b"goodbye")


class OwnProxy(Site):
    """The user's own proxy: wants `user:p@ss`, notes what it was asked, goes to `port`."""

    def __init__(self, port: int, status: bytes = b"200 fine") -> None:
        self.asked: list[str] = []
        self.heads: list[str] = []
        self._target = port
        self._status = status
        super().__init__(self._relay)

    def _relay(self, sock: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = sock.recv(1)
            if not piece:
                return
            head += piece
        self.heads.append(head.decode())
        self.asked.append(head.split(b" ")[1].decode())
        sock.sendall(b"HTTP/1.1 " + self._status + b"\r\nVia: own\r\n\r\n")
        if self._status.startswith(b"2"):
            self._join(sock)

    def _join(self, sock: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._target)) as far:
            thread = threading.Thread(target=_copy, args=(far, sock), daemon=True)
            thread.start()
            _copy(sock, far)
            thread.join(LIMIT)


class Socks(OwnProxy):
    """A SOCKS 5 proxy that wants `user` and `p@ss`; `refuses` is what it answers to a request."""

    def __init__(self, port: int, refuses: int = 0) -> None:
        self._refuses = refuses
        super().__init__(port)

    def _relay(self, sock: socket.socket) -> None:
        assert sock.recv(1) == b"\x05"
        methods = sock.recv(sock.recv(1)[0])
        if 2 not in methods:
            sock.sendall(b"\x05\xff")
            return
        sock.sendall(b"\x05\x02")
        given = [sock.recv(1), sock.recv(sock.recv(1)[0]), sock.recv(sock.recv(1)[0])]
        if given != [b"\x01", b"user", b"p@ss"]:
            sock.sendall(b"\x01\x01")
            return
        sock.sendall(b"\x01\x00")
        assert sock.recv(3) == b"\x05\x01\x00"
        kind = sock.recv(1)
        if kind == b"\x03":
            host = sock.recv(sock.recv(1)[0]).decode()
        else:
            host = socket.inet_ntop(
                socket.AF_INET if kind == b"\x01" else socket.AF_INET6,
                sock.recv(4 if kind == b"\x01" else 16),
            )
        self.asked.append(f"{host}:{int.from_bytes(sock.recv(2), 'big')}")
        sock.sendall(bytes([5, self._refuses, 0, 1]) + b"\0" * 6)
        if not self._refuses:
            self._join(sock)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


def state_of(path: str) -> str:
    facts = os.stat(path)
    return f"{facts.st_ino}.{facts.st_size}.{facts.st_mtime_ns}"
