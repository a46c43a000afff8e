"""How long loopback waits for a client that does not come to an end; time is told, not slept."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from collections.abc import Awaitable, Callable, Iterator

import pytest

from devvault.daemon import loopback as module
from devvault.daemon import ports
from devvault.daemon.log import Log
from devvault.daemon.loopback import Loopback
from devvault.daemon.protocols import (
    BODY_PATIENCE,
    HEAD_PATIENCE,
    READ_PATIENCE,
    Config,
    ServerState,
)
from devvault.daemon.serve import new_loop
from devvault.daemon.tls import Certificates
from devvault.server import tunnel
from devvault.server.proxy import Proxy
from devvault.vault.outward import Outwards
from tests.server.listening import Front
from tests.waiting import LIMIT

Act = Callable[[Loopback, tuple[int, int]], Awaitable[None]]


@pytest.fixture
def serve(front: Front) -> Iterator[Callable[[Act], None]]:
    """Have something done while both ports of a home are served, in this process."""
    home = front.keeper.home
    home.run.mkdir(0o700, exist_ok=True)
    log = Log(home.log, front.clock)

    async def whole(act: Act) -> None:
        bound = ports.bind(home, {})
        proxy = Proxy(front.plane, Outwards(home.run), bound.numbers)
        config = Config(
            front.app, loop="none", ws="none", lifespan="off", interface="asgi3", log_config=None
        )
        config.load()
        made = Loopback(
            config,
            ServerState(),
            log,
            proxy,
            lambda: Certificates(front.keeper.find_gate, front.clock, log.failure),
            front.app.answer_now,
        )
        await made.start(bound)
        try:
            await act(made, bound.numbers)
        finally:
            made.close()
            bound.close()
            await asyncio.sleep(0)

    def do(act: Act) -> None:
        loop = new_loop()
        try:
            loop.run_until_complete(asyncio.wait_for(whole(act), LIMIT))
        finally:
            loop.close()

    return do


async def dial(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


def check(made: Loopback, later: float) -> None:
    now = asyncio.get_running_loop().time() + later
    for connection in list(made._connections):
        connection.check(now)
    for one in list(made._tunnels):
        one.check(now)


def asking(front: Front, port: int) -> bytes:
    pair = base64.b64encode(f"devvault:{front.open().proxy}".encode()).decode()
    lines = (f"CONNECT 127.0.0.1:{port} HTTP/1.1", f"Proxy-Authorization: Basic {pair}", "", "")
    return "\r\n".join(lines).encode()


async def until(what: Callable[[], object]) -> None:
    while not what():  # noqa: ASYNC110  # it looks into a server, which tells nobody
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("sent", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_head_that_does_not_end_is_cut_off(serve, sent: bytes) -> None:
    async def act(made: Loopback, numbers: tuple[int, int]) -> None:
        reader, writer = await dial(numbers[1])
        writer.write(sent)
        await until(lambda: made._connections)
        await asyncio.sleep(0.05)
        check(made, HEAD_PATIENCE / 2)
        await asyncio.sleep(0)
        assert made._connections
        check(made, HEAD_PATIENCE + 1)
        with pytest.raises(ConnectionResetError):
            assert await reader.read() == b""
            raise ConnectionResetError  # an end without a reset is one too
        writer.close()
        await until(lambda: not made._connections)

    serve(act)


def test_a_body_that_stops_is_cut_off(serve) -> None:
    async def act(made: Loopback, numbers: tuple[int, int]) -> None:
        _, writer = await dial(numbers[1])
        head = f"POST /x HTTP/1.1\r\nHost: 127.0.0.1:{numbers[1]}\r\nContent-Length: 9\r\n\r\n"
        writer.write(head.encode() + b"ab")
        await until(lambda: any(one._in_body for one in made._connections))
        check(made, BODY_PATIENCE / 2)
        await asyncio.sleep(0)
        assert made._connections
        check(made, BODY_PATIENCE + 1)
        await until(lambda: not made._connections)
        writer.close()

    serve(act)


def test_a_client_that_rests_between_requests_is_left_alone(serve) -> None:
    async def act(made: Loopback, numbers: tuple[int, int]) -> None:
        reader, writer = await dial(numbers[1])
        writer.write(f"GET /x HTTP/1.1\r\nHost: 127.0.0.1:{numbers[1]}\r\n\r\n".encode())
        assert b" 404 " in await reader.readline()
        await asyncio.sleep(0.05)
        check(made, max(HEAD_PATIENCE, BODY_PATIENCE, READ_PATIENCE) + 1)
        await asyncio.sleep(0.01)
        assert made._connections
        writer.close()

    serve(act)


def test_a_handshake_that_does_not_come_is_cut_off(serve, monkeypatch) -> None:
    monkeypatch.setattr(module, "_HANDSHAKE", 0.2)

    async def act(made: Loopback, numbers: tuple[int, int]) -> None:
        reader, writer = await dial(numbers[0])
        writer.write(b"\x16\x03\x01\x02")
        await until(lambda: made._pending)
        with pytest.raises(ConnectionResetError):
            assert await reader.read() == b""
            raise ConnectionResetError
        await until(lambda: not made._pending)
        writer.close()

    serve(act)


def test_a_tunnel_with_one_end_done_and_the_other_silent_is_cut_off(serve, front: Front) -> None:
    async def act(made: Loopback, numbers: tuple[int, int]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as far:
            far.setblocking(False)
            port = far.getsockname()[1]
            reader, writer = await dial(numbers[1])
            writer.write(asking(front, port))
            assert b" 200 " in await reader.readline()
            accepted, _ = await asyncio.get_running_loop().sock_accept(far)
            with accepted:
                check(made, 100_000)  # both may be silent for as long as they like
                await asyncio.sleep(0.01)
                assert made._tunnels
                writer.write_eof()
                await until(lambda: any(one.near.is_over for one in made._tunnels))
                check(made, tunnel._HALF_OPEN / 2)
                assert made._tunnels
                check(made, tunnel._HALF_OPEN + 1)
                await until(lambda: not made._tunnels)
            writer.close()

    serve(act)


def test_a_slow_reader_slows_the_far_end_down(serve, front: Front) -> None:
    async def act(made: Loopback, numbers: tuple[int, int]) -> None:
        sent = 0

        async def pour(_: asyncio.StreamReader, far: asyncio.StreamWriter) -> None:
            nonlocal sent
            block = os.urandom(65536)
            for _number in range(1000):  # 64 MB
                far.write(block)
                await far.drain()
                sent += len(block)
            far.close()

        server = await asyncio.start_server(pour, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        sock = socket.create_connection(("127.0.0.1", numbers[1]))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        reader, writer = await asyncio.open_connection(sock=sock, limit=8192)
        writer.write(asking(front, port))
        assert b" 200 " in await reader.readline()
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.2)
        # What is under way: our buffers, and those of four sockets.
        assert sent < 16_000_000
        writer.close()
        server.close()

    serve(act)
