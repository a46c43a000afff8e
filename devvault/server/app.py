"""One ASGI app: the listener and the Host header pick the plane, the route picks loop or thread.

It translates and decides nothing. Whoever comes over the socket passed its check of the user id
(`daemon/serve.py`) and is the developer; on the other listeners nothing is said without a token
or a run's secret. A web page's request never gets further.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any, TypeVar

from devvault.access.principals import Caller
from devvault.errors import DevvaultError, Forbidden, Invalid, NotFound
from devvault.server.head import (
    HTTP,
    PEER,
    TLS,
    Head,
    Scope,
    check_whole,
    read_head,
    refuse_web_page,
)
from devvault.server.local.base import Answer, Ask, Plane, Route, Stream
from devvault.server.local.routes import ROUTES, is_path
from devvault.server.refusals import Refusals
from devvault.server.reply import Reply, Request, error_reply, whole_reply
from devvault.server.stream import BodyChunks, StreamEmit
from devvault.vault.keeper import UNLOCKED

__all__ = ["HTTP", "PEER", "TLS", "App"]

T = TypeVar("T")

LOCAL_HOST = "devvault"
CONTROL_HOST = "management.azure.com"
# A backup blob of one secret with many versions is the largest thing a plane takes. The other
# bodies have room for a value that is too long, so that it is refused in the service's words.
RESTORE_LIMIT = 32 * 1024 * 1024
BODY_LIMIT = 1024 * 1024
# Longer bodies are parsed off the loop: a large env file takes a while.
_INLINE_LIMIT = 64 * 1024
_VAULT_HOST = re.compile(r"([a-z][a-z0-9-]{1,22}[a-z0-9])\.vault\.azure\.net")
_WORKERS = 32
_WATCHERS = 64

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Report = Callable[[str, BaseException], None]
Dispatch = Callable[[Request, Any], Reply]


class _TooLong(Exception):
    """The body is over its route's limit."""


class App:
    """The ASGI app. `active` counts what touched the home; the scheduler watches it."""

    def __init__(self, plane: Plane, report: Report) -> None:
        self.plane = plane
        self.active = 0
        self._report = report
        self._refusals = Refusals(plane.keeper)
        self._fronts: tuple[ModuleType, ModuleType] | None = None
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="request")
        self._endless: set[Callable[[], None]] = set()

    def let_go(self) -> None:
        """End the answers that have no end of their own: the daemon stops."""
        for cancel in list(self._endless):
            cancel()

    def close(self) -> None:
        """Let the worker threads end."""
        self._workers.shutdown(wait=True, cancel_futures=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        head = None
        try:
            head = read_head(scope)
            refuse_web_page(head)
            answer = await self._answer(head, receive)
        except (Forbidden, Invalid) as error:
            # Refused before the gate, which would have recorded it.
            if head is not None and head.listener != PEER:
                self._refusals.note(head, error)
            answer = error_reply(error)
        except DevvaultError as error:
            if head is not None and head.listener != PEER and error.hint:
                # An SDK shows the message alone, and here it is somebody of ours who must act.
                error.message = f"{error.message}; {error.hint}"
            answer = error_reply(error)
        except _TooLong:
            answer = _refusal(413, "RequestTooLarge", "the request is too long")
        except ConnectionError:
            return
        except Exception as error:  # noqa: BLE001  # one bad request must not end the daemon
            self._report("a request failed", error)
            answer = _failure()
        if isinstance(answer, Stream):
            await self._send_stream(answer, receive, send)
        else:
            await _send_reply(answer, send)

    def answer_now(self, scope: Scope, keep: bool) -> bytes | None:
        """Return the whole answer to a GET over TLS to a vault, where nothing of it need wait.

        None is "ask in the usual way", which has a word for everything that is odd. `keep` says
        whether the connection stays open.
        """
        if self._fronts is None:
            from devvault.server import hosts, planes  # as below

            self._fronts = hosts, planes
        hosts, planes = self._fronts
        try:
            head = read_head(scope)
            if head.listener != TLS or not head.is_whole or not self._is_open():
                return None
            refuse_web_page(head)
            served = hosts.find_served(head)
            if served is None or served.kind != hosts.VAULT:
                return None
            found = planes.admit(self.plane, self._refusals, head, served)
            if isinstance(found, Reply):
                return whole_reply(found, keep=keep)
            self.active += 1
            reply = self._act(planes.dispatch_of(served), head, b"", found)
            return whole_reply(reply, keep=keep)
        except DevvaultError:
            return None
        except Exception as error:  # noqa: BLE001  # as in __call__
            self._report("a request failed", error)
            return whole_reply(_failure(), keep=keep)

    def answer_whole(self, scope: Scope, body: bytes) -> bytes | None:
        """Return the whole answer to a POST over the socket, whose body is there, if it is quick.

        None is "ask in the usual way", as above; the connection is closed after an answer.
        """
        route = ROUTES.get(("POST", scope["path"]))
        if route is None or not self._is_quick(route, body):
            return None
        try:
            head = read_head(scope)
            refuse_web_page(head)
        except DevvaultError:
            return None
        if head.listener != PEER or head.host != LOCAL_HOST or not head.is_whole:
            return None
        if route.counts:
            self.active += 1
        try:
            answer = route.handle(self.plane, Ask(head.query, body, pid=head.pid))
        except DevvaultError as error:
            answer = error_reply(error)
        except Exception as error:  # noqa: BLE001  # as in __call__
            self._report("a request failed", error)
            answer = _failure()
        assert isinstance(answer, Reply), "what is quick has no pieces"
        return whole_reply(answer, keep=False)

    def _is_quick(self, route: Route, body: bytes) -> bool:
        if not route.quick or len(body) > min(route.limit, _INLINE_LIMIT):
            return False
        return not any(word in body for word in route.slow_with) and self._is_open()

    async def _answer(self, head: Head, receive: Receive) -> Answer:
        if head.listener == TLS:
            return await self._tls(head, receive)
        if head.listener == HTTP:
            return await self._tokens(head)
        check_whole(head)
        if head.host == LOCAL_HOST:
            return await self._local(head, receive)
        if head.host == CONTROL_HOST:
            from devvault.server.routes import dispatch_control

            return await self._plane(dispatch_control, head, receive)
        if _VAULT_HOST.fullmatch(head.host):
            from devvault.server.data.routes import dispatch_data

            return await self._plane(dispatch_data, head, receive)
        return self._misdirected(head)

    async def _tls(self, head: Head, receive: Receive) -> Answer:
        # The socket answers before these are loaded: they need cryptography.
        from devvault.server import hosts, planes

        served = hosts.find_served(head)
        if served is None:
            return self._misdirected(head)
        if served.kind == hosts.LOGIN:
            return await self._login(head, receive)
        found = await self._soon(lambda: planes.admit(self.plane, self._refusals, head, served))
        if isinstance(found, Reply):
            return found
        check_whole(head)
        return await self._plane(planes.dispatch_of(served), head, receive, found)

    async def _login(self, head: Head, receive: Receive) -> Answer:
        from devvault.server.identity import entra  # as above

        body = await _body(head, receive, entra.BODY_LIMIT)
        return await self._off_loop(lambda: entra.answer(self.plane, self._refusals, head, body))

    async def _tokens(self, head: Head) -> Answer:
        from devvault.server.identity import managed  # as above

        if not managed.is_host(head):
            return self._misdirected(head)
        return await self._off_loop(lambda: managed.answer(self.plane, self._refusals, head))

    def _misdirected(self, head: Head) -> Reply:
        error = Invalid("this daemon does not answer for that host", code="MisdirectedRequest")
        if head.listener != PEER:
            self._refusals.note(head, error)
        return _refusal(421, error.code, error.message)

    async def _soon(self, act: Callable[[], T]) -> T:
        """Do what takes no time once the home is open; else in a thread, which may open it."""
        return act() if self._is_open() else await self._off_loop(act)

    async def _off_loop(self, act: Callable[[], T]) -> T:
        """Do what takes a while, as a signature does, or a change."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, act)

    async def _local(self, head: Head, receive: Receive) -> Answer:
        route = ROUTES.get((head.method, head.path))
        if route is None:
            if is_path(head.path):
                return _refusal(405, "MethodNotAllowed", "this path takes another method")
            raise NotFound("there is no such path", hint="devvault --version")
        if route.counts:
            self.active += 1
        if route.streams:
            chunks = BodyChunks(receive, asyncio.get_running_loop())
            return await self._in_thread(route, Ask(head.query, chunks=chunks, pid=head.pid))
        ask = Ask(head.query, await _body(head, receive, route.limit), pid=head.pid)
        if self._is_quick(route, ask.body):
            return route.handle(self.plane, ask)
        return await self._in_thread(route, ask)

    async def _in_thread(self, route: Route, ask: Ask) -> Answer:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, route.handle, self.plane, ask)

    async def _plane(
        self, dispatch: Dispatch, head: Head, receive: Receive, caller: Caller | None = None
    ) -> Reply:
        """Answer as this caller; without one, as the developer, whose socket it came by."""
        self.active += 1
        limit = RESTORE_LIMIT if head.path.endswith("/restore") else BODY_LIMIT
        body = await _body(head, receive, limit)
        loop = asyncio.get_running_loop()

        if head.method == "GET" and self._is_open():
            return self._act(dispatch, head, body, caller)
        return await loop.run_in_executor(self._workers, self._act, dispatch, head, body, caller)

    def _act(self, dispatch: Dispatch, head: Head, body: bytes, caller: Caller | None) -> Reply:
        gate = self.plane.gate()
        who = caller or self.plane.developer().at(head.origin)
        request = Request(head.method, head.host, head.path, head.query, head.headers, body, who)
        reply = dispatch(request, gate)
        if self.plane.sessions.hearers and head.method == "GET" and reply.status == 200:
            self._tell(head, who, reply)
        return reply

    def _tell(self, head: Head, who: Caller, reply: Reply) -> None:
        """Tell who masks a program's output what it is about to get."""
        sessions = self.plane.sessions
        asking = {head.session, who.session, *sessions.heard_around(head.pid)}
        hearers = [sessions.hearers[id] for id in asking if id in sessions.hearers]
        if hearers:
            self.plane.hearers.tell_reply(hearers, reply)

    def _is_open(self) -> bool:
        """Say whether the gate answers at once; no while somebody unlocks, locks or rekeys."""
        keeper = self.plane.keeper
        if not keeper.guard.acquire(blocking=False):
            return False
        try:
            return keeper.state == UNLOCKED
        except DevvaultError:
            return False  # whoever needs the home will say what is wrong with it
        finally:
            keeper.guard.release()

    async def _send_stream(self, answer: Stream, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        emit = StreamEmit(loop)

        def produce() -> BaseException | None:
            try:
                answer.produce(emit)
            except BaseException as error:  # noqa: BLE001  # carried over to the loop
                return error
            finally:
                emit.finish()
            return None

        if answer.cancel is not None and len(self._endless) >= _WATCHERS:
            await _send_reply(_refusal(429, "TooManyWatchers", "too many already watch"), send)
            return
        work: asyncio.Future[BaseException | None]
        if answer.cancel is None:
            work = loop.run_in_executor(self._workers, produce)
        else:
            work = _in_thread_of_its_own(loop, produce)
            self._endless.add(answer.cancel)
        watch = asyncio.ensure_future(_disconnected(receive))
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", answer.content_type.encode())],
            }
        )
        try:
            while (piece := await emit.next_piece(watch)) is not None:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            emit.abandon()
            if answer.cancel is not None:
                self._endless.discard(answer.cancel)
                answer.cancel()
            watch.cancel()
            error = await work
        if error is not None:
            if not isinstance(error, ConnectionError):
                self._report("an answer was cut off", error)
            # Without its end the reader knows that the answer is not whole.
            raise ConnectionAbortedError
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _in_thread_of_its_own(
    loop: asyncio.AbstractEventLoop, produce: Callable[[], BaseException | None]
) -> asyncio.Future[BaseException | None]:
    """Run what lasts as long as somebody listens, and takes no worker from the others."""
    work: asyncio.Future[BaseException | None] = loop.create_future()

    def settle(found: BaseException | None) -> None:
        if not work.done():
            work.set_result(found)

    def run() -> None:
        found = produce()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=run, name="watch", daemon=True).start()
    return work


async def _body(head: Head, receive: Receive, limit: int) -> bytes:
    length = head.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > limit:
        raise _TooLong
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionAbortedError
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise _TooLong
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_reply(reply: Reply, send: Send) -> None:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
    if reply.status != 204:  # which has no body, and so no length of one
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


def _failure() -> Reply:
    return _refusal(500, "InternalServerError", "something went wrong in the daemon")


def _refusal(status: int, code: str, message: str) -> Reply:
    """Return a refusal that no class of errors stands for."""
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    headers = {"content-type": "application/json; charset=utf-8"}
    if status == 413:
        headers["connection"] = "close"  # the rest of the body is not read
    return Reply(status, body, headers)
