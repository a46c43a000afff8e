"""The socket: uvicorn's HTTP protocol on a Unix socket, for the owner's user id alone.

uvicorn's server is not used: it would bring its own signals, logging and start. Only its protocol
class is, extended with what ASGI cannot say: who is at the other end.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

from devvault.daemon.log import Log
from devvault.server.app import PEER, App


def _put_up_bare(name: str) -> None:
    """Put a package up without running its `__init__`; its modules are then imported as ever.

    uvicorn's imports its command line, reloader and supervisors: a tenth of the daemon's start.
    """
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    if spec is not None:
        sys.modules[name] = importlib.util.module_from_spec(spec)


_put_up_bare("uvicorn")

from uvicorn.config import Config  # noqa: E402  # the bare package must be there first
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol  # noqa: E402  # as above
from uvicorn.server import ServerState  # noqa: E402  # as above

# The name that a module of uvicorn takes from the package itself.
vars(sys.modules["uvicorn"]).setdefault("Config", Config)

# Requests that are under way get this long to finish, in seconds, before they are cut off.
GRACE = 10.0
_KEEP_ALIVE = 75
_HEAD_LIMIT = 64 * 1024
_XUCRED = struct.Struct("=IIH2x16I")


def peer_of(sock: socket.socket) -> tuple[int, int]:
    """Return user id and process id at the other end of a Unix socket; pid 0 where unknown.

    Raises:
        OSError: the kernel does not tell.
    """
    if sys.platform == "darwin":  # pragma: no cover
        # LOCAL_PEERCRED of SOL_LOCAL: a struct xucred {version, uid, ngroups, groups}.
        found = _XUCRED.unpack(sock.getsockopt(0, 1, _XUCRED.size))
        return found[1], 0
    pid, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return uid, pid


class SocketProtocol(HttpToolsProtocol):
    """HTTP from a process of our own user; every other one is cut off before a byte is read."""

    log: Log

    def connection_made(  # type: ignore[override]  # as in uvicorn: it is no BaseTransport
        self, transport: asyncio.Transport
    ) -> None:
        """Check who it is."""
        self._peer: dict[str, int] | None = None
        self._in_head, self._head = True, 0
        try:
            uid, pid = peer_of(transport.get_extra_info("socket"))
        except OSError as error:
            self.log.failure("a connection without an owner", error)
            uid, pid = -1, 0
        super().connection_made(transport)
        if uid != os.geteuid():
            self.log.write(f"refused a connection of uid {uid} (pid {pid})")
            transport.abort()
            return
        self._peer = {"uid": uid, "pid": pid}

    def data_received(self, data: bytes) -> None:
        """Take bytes in, of a known peer only; a head that does not end is cut off."""
        if self._peer is None:
            return
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > _HEAD_LIMIT:
                self.log.write("cut off a request whose head does not end")
                self.transport.abort()

    def on_message_begin(self) -> None:
        """Tell the app who asks."""
        super().on_message_begin()
        self._in_head, self._head = True, 0
        peer: dict[object, object] = dict((self._peer or {}).items())
        self.scope["extensions"] = {PEER: peer}

    def on_headers_complete(self) -> None:
        """Note that the head has ended."""
        self._in_head = False
        super().on_headers_complete()


class SocketServer:
    """Serves the app on a bound socket until it is stopped."""

    def __init__(self, app: App, log: Log, stopping: asyncio.Event) -> None:
        self._log = log
        self._state = ServerState()
        self._stopping = stopping
        self._config = Config(
            app,
            http=SocketProtocol,
            loop="none",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
        )
        self._config.load()

    async def run(self, listener: socket.socket, ready: Callable[[], None]) -> None:
        """Serve; return when it was stopped and the requests under way have ended."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        kind = type("SocketProtocolOfOne", (SocketProtocol,), {"log": self._log})

        def make() -> asyncio.Protocol:
            made: asyncio.Protocol = kind(
                config=self._config, server_state=self._state, app_state={}, _loop=loop
            )
            return made

        server = await loop.create_unix_server(make, sock=listener, backlog=512)
        ready()
        await self._stopping.wait()
        server.close()
        await self._finish()

    async def _finish(self) -> None:
        for connection in list(self._state.connections):
            connection.shutdown()
        tasks: set[asyncio.Task[Any]] = set(self._state.tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=GRACE)
            for task in late:
                task.cancel()
            if late:
                self._log.write(f"cut off {len(late)} requests at the end")
                await asyncio.wait(late, timeout=1.0)


def new_loop() -> asyncio.AbstractEventLoop:
    """Return uvloop's event loop where it is installed, else the standard one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
