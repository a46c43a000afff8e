"""The home's two certificate authorities: one for vaults, one for what `az` talks to besides.

Made on first need, sealed like a secret, followed by the next one long before the end. Programs
that run keep the roots they began with, so an old authority signs for as long as it can, and both
are handed out while both are good. A key is opened for one signature and not kept.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from devvault.errors import Damaged, Stale
from devvault.model import operations as op
from devvault.store.base import Reading, Writing
from devvault.vault.codecs import moment, seconds
from devvault.vault.gate import Gate, Target
from devvault.vault.opened import SYSTEM
from devvault.vault.records import AUTHORITY

if TYPE_CHECKING:
    from devvault.crypto.authority import Leaf

RUN = "run"
AZ = "az"
DOMAINS = {
    RUN: ("vault.azure.net", "vault.localhost"),
    AZ: (
        "management.azure.com",
        "graph.microsoft.com",
        "login.microsoftonline.com",
        "login.microsoft.com",
        "login.windows.net",
    ),
}
# The next one is made this long before the end of the newest, so that programs started since know
# it when it begins to sign: when the old one can no longer sign for a whole leaf's life.
_NEXT = timedelta(days=90)
_TOO_SHORT = timedelta(days=31)
_MOST = 100


@dataclass(frozen=True, slots=True)
class Root:
    """An authority as the world may see it."""

    certificate: str
    begins: datetime
    ends: datetime


def trusted_roots(gate: Gate, kind: str) -> tuple[Root, ...]:
    """Return the roots of a kind that are good now, the oldest first; made where none is.

    Raises:
        Stale: there is none, and the home is read-only.
        Unavailable: the home cannot be written.
    """
    now = gate.clock.now()
    good = _good(_read(gate, kind), now)
    if not good or good[-1].ends - now < _NEXT:
        try:
            return _good(_add(gate, kind), now)
        except Stale:
            if not good:
                raise
    return good


def issue_leaf(gate: Gate, kind: str, host: str, *, password: bytes | None = None) -> Leaf:
    """Return a new key and certificate for a host; recorded. `password` seals the key's PEM.

    Raises:
        Stale, Unavailable: as `trusted_roots`.
        Damaged: the authority does not open.
    """
    from devvault.crypto.authority import Authority, make_leaf  # slow to load

    trusted_roots(gate, kind)
    now = gate.clock.now()

    def act(reading: Reading) -> Leaf:
        found = []
        for row in reading.versions(AUTHORITY, "", kind, limit=_MOST):
            body = gate.records.open(row)
            root = _root(body)
            if root.begins <= now < root.ends:
                key = base64.b64decode(body["key"])
                found.append(Authority(key, root.certificate, root.begins, root.ends))
        if not found:
            raise Damaged(f"the {kind} authority is gone", hint="devvault audit verify")
        lasting = (one for one in found if one.ends - now >= _TOO_SHORT)
        return make_leaf(next(lasting, found[-1]), host, now, password=password)

    target = Target(f"/devvault/homes/{gate.home}", extra={"host": host})
    return gate.read(SYSTEM, op.ISSUE_LEAF, target, act)


def _read(gate: Gate, kind: str) -> tuple[Root, ...]:
    with gate.store.read() as reading:
        return _roots(gate, reading, kind)


def _add(gate: Gate, kind: str) -> tuple[Root, ...]:
    """Make the next authority, unless somebody just did; drop those that are over."""
    from devvault.crypto.authority import make_authority  # slow to load

    now = gate.clock.now()
    made = make_authority(f"devvault {kind} CA {now:%Y-%m-%d}", DOMAINS[kind], now)

    def act(writing: Writing) -> tuple[Root, ...]:
        good = _good(_roots(gate, writing, kind), now)
        if good and good[-1].ends - now >= _NEXT:
            return good
        for row in writing.versions(AUTHORITY, "", kind, limit=_MOST):
            if _root(gate.records.open(row)).ends <= now:
                writing.drop(AUTHORITY, "", kind, row.version)
        body = {
            "key": base64.b64encode(made.key).decode(),
            "certificate": made.certificate,
            "begins": seconds(made.begins),
            "ends": seconds(made.ends),
        }
        # Times first, so that the newest is the last by name.
        version = f"{int(now.timestamp() * 1000):016x}{secrets.token_hex(8)}"
        writing.put(gate.records.seal(AUTHORITY, "", kind, body, version=version))
        return _roots(gate, writing, kind)

    target = Target(f"/devvault/homes/{gate.home}", extra={"authority": kind})
    return gate.write(SYSTEM, op.PUT_AUTHORITY, target, act)


def _roots(gate: Gate, reading: Reading, kind: str) -> tuple[Root, ...]:
    rows = reading.versions(AUTHORITY, "", kind, limit=_MOST)
    return tuple(_root(gate.records.open(row)) for row in rows)


def _good(roots: tuple[Root, ...], now: datetime) -> tuple[Root, ...]:
    return tuple(root for root in roots if root.begins <= now < root.ends)


def _root(body: dict[str, Any]) -> Root:
    begins, ends = moment(body["begins"]), moment(body["ends"])
    if begins is None or ends is None:
        raise Damaged("an authority has lost its times", hint="devvault audit verify")
    return Root(str(body["certificate"]), begins, ends)
