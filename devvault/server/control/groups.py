"""Resource groups."""

from __future__ import annotations

from functools import partial

from devvault.errors import Invalid
from devvault.server.paging import list_reply
from devvault.server.reply import Reply, Request, json_reply
from devvault.server.wire.fields import read_body, tags
from devvault.server.wire.group import read_location, show_group
from devvault.vault import groups, vaults
from devvault.vault.gate import Gate


def put_group(request: Request, gate: Gate, _subscription: str, name: str) -> Reply:
    """PUT .../resourcegroups/{name}: 201 where it is new."""
    body = read_body(request.body)
    location = read_location(body)
    if not location:
        raise Invalid(
            "The location property is required for this definition.", code="LocationRequired"
        )
    asked = gate.clock.now()
    group = groups.put_group(gate, request.caller, name, location, tags(body) or {})
    status = 201 if group.created >= asked else 200
    return json_reply(status, show_group(gate.subscription, group))


def get_group(request: Request, gate: Gate, _subscription: str, name: str) -> Reply:
    """GET .../resourcegroups/{name}."""
    group = groups.get_group(gate, request.caller, name)
    return json_reply(200, show_group(gate.subscription, group))


def list_groups(request: Request, gate: Gate, _subscription: str) -> Reply:
    """GET .../resourcegroups."""
    found = groups.list_groups(gate, request.caller)
    return list_reply(
        request, found, partial(show_group, gate.subscription), lambda group: group.name
    )


def delete_group(request: Request, gate: Gate, _subscription: str, name: str) -> Reply:
    """DELETE .../resourcegroups/{name}: done at once, so no address to poll."""
    vaults.delete_group(gate, request.caller, name)
    return Reply(200)
