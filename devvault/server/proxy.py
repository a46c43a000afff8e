"""The CONNECT proxy's mind: who may use it, and what becomes of each target.

Vaults of the home are answered here, all else is passed on; a Key Vault that is not ours is
refused, never sent to the cloud unasked. Bytes are the business of `tunnel.py`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from devvault.errors import DevvaultError, Forbidden, Invalid, Locked, NotFound, Unauthorized
from devvault.model import operations as op
from devvault.server.head import HTTP, Head
from devvault.server.local.base import Plane
from devvault.server.refusals import Refusals
from devvault.server.sessions import Session
from devvault.server.targets import (
    AZ_HOSTS,
    CLOUD,
    LOCAL,
    Target,
    is_key_vault,
    parse_target,
    vault_of,
)
from devvault.vault.outward import Outward, Outwards

USER = "devvault"
PASSING = "devvault run --pass-through -- CMD"
RECONNECT = 'eval "$(devvault connect)"'


@dataclass(frozen=True, slots=True)
class Ours:
    """A host that is answered here, for a client that trusts the az authority too or not."""

    az: bool


@dataclass(frozen=True, slots=True)
class PassOn:
    """A host that is somebody else's, and the way to it."""

    outward: Outward


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer instead of a tunnel."""

    status: int
    code: str
    message: str

    def to_bytes(self) -> bytes:
        """Return the whole response. The reason says it all: most clients show nothing else."""
        body = json.dumps({"error": {"code": self.code, "message": self.message}}).encode()
        reason = "".join(c if " " <= c <= "~" else "?" for c in self.message)
        if self.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            reason = "Proxy Authentication Required"
        head = [
            f"HTTP/1.1 {self.status} {reason}",
            "content-type: application/json; charset=utf-8",
            f"content-length: {len(body)}",
            "connection: close",
        ]
        if self.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            head.append('proxy-authenticate: Basic realm="devvault"')
        return "\r\n".join([*head, "", ""]).encode("ascii") + body


LOCKED = Refused(423, "VaultLocked", f"{Locked().message}: devvault unlock")

Verdict = Ours | PassOn | Refused


class Proxy:
    """Judges CONNECT requests. `ports` are our own, HTTPS first; nothing is tunnelled to them."""

    def __init__(self, plane: Plane, outwards: Outwards, ports: tuple[int, int]) -> None:
        self.ports = ports
        self.find_gate = plane.keeper.find_gate
        self.open_gate = plane.gate
        self._plane = plane
        self._outwards = outwards
        self._refusals = Refusals(plane.keeper)

    def judge(
        self, raw: bytes, headers: Iterable[tuple[bytes, bytes]], address: str
    ) -> tuple[Verdict, Target | None, Session | None]:
        """Decide about a request; every refusal is in the trail, as far as the home is open."""
        verdict, target, session = self._judge(raw, headers)
        if isinstance(verdict, Refused):
            self.note(verdict, target, address)
        return verdict, target, session

    def note(self, refused: Refused, target: Target | None, address: str) -> None:
        """Write a refusal into the trail."""
        error: DevvaultError
        if refused.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            error = Unauthorized(refused.message, code=refused.code)
        elif refused.status == HTTPStatus.NOT_FOUND:
            error = NotFound(refused.message, code=refused.code)
        else:
            error = Forbidden(refused.message, code=refused.code)
        host = target.words if target is not None else ""
        head = Head(HTTP, "CONNECT", host, "", {}, {}, address=address)
        self._refusals.note(head, error, op.OPEN_TUNNEL)

    def note_request(self, refused: Refused, head: Head) -> None:
        """Write into the trail what was refused before it was known to be a request."""
        kind = Forbidden if refused.status == HTTPStatus.FORBIDDEN else Invalid
        self._refusals.note(head, kind(refused.message, code=refused.code))

    def _judge(
        self, raw: bytes, headers: Iterable[tuple[bytes, bytes]]
    ) -> tuple[Verdict, Target | None, Session | None]:
        given: dict[bytes, bytes] = {}
        for name, value in headers:
            if name in given and name in (b"host", b"proxy-authorization"):
                return Refused(400, "BadRequest", f"two {name.decode()} headers"), None, None
            given[name] = value
        if given.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in given:
            return Refused(400, "BadRequest", "a CONNECT has no body"), None, None
        if b"origin" in given or b"sec-fetch-site" in given:
            return Refused(403, "Forbidden", "requests of a web page are refused"), None, None
        target = parse_target(raw)
        if target is None:
            return Refused(400, "BadRequest", "CONNECT takes HOST:PORT"), None, None
        named = given.get(b"host")
        if named is not None and not _is_same(named, target):
            return Refused(400, "BadRequest", "the Host header names another target"), target, None
        secret = _secret(given.get(b"proxy-authorization", b""))
        session = self._plane.sessions.find_over_by_proxy(secret) if secret else None
        if session is None:
            why = "this proxy wants the secret of a run or a connected shell"
            return Refused(407, "ProxyAuthenticationRequired", why), target, None
        return self._decide(target, session, secret), target, session

    def _decide(self, target: Target, session: Session, secret: str) -> Verdict:
        host = target.host
        az = session.az and host in AZ_HOSTS and target.port == 443
        if not az and not is_key_vault(host):
            outward = self._outwards.find(session.id, secret)
            if outward is None:
                words = "the way to your own proxy is lost: start the program again"
                return Refused(502, "ProxyUnknown", words)
            return PassOn(outward)
        if session.over is not None:
            words = f"this connection is over, and reaches no vault: {RECONNECT}"
            return Refused(403, "SessionOver", words)
        if az:
            return Ours(az=True)
        if self._is_served(target):
            if not session.pass_through:
                return Ours(az=session.az)
            gate = self.find_gate()
            if gate is None:
                return LOCKED
            if gate.find_vault(vault_of(host) or "") is not None or host.endswith(LOCAL):
                return Ours(az=session.az)
        elif not session.pass_through or host.endswith(LOCAL):
            return Refused(
                404,
                "VaultNotFound",
                f"devvault answers for no vault at {target.words}: to reach the cloud's use"
                f" {PASSING}",
            )
        outward = self._outwards.find(session.id, secret)
        return PassOn(outward or Outward())

    def _is_served(self, target: Target) -> bool:
        if vault_of(target.host) is None and target.host != LOCAL[1:]:
            return False
        return target.port == (443 if target.host.endswith(CLOUD) else self.ports[0])


def _is_same(named: bytes, target: Target) -> bool:
    given = named.strip().lower()
    words = target.words.encode()
    # Without its port a host means the one of the request line.
    return given in (words, words.rpartition(b":")[0], target.host.encode()) or (
        parse_target(given) == target
    )


def _secret(header: bytes) -> str:
    scheme, _, given = header.partition(b" ")
    if scheme.lower() != b"basic" or len(given) > 400:
        return ""
    try:
        user, _, password = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return ""
    return password if user == USER else ""
