"""Bytes between a client and a far host, untouched, in bounded memory; and the way to that host.

A slow end slows the other one down. An end that is done may still be read from for a while.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from devvault.server.proxy import Refused
from devvault.server.targets import Target, goes_past
from devvault.vault.outward import Outward

_PATIENCE = 30.0
# An end that has said all it has to say waits this long for the other one, when nothing comes.
_HALF_OPEN = 120.0
_HEAD_LIMIT = 16 * 1024
_BUFFER = 256 * 1024
# The kinds of proxies that can be gone through, with their usual ports.
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_SOCKS, _SOCKS_PASSWORD = 5, 2


class Unreachable(Exception):
    """There is no way to the target; `refused` is what the client is told."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.refused = Refused(status, code, message)


class End(asyncio.Protocol):
    """One end of a tunnel. What comes before the ends are joined is held, and reading stops."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: End | None = None
        self.held = b""
        self.is_over = False
        self._on_change: Callable[[], None] = lambda: None
        self.heard = 0.0
        self._arrived: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=_BUFFER)
        _keep_alive(self.transport)

    def data_received(self, data: bytes) -> None:
        """Pass on, or hold."""
        if self.other is not None and self.other.transport is not None:
            self.other.heard = self.heard = asyncio.get_running_loop().time()
            self.other.transport.write(data)
            return
        self.held += data
        if len(self.held) > _HEAD_LIMIT and self.transport is not None:
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """Tell the other end; it may have more to say."""
        self.is_over = True
        self._wake()
        other = self.other
        if other is None or other.transport is None:
            return True
        if other.is_over or not other.transport.can_write_eof():
            other.transport.close()
            return False
        with suppress(OSError, RuntimeError):
            other.transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other end once it has all."""
        self.is_over = True
        self._wake()
        if self.other is not None and self.other.transport is not None:
            if exc is None:
                self.other.transport.close()
            else:
                self.other.transport.abort()
        self.transport = None
        self._on_change()

    def pause_writing(self) -> None:
        """Slow the other end down."""
        if self.other is not None and self.other.transport is not None:
            with suppress(RuntimeError):
                self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the other end go on."""
        if self.other is not None and self.other.transport is not None:
            with suppress(RuntimeError):
                self.other.transport.resume_reading()

    async def read_head(self) -> bytes:
        """Return what comes before an empty line; the rest stays held.

        Raises:
            Unreachable: it does not come.
        """
        while b"\r\n\r\n" not in self.held:
            await self._wait()
        head, _, self.held = self.held.partition(b"\r\n\r\n")
        return head

    async def read(self, size: int) -> bytes:
        """Return the next bytes, so many; raises as `read_head`."""
        while len(self.held) < size:
            await self._wait()
        found, self.held = self.held[:size], self.held[size:]
        return found

    async def _wait(self) -> None:
        if self.is_over or len(self.held) > _HEAD_LIMIT:
            raise Unreachable(502, "ProxyFailed", "your proxy gave no answer that can be read")
        self._arrived = asyncio.get_running_loop().create_future()
        await self._arrived

    def watch(self, on_change: Callable[[], None]) -> None:
        """Have this called when the end is gone."""
        self._on_change = on_change

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)


class Tunnel:
    """Two joined ends."""

    def __init__(self, near: End, far: End, on_end: Callable[[Tunnel], None]) -> None:
        self.near = near
        self.far = far
        self._on_end = on_end
        near.other, far.other = far, near
        near.heard = far.heard = asyncio.get_running_loop().time()
        near.watch(self._changed)
        far.watch(self._changed)

    def start(self) -> None:
        """Let both flow, what was held first."""
        for one, other in ((self.near, self.far), (self.far, self.near)):
            if one.held and other.transport is not None:
                other.transport.write(one.held)
            one.held = b""
        for end in (self.near, self.far):
            if end.is_over:
                end.eof_received()
            if end.transport is not None:
                with suppress(RuntimeError):
                    end.transport.resume_reading()

    def check(self, now: float) -> None:
        """Cut off a tunnel whose one end is done, and whose other end says nothing."""
        done = self.near.is_over or self.far.is_over
        if done and now - max(self.near.heard, self.far.heard) > _HALF_OPEN:
            self.abort()

    def abort(self) -> None:
        """Cut both off."""
        for end in (self.near, self.far):
            if end.transport is not None:
                end.transport.abort()

    def _changed(self) -> None:
        if self.near.transport is None and self.far.transport is None:
            self._on_end(self)


async def dial(target: Target, outward: Outward, own: tuple[int, ...]) -> End:
    """Return an end that is connected to the target, through the user's own proxy or past it.

    Raises:
        Unreachable: neither the target nor the proxy can be had, or it is one of our own ports.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            if not outward.proxy or goes_past(outward.exceptions, target):
                return await _connect(target, own)
            return await _through(outward.proxy, target, own)
    except TimeoutError as error:
        words = f"{target.words} does not answer"
        raise Unreachable(504, "TargetSilent", words) from error


async def _connect(target: Target, own: tuple[int, ...], *, name: str = "", what: str = "") -> End:
    """Connect to the first address that answers; `name` asks for TLS."""
    loop = asyncio.get_running_loop()
    words = what or target.words
    try:
        found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(502, "TargetUnknown", f"{words} cannot be found") from error
    why: OSError | None = None
    for address in dict.fromkeys(str(entry[4][0]) for entry in found):
        if target.port in own and _is_here(address):
            raise Unreachable(403, "Loop", f"{words} is a port of devvault itself")
        secure: dict[str, Any] = {}
        if name:
            import ssl  # an https:// proxy is rare

            secure = {"ssl": ssl.create_default_context(), "server_hostname": name}
        try:
            _, end = await loop.create_connection(End, address, target.port, **secure)
        except OSError as error:
            why = error
            continue
        return end
    reason = (why.strerror or "it cannot be reached") if why else "it has no address"
    raise Unreachable(502, "TargetUnreachable", f"{words}: {reason.lower()}") from why


async def _through(proxy: str, target: Target, own: tuple[int, ...]) -> End:
    text = proxy if "://" in proxy else f"http://{proxy}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.scheme not in _PORTS:
        words = (
            "your own proxy is of a kind that cannot be gone through: http, https and socks5 are"
        )
        raise Unreachable(502, "ProxyUnsupported", words)
    place = Target(host, port or _PORTS[parts.scheme])
    what = f"your proxy {place.words}"
    end = await _connect(place, own, name=host if parts.scheme == "https" else "", what=what)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    try:
        if parts.scheme.startswith("socks"):
            await _ask_socks(end, target, what, user, password)
        else:
            await _ask_http(end, target, what, user, password)
    except BaseException:
        if end.transport is not None:
            end.transport.abort()
        raise
    return end


async def _ask_http(end: End, target: Target, what: str, user: str, password: str) -> None:
    assert end.transport is not None
    lines = [f"CONNECT {target.words} HTTP/1.1", f"Host: {target.words}"]
    if user:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {pair}")
    end.transport.write("\r\n".join([*lines, "", ""]).encode())
    _check_answer(await end.read_head(), what, target)


async def _ask_socks(end: End, target: Target, what: str, user: str, password: str) -> None:
    """Ask a SOCKS 5 proxy (RFC 1928, RFC 1929), which looks the name up itself."""
    assert end.transport is not None
    end.transport.write(b"\x05\x02\x00\x02" if user else b"\x05\x01\x00")
    version, method = await end.read(2)
    if version == _SOCKS and method == _SOCKS_PASSWORD and user:
        name, word = user.encode()[:255], password.encode()[:255]
        end.transport.write(bytes([1, len(name)]) + name + bytes([len(word)]) + word)
        _, refused = await end.read(2)
        if refused:
            raise Unreachable(502, "ProxyRefused", f"{what} refuses your name and password")
    elif version != _SOCKS or method:
        raise Unreachable(502, "ProxyRefused", f"{what} wants what you did not give it")
    end.transport.write(b"\x05\x01\x00" + _place(target.host) + target.port.to_bytes(2, "big"))
    _, refused, _, kind = await end.read(4)
    if refused:
        words = f"{what} refuses {target.words}: SOCKS {refused}"
        raise Unreachable(502, "ProxyRefused", words)
    size = {1: 4, 4: 16}.get(kind) or (await end.read(1))[0]
    await end.read(size + 2)


def _place(host: str) -> bytes:
    """Return an address or a name as SOCKS has it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bytes([3, len(host)]) + host.encode("ascii")
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed


def _check_answer(head: bytes, what: str, target: Target) -> None:
    status = head.split(b"\r\n")[0].split(b" ")
    if not status[0].startswith(b"HTTP/1.") or len(status) < 2 or not status[1].isdigit():
        raise Unreachable(502, "ProxyFailed", f"{what} gave no answer that can be read")
    if not 200 <= int(status[1]) < 300:
        words = f"{what} refuses {target.words}: {int(status[1])}"
        raise Unreachable(502, "ProxyRefused", words)


def _is_here(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or found
    return mapped.is_loopback or mapped.is_unspecified


def _keep_alive(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    with suppress(OSError, AttributeError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
