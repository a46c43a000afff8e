"""User-assigned managed identities."""

from __future__ import annotations

from functools import partial

from devvault.server.paging import list_reply
from devvault.server.reply import Reply, Request, json_reply
from devvault.server.wire.app import show_identity
from devvault.server.wire.fields import member, read_body, tags, text
from devvault.server.wire.group import read_location
from devvault.vault import identities
from devvault.vault.gate import Gate


def put_identity(request: Request, gate: Gate, _subscription: str, group: str, name: str) -> Reply:
    """PUT or PATCH .../userAssignedIdentities/{name}: 201 where it is new."""
    body = read_body(request.body)
    asked = gate.clock.now()
    made = identities.put_identity(
        gate,
        request.caller,
        group,
        name,
        read_location(body) or "",
        tags(body) or {},
        # Ours: ARM takes none.
        appid=text(member(body, "properties"), "clientId") or "",
    )
    status = 201 if made.created >= asked else 200
    return json_reply(status, show_identity(gate, made))


def get_identity(request: Request, gate: Gate, _subscription: str, group: str, name: str) -> Reply:
    """GET .../userAssignedIdentities/{name}."""
    found = identities.get_identity(gate, request.caller, group, name)
    return json_reply(200, show_identity(gate, found))


def delete_identity(
    request: Request, gate: Gate, _subscription: str, group: str, name: str
) -> Reply:
    """DELETE .../userAssignedIdentities/{name}; 204 where there was none."""
    gone = identities.delete_identity(gate, request.caller, group, name)
    return Reply(200 if gone else 204)


def list_identities(request: Request, gate: Gate, _subscription: str, group: str = "") -> Reply:
    """GET .../userAssignedIdentities, of the subscription or of a group."""
    found = identities.list_identities(gate, request.caller, group)
    return list_reply(
        request,
        found,
        partial(show_identity, gate),
        lambda identity: f"{identity.name}/{identity.group}",
    )
