"""Bytes that are no proper HTTP, on both ports of a real daemon: an answer or an end, never a harm.

Whatever is answered is JSON under 500, in time; the daemon then serves the next client, its log
tells of no failure, and no request that was hidden in another one is ever answered.
"""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from dataclasses import dataclass

import pytest

from tests.journeys.desk import Desk
from tests.waiting import LIMIT

VALUE = "s3same-never-to-a-stranger"


@dataclass
class Target:
    desk: Desk
    host: str
    https: int
    http: int
    bundle: str

    def dial(self, *, tls: bool) -> socket.socket:
        plain = socket.create_connection(
            ("127.0.0.1", self.https if tls else self.http), timeout=LIMIT
        )
        if not tls:
            return plain
        context = ssl.create_default_context(cafile=self.bundle)
        return context.wrap_socket(plain, server_hostname=self.host)

    def ask(
        self, data: bytes, *, tls: bool = True, half: bool = True, patience: float = 0.7
    ) -> bytes:
        """Send bytes and return all that comes until the daemon, or the end of them, closes.

        What has begun to come is waited for; of what has not, `patience` seconds decide.
        """
        line = self.dial(tls=tls)
        found = b""
        try:
            line.sendall(data)
            if half and not tls:
                line.shutdown(socket.SHUT_WR)
            line.settimeout(patience)
            while piece := line.recv(65536):
                found += piece
                line.settimeout(patience if is_whole(found) else LIMIT)
        except (TimeoutError, ConnectionError, ssl.SSLError):
            pass
        finally:
            line.close()
        return found


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    desk = Desk(tmp_path_factory.mktemp("hostile"))
    desk.do("init", "--name", "odd-vault")
    words = ["--vault-name", "odd-vault", "--name", "db", "--value", "-", "-o", "none"]
    desk.do("keyvault", "secret", "set", *words, given=VALUE)
    done = subprocess.run(
        ["sh", "-c", 'eval "$(devvault connect)" && exec env -0'],
        cwd=desk.project,
        env=desk.environment,
        capture_output=True,
        check=True,
    )
    shell = dict(item.split("=", 1) for item in done.stdout.decode().split("\0") if "=" in item)
    https, http = int(shell["DEVVAULT_HTTPS_PORT"]), int(shell["DEVVAULT_HTTP_PORT"])
    host = "odd-vault.vault.localhost"
    yield Target(desk, host, https, http, shell["REQUESTS_CA_BUNDLE"])
    log = "".join(file.read_text() for file in (desk.home / "log").iterdir())
    assert "Traceback" not in log, log
    assert "failed" not in log, log
    desk.do("daemon", "stop")


def is_whole(data: bytes) -> bool:
    """Say whether the last answer in it is there to its end."""
    while data:
        head, mark, data = data.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
             if line.startswith(b"content-length:")), 0
        )  # fmt: skip
        if not mark or len(data) < length:
            return False
        data = data[length:]
    return True


def answers(data: bytes) -> list[tuple[int, bytes]]:
    """Return the (status, body) of everything that came, which must be HTTP from end to end."""
    found = []
    while data:
        head, mark, rest = data.partition(b"\r\n\r\n")
        assert mark, data
        lines = head.split(b"\r\n")
        assert lines[0].startswith(b"HTTP/1.1 "), head
        status = int(lines[0].split()[1])
        if status == 100:
            data = rest
            continue
        fields = dict(line.lower().split(b": ", 1) for line in lines[1:])
        length = int(fields.get(b"content-length", b"0"))
        body, data = rest[:length], rest[length:]
        found.append((status, body))
    return found


POST = "POST /a HTTP/1.1\r\nHost: {host}\r\n"
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"
HEAD = "GET /secrets/db?api-version=7.5 HTTP/1.1\r\nHost: {host}\r\n"
# (name, bytes): {host} is the right one for the port.
SHAPES: dict[str, str] = {
    "length and chunks": POST + "Content-Length: 5\r\n"
    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "chunks and length": POST + "Transfer-Encoding: chunked\r\n"
    "Content-Length: 60\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "two lengths": POST + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "two lengths in one": POST + "Content-Length: 1, 2\r\n\r\nab",
    "a signed length": POST + "Content-Length: +1\r\n\r\na",
    "a negative length": POST + "Content-Length: -1\r\n\r\na",
    "a length beyond all": POST + f"Content-Length: {'9' * 40}\r\n\r\n",
    "an odd encoding": POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked not last": POST + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "an encoding with a tab": POST + "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n",
    "a chunk beyond all": CHUNKED + f"{'F' * 30}\r\n",
    "a negative chunk": CHUNKED + "-1\r\n",
    "a chunk's long remark": CHUNKED + f"1;{'x' * 40_000}\r\na\r\n0\r\n\r\n",
    "a folded line": HEAD + "X-A: b\r\n c: d\r\n\r\n",
    "a folded host": "GET / HTTP/1.1\r\nHost:\r\n {host}\r\n\r\n",
    "no colon": HEAD + "nonsense\r\n\r\n",
    "a blank before the colon": POST + "Content-Length : 5\r\n\r\nabcde",
    "bare line feeds": "GET /secrets HTTP/1.1\nHost: {host}\n\n",
    "a bare return": HEAD + "X-A: b\rX-B: c\r\n\r\n",
    "a zero byte": HEAD + "X-A: b\0c\r\n\r\n",
    "a zero byte in the name": HEAD + "X\0A: b\r\n\r\n",
    "a long value": HEAD + f"X-A: {'x' * 40_000}\r\n\r\n",
    "many headers": HEAD + "".join(f"X-{n}: {n}\r\n" for n in range(3000)) + "\r\n",
    "one header, often": HEAD + "Authorization: Bearer a.b.c\r\n" * 500 + "\r\n",
    "a long address": f"GET /{'a' * 40_000} HTTP/1.1\r\nHost: {{host}}\r\n\r\n",
    "no host": "GET /secrets HTTP/1.1\r\n\r\n",
    "two hosts": HEAD + "Host: evil.example\r\n\r\n",
    "a host with a user": "GET / HTTP/1.1\r\nHost: a@{host}\r\n\r\n",
    "another host": "GET / HTTP/1.1\r\nHost: other-vault.vault.azure.net\r\n\r\n",
    "an absolute address": "GET https://evil.example/ HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a star": "OPTIONS * HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "no address": "GET  HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "an address without a slash": "GET secrets HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "bytes in the address": "GET /\xff\xfe HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a fragment": "GET /secrets#x?api-version=7.5 HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "an odd method": "get /secrets HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a made up method": "BREW /secrets HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "an old version": "GET /secrets HTTP/0.9\r\n\r\n",
    "version 1.0": "GET /secrets HTTP/1.0\r\nHost: {host}\r\n\r\n",
    "a later version": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a websocket": HEAD + "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n",
    "an upgrade": HEAD + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
    "expects the impossible": "PUT /secrets/a HTTP/1.1\r\nHost: {host}\r\nExpect: nonsense\r\n"
    "Content-Length: 2\r\n\r\n{{}}",
    "no HTTP at all": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hello\r\n\r\n",
    "only line ends": "\r\n" * 5000,
    "zeros": "\0" * 5000,
    "dots": "GET /secrets/../../local/status HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "coded dots": "GET /%2e%2e/%2e%2e/local/status HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a coded slash": "GET /secrets%2fdb?api-version=7.5 HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a coded zero": "GET /secrets/db%00?api-version=7.5 HTTP/1.1\r\nHost: {host}\r\n\r\n",
}


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_a_shape(target: Target, shape: str, tls: bool) -> None:
    host = f"{target.host}:{target.https}" if tls else f"127.0.0.1:{target.http}"
    said = target.ask(
        shape.replace("{host}", host).replace("{{}}", "{}").encode("latin-1"), tls=tls
    )
    assert VALUE.encode() not in said
    found = answers(said)
    for status, body in found:
        assert 400 <= status < 500, (status, body)
        assert isinstance(json.loads(body), dict), body
    if "/hidden" in shape:
        assert len(found) <= 1, found
    is_served(target)


def is_served(target: Target) -> None:
    plain = f"GET /secrets/db?api-version=7.5 HTTP/1.1\r\nHost: {target.host}:{target.https}\r\n"
    asked = f"{plain}Connection: close\r\n\r\n".encode()
    ((status, _),) = answers(target.ask(asked, patience=LIMIT))
    assert status == 401


def test_what_is_no_tls_on_the_port_of_tls(target: Target) -> None:
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x40\x00", b"\0" * 3000, b""):
        with socket.create_connection(("127.0.0.1", target.https), timeout=LIMIT) as line:
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)
            try:
                said = line.recv(4096)
            except ConnectionError:
                said = b""
            assert not said.startswith(b"HTTP"), said
    is_served(target)


def test_many_requests_at_once_are_answered_in_order(target: Target) -> None:
    one = (
        f"GET /secrets/s{{}}?api-version=7.5 HTTP/1.1\r\nHost: {target.host}:{target.https}\r\n\r\n"
    )
    last = one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").format("end")
    asked = ("".join(one.format(n) for n in range(300)) + last).encode()
    found = answers(target.ask(asked, patience=LIMIT))
    assert [status for status, _ in found] == [401] * 301


def test_those_who_leave_in_the_middle_harm_nobody(target: Target) -> None:
    host = f"{target.host}:{target.https}"
    for data in (
        f"PUT /secrets/a HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n\r\nabc",
        f"GET /secrets HTTP/1.1\r\nHost: {host}\r\n",
        "GET",
    ):
        lines = [target.dial(tls=True) for _ in range(20)]
        for line in lines:
            line.sendall(data.encode())
        for line in lines:
            line.close()
    is_served(target)
