"""Server certificates for the names we answer to, made when a client first asks for one by SNI.

Their keys live in memory and end with the process; nothing is put into a system store. A locked
home makes no new ones, but those it has still answer, so that a program is told that it is locked
instead of a broken connection. A leaf's key opens nothing at rest.
"""

from __future__ import annotations

import os
import re
import secrets
import ssl
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from devvault.clock import Clock
from devvault.errors import DevvaultError
from devvault.vault.authorities import AZ, DOMAINS, RUN, issue_leaf

if TYPE_CHECKING:
    from devvault.vault.gate import Gate

Kind = TypeVar("Kind", bound=ssl.SSLContext)

# A leaf is made anew this long before its end, on the next handshake.
RENEW = timedelta(days=10)
_MOST = 256
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The bare name is where tokens are to be had under `https://vault.localhost:PORT`.
_VAULT_HOST = re.compile(rf"(?:{_LABEL}\.vault\.azure\.net|(?:{_LABEL}\.)?vault\.localhost)")
_MEMORY = "/proc/self/fd"


class HostContext(ssl.SSLContext):
    """The context of one host; a connection tells by it which name its client asked for."""

    host: str = ""


class Certificates:
    """Contexts for listeners, and behind them one for each host. Used on the event loop alone."""

    def __init__(
        self,
        find_gate: Callable[[], Gate | None],
        clock: Clock,
        report: Callable[[str, BaseException], None],
    ) -> None:
        from devvault.crypto import authority  # noqa: F401  # slow to load; now, not in a handshake

        self._find_gate = find_gate
        self._clock = clock
        self._report = report
        self._made: OrderedDict[str, tuple[HostContext, datetime]] = OrderedDict()
        # For a client whose session trusts the az authority, and for every other one.
        self._plain = self._listening(az=False)
        self._whole = self._listening(az=True)

    def context(self, *, az: bool = False) -> ssl.SSLContext:
        """Return the context of a listener; which names it answers to depends on the session."""
        return self._whole if az else self._plain

    def find(self, host: str, *, az: bool = False) -> HostContext | None:
        """Return the context of a host, or None: not ours, or locked before it was first asked for.

        Raises:
            DevvaultError: the authority cannot be used.
        """
        kind = _kind_of(host)
        if kind is None or (kind == AZ and not az):
            return None
        kept = self._made.get(host)
        now = self._clock.now()
        if kept is not None and now < kept[1] - RENEW:
            self._made.move_to_end(host)
            return kept[0]
        gate = self._find_gate()
        if gate is None:
            return kept[0] if kept is not None and now < kept[1] else None
        made = self._make(gate, kind, host)
        self._made[host] = made
        self._made.move_to_end(host)
        while len(self._made) > _MOST:
            self._made.popitem(last=False)
        return made[0]

    def _listening(self, *, az: bool) -> ssl.SSLContext:
        context = _bare(ssl.SSLContext)

        def choose(
            connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext
        ) -> int | None:
            try:
                found = self.find((name or "").lower().rstrip("."), az=az)
            except DevvaultError as error:
                self._report("no certificate could be made", error)
                return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
            except Exception as error:  # noqa: BLE001  # a handshake must end in an alert
                self._report("a certificate failed", error)
                return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
            if found is None:
                return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            connection.context = found
            return None

        context.sni_callback = choose
        return context

    def _make(self, gate: Gate, kind: str, host: str) -> tuple[HostContext, datetime]:
        context = _bare(HostContext)
        context.host = host
        if hasattr(os, "memfd_create") and Path(_MEMORY).is_dir():
            leaf = issue_leaf(gate, kind, host)
            handle = os.memfd_create("leaf", os.MFD_CLOEXEC)
            try:
                _write(handle, leaf.pem)
                context.load_cert_chain(f"{_MEMORY}/{handle}")
            finally:
                os.close(handle)
            return context, leaf.ends
        # OpenSSL reads from files alone: one whose key is sealed by a password of this moment.
        password = secrets.token_hex(32)
        leaf = issue_leaf(gate, kind, host, password=password.encode())
        handle, path = tempfile.mkstemp(prefix="devvault-leaf-")
        try:
            _write(handle, leaf.pem)
            context.load_cert_chain(path, password=password)
        finally:
            os.close(handle)
            with suppress(OSError):
                Path(path).unlink()
        return context, leaf.ends


def _kind_of(host: str) -> str | None:
    if _VAULT_HOST.fullmatch(host):
        return RUN
    return AZ if host in DOMAINS[AZ] else None


def _bare(kind: type[Kind]) -> Kind:
    context = kind(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.options |= ssl.OP_NO_RENEGOTIATION
    # One ticket, which the client keeps and we do not. It goes out at the handshake's end, and so
    # does the acknowledgement that a client who writes twice would wait for.
    context.num_tickets = 1
    context.set_alpn_protocols(["http/1.1"])
    return context


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]
