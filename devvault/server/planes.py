"""A plane's front over TLS: who asks is found out before a body is read or a path looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from devvault.access.principals import SERVICE, Caller
from devvault.access.tokens import UNSIGNED
from devvault.errors import DevvaultError, NotFound, Unauthorized
from devvault.server.auth import authenticate
from devvault.server.control.directory import dispatch_directory
from devvault.server.data.routes import dispatch_data
from devvault.server.head import Head
from devvault.server.headers import control_headers, data_headers
from devvault.server.hosts import CONTROL, DIRECTORY, NOT_SERVED, VAULT, Served, not_here
from devvault.server.local.base import Plane
from devvault.server.refusals import Refusals
from devvault.server.reply import Reply, Request, error_reply, with_headers
from devvault.server.routes import dispatch_control
from devvault.vault.gate import Gate

Dispatch = Callable[[Request, Any], Reply]


def admit(plane: Plane, refusals: Refusals, head: Head, served: Served) -> Caller | Reply:
    """Return who asks, or the reply that refuses; each refusal is recorded.

    Raises:
        Locked, Unavailable: the home is locked, or not made.
    """
    gate = plane.gate()
    try:
        if served.kind == NOT_SERVED:
            raise not_here(head.host)
        absent = served.kind == VAULT and gate.find_vault(served.vault) is None
        # Whose tunnel it came through has shown a secret of ours already.
        if absent and plane.sessions.find(head.session) is not None:
            raise not_here(head.host)
        caller = _authenticated(plane, gate, head, served)
        if absent:
            raise not_here(head.host)
    except (Unauthorized, NotFound) as error:
        refusals.note(head, error)
        return _refused(gate, head, served, error)
    return caller


def dispatch_of(served: Served) -> Dispatch:
    """Return what answers those who were admitted."""
    if served.kind == DIRECTORY:
        return dispatch_directory
    return dispatch_control if served.kind == CONTROL else dispatch_data


def _authenticated(plane: Plane, gate: Gate, head: Head, served: Served) -> Caller:
    realm = served.realm
    assert realm is not None  # the login host alone has none, and is not asked here
    try:
        return authenticate(plane, gate, head, realm)
    except Unauthorized as error:
        # Ours, it seems, and of a key that a rekey has replaced.
        renewed = plane.keeper.clock.now() if error.message == UNSIGNED else None
        raise Unauthorized(
            error.message,
            code="AuthenticationFailed" if served.kind == CONTROL else None,
            fields={"challenge": realm.challenge(gate.tenant, renewed)},
        ) from error


def _refused(gate: Gate, head: Head, served: Served, error: DevvaultError) -> Reply:
    nobody = Caller("", "", gate.tenant, "", kind=SERVICE, origin=head.origin)
    request = Request(head.method, head.host, head.path, head.query, head.headers, b"", nobody)
    headers = data_headers(request, "") if served.kind == VAULT else control_headers(request)
    return with_headers(error_reply(error), headers)
