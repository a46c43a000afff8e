"""uvicorn's HTTP protocol, extended for each way in: the socket, loopback, and inside TLS.

What is added is what ASGI cannot say (who is at the other end, CONNECT, which name was asked for)
and the patience of a server that strangers can reach: heads, bodies and readers that do not come
to an end are cut off.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import unquote

from devvault.daemon.log import Log
from devvault.server.app import HTTP, PEER, TLS
from devvault.server.head import Head
from devvault.server.proxy import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devvault.server.proxy import Proxy
    from devvault.server.sessions import Session


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

from httptools import HttpParserError, HttpParserUpgrade  # noqa: E402  # with what needs it
from uvicorn.config import Config  # noqa: E402  # the bare package must be there first
from uvicorn.protocols.http.flow_control import FlowControl  # noqa: E402  # as above
from uvicorn.protocols.http.httptools_impl import (  # noqa: E402  # as above
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState  # noqa: E402  # as above

# The name that a module of uvicorn takes from the package itself.
vars(sys.modules["uvicorn"]).setdefault("Config", Config)

__all__ = [
    "AnswerNow",
    "AnswerWhole",
    "Config",
    "FrontProtocol",
    "LoopbackProtocol",
    "QuickAnswers",
    "SecureProtocol",
    "ServerState",
    "SocketProtocol",
    "peer_of",
]

# Takes the ASGI scope, and whether the connection stays open. Returns the whole answer, or None.
AnswerNow = Callable[[Any, bool], bytes | None]
# Takes the ASGI scope and the whole body. Returns the whole answer, after which it is closed.
AnswerWhole = Callable[[Any, bytes], bytes | None]

_NOT_PLAIN = frozenset({b"content-length", b"transfer-encoding", b"upgrade", b"expect"})
_NO_BODY_YET = _NOT_PLAIN - {b"content-length"}
_WHOLE_LIMIT = 64 * 1024
_HEAD_LIMIT = 64 * 1024
# On loopback, in seconds: for a head to end, between two pieces of a body, for a reader to read.
HEAD_PATIENCE = 10.0
BODY_PATIENCE = 30.0
READ_PATIENCE = 60.0
_LOOPBACK_HEAD_LIMIT = 32 * 1024
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
    """HTTP from a process of our own user; every other one is cut off before a byte is read.

    A short POST that is the only one of its connection, as a run's is, is answered at once where
    the app can: no task, and one write. Every other one goes the usual way.
    """

    log: Log
    answer_whole: AnswerWhole | None = None
    _pieces: list[bytes] | None = None
    _size = 0
    _answered = False

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
        # As uvicorn's own does, but for the addresses, which a socket of this kind has none of.
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.scheme = "http"
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
        """Note that the head has ended; begin a request."""
        self._in_head = False
        if self._answered:
            return
        if self.answer_whole is not None and self._is_short_post():
            self._pieces = []
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        if self._pieces is None:
            if not self._answered:
                super().on_body(body)
            return
        self._pieces.append(body)
        self._size += len(body)
        if self._size > _WHOLE_LIMIT:
            self._go_on()

    def on_message_complete(self) -> None:
        """End a request; answer it, if that is done at once."""
        if self._answered:
            return
        if self._pieces is not None and self.answer_whole is not None:
            whole = self.answer_whole(self.scope, b"".join(self._pieces))
            if whole is not None:
                self._answered = True
                self._pieces = None
                self.transport.write(whole)
                self.transport.close()
                return
            self._go_on()
        super().on_message_complete()

    def _go_on(self) -> None:
        """Let a request go the usual way after all."""
        pieces, self._pieces = self._pieces or [], None
        super().on_headers_complete()
        for piece in pieces:
            super().on_body(piece)

    def _is_short_post(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is not None or self.parser.get_method() != b"POST":
            return False
        if self.parser.should_keep_alive() or self.parser.get_http_version() != "1.1":
            return False
        if not self.url.startswith(b"/local/") or b"%" in self.url or not self.url.isascii():
            return False
        if any(name in _NO_BODY_YET for name, _ in self.headers):
            return False
        raw_path, _, query = self.url.partition(b"?")
        self.scope["method"] = "POST"
        self.scope["path"] = raw_path.decode("ascii")
        self.scope["raw_path"] = raw_path
        self.scope["query_string"] = query
        return b"#" not in query


class QuickAnswers(HttpToolsProtocol):
    """Answers at once what need not wait: no task, and one write instead of two.

    Half of what a bare read costs is the way through the server. What the app leaves to it goes
    that way still, as if nobody had asked.
    """

    answer_now: AnswerNow | None = None
    _answered = False

    def on_headers_complete(self) -> None:
        """Answer a plain GET that stands alone, if the app can; else go the usual way."""
        if self.answer_now is None or not self._is_plain():
            super().on_headers_complete()
            return
        raw_path, _, query = self.url.partition(b"?")
        path = raw_path.decode("ascii")
        self.scope["method"] = "GET"
        self.scope["path"] = unquote(path) if "%" in path else path
        self.scope["raw_path"] = raw_path
        self.scope["query_string"] = query
        keep = self.parser.should_keep_alive()
        whole = self.answer_now(self.scope, keep)
        if whole is None:
            super().on_headers_complete()
            return
        self._answered = True
        self.transport.write(whole)
        if not keep:
            self.transport.close()

    def on_message_complete(self) -> None:
        """Be ready for the next request."""
        if not self._answered:
            super().on_message_complete()
            return
        self._answered = False
        self.on_response_complete()

    def _is_plain(self) -> bool:
        if self.parser.get_method() != b"GET" or self.parser.get_http_version() != "1.1":
            return False
        # None before the first request, whatever uvicorn says of its type.
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            return False
        if not self.url.startswith(b"/") or b"#" in self.url or not self.url.isascii():
            return False
        if self.flow.write_paused or self.transport.is_closing():
            return False
        return not any(name in _NOT_PLAIN for name, _ in self.headers)


class Ways(Protocol):
    """What the protocols on loopback share; see `loopback.py`."""

    proxy: Proxy

    def admit(self, client: tuple[str, int], server: tuple[str, int]) -> bool:
        """Say whether a new connection may stay."""
        ...

    def note(self, refused: Refused, head: Head) -> None:
        """Write a refusal into the trail that no app and no proxy was asked about."""
        ...

    def open_tunnel(
        self,
        transport: asyncio.Transport,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        address: str,
    ) -> Refused | None:
        """Begin to make a tunnel out of a connection, unless it is refused."""
        ...


class _Stop(Exception):
    """The request was answered inside a callback of the parser; nothing more of it is read."""


class LoopbackProtocol(QuickAnswers):
    """HTTP on loopback: limits on everything, in bytes and in time. `check` is called often."""

    loopback: Ways

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._early: list[bytes] = []
        self._in_head, self._in_body = True, False
        self._head = 0
        self._heard = self._since = self.loop.time()
        self._stuck: float | None = None
        self._begun = self._stopped = False

    def connection_made(  # type: ignore[override]  # as above
        self, transport: asyncio.Transport
    ) -> None:
        """Begin; after a handshake the first bytes may have come before this."""
        super().connection_made(transport)
        self._begun = True
        early, self._early = self._early, []
        for data in early:
            self.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """End, also before it began."""
        self._stopped = True
        if self._begun:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes in, until a limit."""
        if not self._begun:
            self._early.append(data)
            return
        if self._stopped:
            return
        self._unset_keepalive_if_required()
        self._heard = self.loop.time()
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as found:
            self.on_upgrade(data[found.args[0] :])
            return
        except HttpParserError:
            if not self._stopped:
                self.answer(Refused(400, "BadRequest", "the request is no HTTP that can be read"))
            return
        if self._in_head and not self._stopped:
            self._head += len(data)
            if self._head > _LOOPBACK_HEAD_LIMIT:
                self.answer(Refused(431, "HeadTooLong", "the head of the request is too long"))

    def on_message_begin(self) -> None:
        """Begin a head."""
        super().on_message_begin()
        self._in_head, self._in_body, self._head = True, False, 0
        self._since = self._heard
        self.scope["extensions"] = cast("dict[str, dict[object, object]]", self.extensions())

    def on_headers_complete(self) -> None:
        """End a head; an odd request is answered here, and goes no further."""
        self._in_head, self._in_body = False, True
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > _LOOPBACK_HEAD_LIMIT:
            self.stop(Refused(431, "HeadTooLong", "the head of the request is too long"))
        if not self.url.startswith(b"/"):
            self.stop(
                Refused(403, "HttpsOnly", "this proxy passes HTTPS on (CONNECT), and nothing else")
            )
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a message."""
        self._in_body = False
        super().on_message_complete()

    def on_upgrade(self, rest: bytes) -> None:  # noqa: ARG002  # of another protocol than ours
        """Answer an upgrade that nobody offers: as if it had not been asked for, then close."""
        self._stopped = True
        if self._is_answering():
            self.cycle.keep_alive = False

    def extensions(self) -> dict[str, dict[str, object]]:
        """Return what the app is told of this way in."""
        return {HTTP: {"port": self.loopback.proxy.ports[1]}}

    def stop(self, refused: Refused) -> None:
        """Answer inside a callback of the parser.

        Raises:
            _Stop: always.
        """
        self.answer(refused)
        raise _Stop

    def answer(self, refused: Refused, *, is_noted: bool = False) -> None:
        """Answer and close; where another answer is under way, just close."""
        self._stopped = True
        if not is_noted:
            self.loopback.note(refused, self.head_so_far())
        if self._is_answering():
            self.transport.abort()
            return
        self.transport.write(refused.to_bytes())
        self.transport.close()

    def head_so_far(self) -> Head:
        """Return what the trail may tell of a request that went no further."""
        return Head(HTTP, "", "", "", {}, {}, address=self.client[0] if self.client else "")

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete

    def check(self, now: float) -> None:
        """Cut the connection off where the client does not come to an end."""
        writes = self.transport.get_write_buffer_size() > 0
        self._stuck = (self._stuck or now) if writes else None
        late = (
            (self._in_head and now - self._since > HEAD_PATIENCE)
            or (self._in_body and not self.flow.read_paused and now - self._heard > BODY_PATIENCE)
            or (self._stuck is not None and now - self._stuck > READ_PATIENCE)
        )
        if late:
            self.transport.abort()


class FrontProtocol(LoopbackProtocol):
    """The HTTP port: identity endpoints, and CONNECT."""

    def connection_made(  # type: ignore[override]  # as above
        self, transport: asyncio.Transport
    ) -> None:
        """Take it, if it is one of ours and there is room."""
        self._connects = False
        super().connection_made(transport)
        client, server = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if not self.loopback.admit(client, server):
            self._stopped = True
            transport.abort()

    def on_headers_complete(self) -> None:
        """Tell a CONNECT from a request for us."""
        if self.parser.get_method() != b"CONNECT":
            super().on_headers_complete()
            return
        self._in_head = False
        if self._is_answering():
            self._stopped = True
            self.transport.abort()
            raise _Stop
        self._connects = True

    def on_message_complete(self) -> None:
        """End a message; a CONNECT has none."""
        if not self._connects:
            super().on_message_complete()

    def on_upgrade(self, rest: bytes) -> None:
        """Begin the tunnel that was asked for."""
        if not self._connects:
            super().on_upgrade(rest)
            return
        if rest:
            words = "wait for the answer to CONNECT before you send on"
            self.answer(Refused(400, "BadRequest", words))
            return
        self._stopped = True
        address = self.client[0] if self.client else ""
        refused = self.loopback.open_tunnel(self.transport, self.url, self.headers, address)
        if refused is None:
            self.connections.discard(self)
        else:
            self.answer(refused, is_noted=True)


class SecureProtocol(LoopbackProtocol):
    """HTTP inside TLS, on the HTTPS port or in a tunnel of the proxy (then with its session)."""

    session: Session | None = None

    def connection_made(  # type: ignore[override]  # as above
        self, transport: asyncio.Transport
    ) -> None:
        """Note the name that the client asked for."""
        self._host: str = getattr(transport.get_extra_info("ssl_object").context, "host", "")
        super().connection_made(transport)

    def on_headers_complete(self) -> None:
        """See that the request is for the name of the handshake."""
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) != 1 or not self._is_named(hosts[0]):
            words = "the Host header names another host than the handshake"
            self.stop(Refused(421, "MisdirectedRequest", words))
        super().on_headers_complete()

    def extensions(self) -> dict[str, dict[str, object]]:
        """Return what the app is told of this way in."""
        session = self.session.id if self.session is not None else None
        return {TLS: {"port": self.loopback.proxy.ports[0], "session": session}}

    def head_so_far(self) -> Head:
        """Return what the trail may tell; the host is the one of the handshake."""
        return super().head_so_far()._replace(listener=TLS, host=self._host)

    def _is_named(self, given: bytes) -> bool:
        host, _, port = given.decode("latin-1").lower().partition(":")
        ours = ("", "443", str(self.loopback.proxy.ports[0]))
        return host == self._host and port in ours
