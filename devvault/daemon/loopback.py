"""The two ports on loopback: who is let in, TLS when it is first needed, tunnels, and their end.

Accepting costs nothing at start: the sockets are bound before, TLS is loaded by the first client
that wants it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from devvault.daemon.hygiene import descriptor_limit
from devvault.daemon.log import Log
from devvault.daemon.peers import Peers
from devvault.daemon.ports import Ports
from devvault.daemon.protocols import (
    AnswerNow,
    Config,
    FrontProtocol,
    LoopbackProtocol,
    SecureProtocol,
    ServerState,
)
from devvault.errors import DevvaultError
from devvault.server.head import Head
from devvault.server.proxy import LOCKED, Ours, PassOn, Proxy, Refused
from devvault.server.targets import Target
from devvault.server.tunnel import End, Tunnel, Unreachable, dial

if TYPE_CHECKING:
    from devvault.daemon.tls import Certificates
    from devvault.server.sessions import Session

MOST = 512
# Descriptors that are not for loopback: the store, the socket, and who comes by it.
_OTHERS = 128
# Whoever is refused for it is told at most so often, in seconds.
_LOG_PAUSE = 10.0
_CHECK_EVERY = 2.0
_HANDSHAKE = 10.0
_SHUTDOWN = 2.0
_ACCEPT_PAUSE = 0.1
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class _Closable(Protocol):
    """A socket or a transport."""

    def close(self) -> None:
        """Close it."""
        ...


class Loopback:
    """Serves both ports. Lives on the event loop."""

    def __init__(
        self,
        config: Config,
        state: ServerState,
        log: Log,
        proxy: Proxy,
        load_tls: Callable[[], Certificates],
        answer_now: AnswerNow,
    ) -> None:
        self.proxy = proxy
        self._answer_now = answer_now
        self._config = config
        self._state = state
        self._log = log
        self._load_tls = load_tls
        self._peers = Peers()
        self._certificates: asyncio.Future[Certificates] | None = None
        self._connections = cast("set[LoopbackProtocol]", state.connections)
        self._tunnels: set[Tunnel] = set()
        self._pending: dict[asyncio.Task[None], _Closable] = {}
        self._server: asyncio.AbstractServer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._told = -_LOG_PAUSE
        # Strangers and tunnels must not take the last descriptor from the socket.
        self._room = min(MOST * 2, max(16, descriptor_limit() - _OTHERS))

    async def start(self, ports: Ports) -> None:
        """Begin to accept."""
        loop = asyncio.get_running_loop()
        make = partial(self._make, FrontProtocol)
        self._server = await loop.create_server(make, sock=ports.http)
        self._tasks = [
            asyncio.ensure_future(self._keep_accepting(ports.https)),
            asyncio.ensure_future(self._keep_checking()),
        ]

    def close(self) -> None:
        """Accept no more, and cut off tunnels and handshakes."""
        if self._server is not None:
            self._server.close()
        for task in [*self._tasks, *self._pending]:
            task.cancel()
        for one in self._pending.values():
            one.close()
        for tunnel in list(self._tunnels):
            tunnel.abort()
        self._peers.close()

    def admit(self, client: tuple[str, int], server: tuple[str, int]) -> bool:
        """Say whether a new connection may stay: it is of our user, and there is room."""
        stranger = self._peers.is_stranger(client, server)
        if stranger is not None:
            self._tell(f"refused a connection of uid {stranger} to port {server[1]}")
            return False
        few = len(self._connections) + len(self._pending)
        if few + len(self._tunnels) > MOST or few + 2 * len(self._tunnels) > self._room:
            self._tell(f"refused a connection to port {server[1]}: too many are open")
            return False
        return True

    def note(self, refused: Refused, head: Head) -> None:
        """Write a refusal into the trail that no app and no proxy was asked about."""
        self.proxy.note_request(refused, head)

    def open_tunnel(
        self,
        transport: asyncio.Transport,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        address: str,
    ) -> Refused | None:
        """Begin to make a tunnel out of a connection, unless it is refused."""
        verdict, where, session = self.proxy.judge(target, headers, address)
        if isinstance(verdict, Ours) and where is not None and session is not None:
            transport.pause_reading()
            self._begin(transport, self._answer(transport, where, session, az=verdict.az))
            return None
        if isinstance(verdict, PassOn) and where is not None:
            transport.pause_reading()
            self._begin(transport, self._pass_on(transport, verdict, where))
            return None
        assert isinstance(verdict, Refused)
        if verdict.code != LOCKED.code or not self._is_to_wake():
            return verdict
        transport.pause_reading()
        self._begin(transport, self._ask_again(transport, target, headers, address))
        return None

    # -- inside -----------------------------------------------------------------------------

    def _make(self, kind: type[LoopbackProtocol]) -> LoopbackProtocol:
        made = kind.__new__(kind)
        made.loopback = self
        made.answer_now = self._answer_now
        LoopbackProtocol.__init__(
            made,
            config=self._config,
            server_state=self._state,
            app_state={},
            _loop=asyncio.get_running_loop(),
        )
        return made

    def _begin(self, carrier: _Closable, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._pending[task] = carrier

        def done(ended: asyncio.Task[None]) -> None:
            self._pending.pop(ended, None)
            if not ended.cancelled() and (error := ended.exception()) is not None:
                self._log.failure("a connection failed", error)
                carrier.close()

        task.add_done_callback(done)

    async def _pass_on(self, transport: asyncio.Transport, verdict: PassOn, target: Target) -> None:
        try:
            far = await dial(target, verdict.outward, self.proxy.ports)
        except Unreachable as error:
            if error.refused.status < 500:
                self.proxy.note(error.refused, target, transport.get_extra_info("peername")[0])
            _refuse(transport, error.refused)
            return
        if transport.is_closing() or far.transport is None:
            if far.transport is not None:
                far.transport.abort()
            transport.abort()
            return
        near = End()
        near.connection_made(transport)
        transport.set_protocol(near)
        transport.write(_ESTABLISHED)
        tunnel = Tunnel(near, far, self._tunnels.discard)
        self._tunnels.add(tunnel)
        tunnel.start()

    async def _ask_again(
        self,
        transport: asyncio.Transport,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        address: str,
    ) -> None:
        """Judge once more what a home that opens by itself could not decide while it was shut."""
        await self._wake()
        refused: Refused | None = LOCKED
        if not self._is_to_wake():
            refused = self.open_tunnel(transport, target, headers, address)
        if refused is not None:
            _refuse(transport, refused)

    async def _answer(
        self, transport: asyncio.Transport, target: Target, session: Session, *, az: bool
    ) -> None:
        await self._wake()
        certificates = await self._tls()
        try:
            found = certificates.find(target.host, az=az)
        except DevvaultError as error:
            _refuse(transport, Refused(503, error.code, error.message))
            return
        if found is None:
            _refuse(transport, LOCKED)
            return
        protocol = cast("SecureProtocol", self._make(SecureProtocol))
        protocol.session = session
        transport.write(_ESTABLISHED)
        with suppress(RuntimeError):  # whoever begins TLS pauses for itself, and not twice
            transport.resume_reading()
        try:
            secure = await asyncio.get_running_loop().start_tls(
                transport,
                protocol,
                certificates.context(az=az),
                server_side=True,
                ssl_handshake_timeout=_HANDSHAKE,
                ssl_shutdown_timeout=_SHUTDOWN,
            )
        except (OSError, ValueError):  # of every kind: no TLS, no such name, gone, too slow
            transport.abort()
            return
        if secure is not None:
            protocol.connection_made(secure)

    async def _keep_accepting(self, listener: socket.socket) -> None:
        """Accept on the HTTPS port: by hand, so that TLS need not be there before a client is."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, client = await loop.sock_accept(listener)
            except OSError as error:  # no descriptor is left, or the client is gone already
                self._tell(f"could not accept a connection: {error.strerror}")
                await asyncio.sleep(_ACCEPT_PAUSE)
                continue
            if self.admit(client, accepted.getsockname()):
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._begin(accepted, self._secure(accepted))
            else:
                accepted.close()

    async def _secure(self, accepted: socket.socket) -> None:
        await self._wake()
        certificates = await self._tls()
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                partial(self._make, SecureProtocol),
                accepted,
                ssl=certificates.context(),
                ssl_handshake_timeout=_HANDSHAKE,
                ssl_shutdown_timeout=_SHUTDOWN,
            )
        except (OSError, ValueError):  # as above
            accepted.close()

    def _is_to_wake(self) -> bool:
        return self.proxy.find_gate() is None

    async def _wake(self) -> None:
        """Open a home that needs nothing for it: since the daemon's start nobody may have asked."""
        if self._is_to_wake():
            with suppress(DevvaultError):
                await asyncio.get_running_loop().run_in_executor(None, self.proxy.open_gate)

    async def _tls(self) -> Certificates:
        """Return the certificates, loaded by the first who wants them."""
        loop = asyncio.get_running_loop()
        if self._certificates is None:
            self._certificates = loop.run_in_executor(None, self._load_tls)
        try:
            return await asyncio.shield(self._certificates)
        except Exception:
            self._certificates = None
            raise

    async def _keep_checking(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_CHECK_EVERY)
            now = loop.time()
            for connection in list(self._connections):
                connection.check(now)
            for tunnel in list(self._tunnels):
                tunnel.check(now)

    def _tell(self, words: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told >= _LOG_PAUSE:
            self._told = now
            self._log.write(words)


def _refuse(transport: asyncio.Transport, refused: Refused) -> None:
    transport.write(refused.to_bytes())
    transport.close()
