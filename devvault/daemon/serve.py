"""The server: uvicorn's HTTP protocol on a Unix socket, for the owner's user id, and on loopback.

uvicorn's server is not used: it would bring its own signals, logging and start. Only its protocol
class is, as `protocols.py` extends it.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from devvault.daemon.log import Log
from devvault.daemon.loopback import Loopback
from devvault.daemon.ports import Ports
from devvault.daemon.protocols import Config, ServerState, SocketProtocol
from devvault.server.app import App
from devvault.server.proxy import Proxy

if TYPE_CHECKING:
    from devvault.daemon.tls import Certificates

# Requests that are under way get this long to finish, in seconds, before they are cut off.
GRACE = 10.0
_KEEP_ALIVE = 75


class Server:
    """Serves the app on bound sockets until it is stopped."""

    def __init__(
        self,
        app: App,
        log: Log,
        stopping: asyncio.Event,
        proxy: Proxy,
        load_tls: Callable[[], Certificates],
    ) -> None:
        self._log = log
        self._states = (ServerState(), ServerState())
        self._stopping = stopping
        self._app = app
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
        self._loopback = Loopback(
            self._config, self._states[1], log, proxy, load_tls, app.answer_now
        )

    async def run(self, listener: socket.socket, ports: Ports, ready: Callable[[], None]) -> None:
        """Serve; return when it was stopped and the requests under way have ended."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        own = {"log": self._log, "answer_whole": staticmethod(self._app.answer_whole)}
        kind = type("SocketProtocolOfOne", (SocketProtocol,), own)

        def make() -> asyncio.Protocol:
            made: asyncio.Protocol = kind(
                config=self._config, server_state=self._states[0], app_state={}, _loop=loop
            )
            return made

        server = await loop.create_unix_server(make, sock=listener, backlog=512)
        await self._loopback.start(ports)
        ready()
        await self._stopping.wait()
        server.close()
        self._app.let_go()
        self._loopback.close()
        await self._finish()

    async def _finish(self) -> None:
        tasks: set[asyncio.Task[Any]] = set()
        for state in self._states:
            for connection in list(state.connections):
                connection.shutdown()
            tasks |= state.tasks
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
