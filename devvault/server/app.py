"""One ASGI app: the Host header picks the plane, the route picks loop or worker thread.

It translates and decides nothing. Whoever comes in here passed the socket's check of the user id
(`daemon/serve.py`), so the caller is the developer. A web page's request never gets further.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from devvault.access.principals import Origin
from devvault.errors import DevvaultError, Forbidden, Invalid, NotFound
from devvault.server.local.base import Answer, Ask, Plane, Route, Stream
from devvault.server.local.routes import PATHS, ROUTES
from devvault.server.reply import Reply, Request, error_reply
from devvault.server.stream import BodyChunks, StreamEmit
from devvault.vault.keeper import UNLOCKED

PEER = "devvault.peer"
TLS = "devvault.tls"
HTTP = "devvault.http"
LOCAL_HOST = "devvault"
CONTROL_HOST = "management.azure.com"
# A backup blob of one secret with many versions is the largest thing a plane takes. The other
# bodies have room for a value that is too long, so that it is refused in the service's words.
RESTORE_LIMIT = 32 * 1024 * 1024
BODY_LIMIT = 1024 * 1024
# Longer bodies are parsed off the loop: a large env file takes a while.
_INLINE_LIMIT = 64 * 1024
_VAULT_HOST = re.compile(r"[a-z][a-z0-9-]{1,22}[a-z0-9]\.vault\.azure\.net")
_WORKERS = 32

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Report = Callable[[str, BaseException], None]
Dispatch = Callable[[Request, Any], Reply]


@dataclass(frozen=True, slots=True)
class _Head:
    """What is known before the body."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    pid: int = 0


class _TooLong(Exception):
    """The body is over its route's limit."""


class App:
    """The ASGI app. `active` counts what touched the home; the scheduler watches it."""

    def __init__(self, plane: Plane, report: Report) -> None:
        self.plane = plane
        self.active = 0
        self._report = report
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="request")

    def close(self) -> None:
        """Let the worker threads end."""
        self._workers.shutdown(wait=True, cancel_futures=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        try:
            head = _head(scope)
            answer = await self._answer(head, receive)
        except DevvaultError as error:
            answer = error_reply(error)
        except _TooLong:
            answer = _refusal(413, "RequestTooLarge", "the request is too long")
        except ConnectionError:
            return
        except Exception as error:  # noqa: BLE001  # one bad request must not end the daemon
            self._report("a request failed", error)
            answer = _refusal(500, "InternalServerError", "something went wrong in the daemon")
        if isinstance(answer, Stream):
            await self._send_stream(answer, receive, send)
        else:
            await _send_reply(answer, send)

    async def _answer(self, head: _Head, receive: Receive) -> Answer:
        if head.host == LOCAL_HOST:
            return await self._local(head, receive)
        if head.host == CONTROL_HOST:
            from devvault.server.routes import dispatch_control

            return await self._plane(dispatch_control, head, receive)
        if _VAULT_HOST.fullmatch(head.host):
            from devvault.server.routes import dispatch_data

            return await self._plane(dispatch_data, head, receive)
        return _refusal(421, "MisdirectedRequest", "this daemon does not answer for that host")

    async def _local(self, head: _Head, receive: Receive) -> Answer:
        route = ROUTES.get((head.method, head.path))
        if route is None:
            if head.path in PATHS:
                return _refusal(405, "MethodNotAllowed", "this path takes another method")
            raise NotFound("there is no such path", hint="devvault --version")
        if route.counts:
            self.active += 1
        if route.streams:
            chunks = BodyChunks(receive, asyncio.get_running_loop())
            return await self._in_thread(route, Ask(head.query, chunks=chunks, pid=head.pid))
        ask = Ask(head.query, await _body(head, receive, route.limit), pid=head.pid)
        if route.quick and len(ask.body) <= _INLINE_LIMIT and self._is_open():
            return route.handle(self.plane, ask)
        return await self._in_thread(route, ask)

    async def _in_thread(self, route: Route, ask: Ask) -> Answer:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, route.handle, self.plane, ask)

    async def _plane(self, dispatch: Dispatch, head: _Head, receive: Receive) -> Reply:
        self.active += 1
        limit = RESTORE_LIMIT if head.path.endswith("/restore") else BODY_LIMIT
        body = await _body(head, receive, limit)
        loop = asyncio.get_running_loop()

        def act() -> Reply:
            gate = self.plane.gate()
            origin = Origin(
                agent=head.headers.get("user-agent", "")[:200],
                uri=f"https://{head.host}{head.path}",
                api_version=head.query.get("api-version", "")[:40],
                correlation=head.headers.get("x-ms-client-request-id", "")[:80],
            )
            caller = self.plane.developer().at(origin)
            request = Request(
                head.method, head.host, head.path, head.query, head.headers, body, caller
            )
            return dispatch(request, gate)

        if head.method == "GET" and self._is_open():
            return act()
        return await loop.run_in_executor(self._workers, act)

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

        work = loop.run_in_executor(self._workers, produce)
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
            watch.cancel()
            error = await work
        if error is not None:
            if not isinstance(error, ConnectionError):
                self._report("an answer was cut off", error)
            # Without its end the reader knows that the answer is not whole.
            raise ConnectionAbortedError
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _head(scope: Scope) -> _Head:
    peer = scope.get("extensions", {}).get(PEER)
    if peer is None:
        raise Forbidden("only the home's owner may ask, over its socket")
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1")
        if name == "host" and name in headers:
            raise Invalid("the request names two hosts")
        headers[name] = raw_value.decode("latin-1")
    if "origin" in headers or "sec-fetch-site" in headers:
        raise Forbidden("requests of a web page are refused")
    host = headers.get("host", "").lower().removesuffix(":443")
    query = scope["query_string"].decode("latin-1")
    try:
        pairs = dict(parse_qsl(query, keep_blank_values=True, errors="strict")) if query else {}
    except ValueError as error:
        raise Invalid("the query string is malformed") from error
    return _Head(scope["method"], host, scope["path"], pairs, headers, peer.get("pid", 0))


async def _body(head: _Head, receive: Receive, limit: int) -> bytes:
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
    headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


def _refusal(status: int, code: str, message: str) -> Reply:
    """Return a refusal that no class of errors stands for."""
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    headers = {"content-type": "application/json; charset=utf-8"}
    if status == 413:
        headers["connection"] = "close"  # the rest of the body is not read
    return Reply(status, body, headers)
