"""Resource groups."""

from __future__ import annotations

from devvault.server.reply import Reply, Request, json_reply
from devvault.server.wire.fields import read_body, tags, text
from devvault.server.wire.vault import show_group
from devvault.vault import vaults
from devvault.vault.gate import Gate
from devvault.vault.keeper import DEFAULT_LOCATION


def put_group(request: Request, gate: Gate, _subscription: str, name: str) -> Reply:
    """PUT .../resourcegroups/{name}."""
    body = read_body(request.body)
    known = {group.name.lower() for group in vaults.list_groups(gate, request.caller)}
    fresh = name.lower() not in known
    location = text(body, "location") or (DEFAULT_LOCATION if fresh else "")
    group = vaults.put_group(gate, request.caller, name, location, tags(body) or {})
    return json_reply(201 if fresh else 200, show_group(gate.subscription, group))


def get_group(request: Request, gate: Gate, _subscription: str, name: str) -> Reply:
    """GET .../resourcegroups/{name}."""
    group = vaults.get_group(gate, request.caller, name)
    return json_reply(200, show_group(gate.subscription, group))


def list_groups(request: Request, gate: Gate, _subscription: str) -> Reply:
    """GET .../resourcegroups."""
    found = vaults.list_groups(gate, request.caller)
    return json_reply(200, {"value": [show_group(gate.subscription, group) for group in found]})


def delete_group(request: Request, gate: Gate, _subscription: str, name: str) -> Reply:
    """DELETE .../resourcegroups/{name}: done at once, so no address to poll."""
    vaults.delete_group(gate, request.caller, name)
    return Reply(200)
