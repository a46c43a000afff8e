"""Resource groups."""

from __future__ import annotations

import re
from functools import partial

from devvault.errors import Invalid
from devvault.server.paging import list_reply
from devvault.server.reply import Reply, Request, json_reply
from devvault.server.wire.fields import read_body, tags
from devvault.server.wire.group import read_location, show_group
from devvault.vault import groups, vaults
from devvault.vault.gate import Gate

_TAG = re.compile(
    r"tagname\s+eq\s+'(?P<name>[^']*)'(?:\s+and\s+tagvalue\s+eq\s+'(?P<value>[^']*)')?",
    re.IGNORECASE,
)


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


def head_group(request: Request, gate: Gate, _subscription: str, name: str) -> Reply:
    """HEAD .../resourcegroups/{name}: 204 where it exists (`az group exists`)."""
    groups.get_group(gate, request.caller, name)
    return Reply(204)


def list_groups(request: Request, gate: Gate, _subscription: str) -> Reply:
    """GET .../resourcegroups, with a tag as `$filter`."""
    tag = _tag_of(request)
    found = [
        group
        for group in groups.list_groups(gate, request.caller)
        if tag is None or (tag[0] in group.tags and tag[1] in (None, group.tags[tag[0]]))
    ]
    return list_reply(
        request, found, partial(show_group, gate.subscription), lambda group: group.name
    )


def delete_group(request: Request, gate: Gate, _subscription: str, name: str) -> Reply:
    """DELETE .../resourcegroups/{name}: done at once, so no address to poll."""
    vaults.delete_group(gate, request.caller, name)
    return Reply(200)


def _tag_of(request: Request) -> tuple[str, str | None] | None:
    """Return the tag that `$filter` names, with its value where it names one.

    Raises:
        Invalid: a filter that we do not know; leaving it out would show more than was asked for.
    """
    asked = request.query.get("$filter", "").strip()
    if not asked:
        return None
    found = _TAG.fullmatch(asked)
    if found is None:
        raise Invalid(
            "The filter is not one that devvault knows.", code="InvalidFilterInQueryString"
        )
    return found["name"], found["value"]
