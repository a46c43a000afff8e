"""What an import lays by, over the socket: put, open, remove. The file's bytes travel as base64."""

from __future__ import annotations

import base64
import binascii

from devvault.errors import Invalid
from devvault.server.local.base import Ask, Plane, Route, text
from devvault.server.reply import Reply, json_reply
from devvault.vault import stash

LIMIT = 2 * stash.SIZE_LIMIT


def put(plane: Plane, ask: Ask) -> Reply:
    """Lay a file by before it is rewritten."""
    members = ask.members()
    changes = members.get("changes", {})
    if not isinstance(changes, dict) or not all(isinstance(v, str) for v in changes.values()):
        raise Invalid("the member 'changes' must be an object of texts")
    try:
        data = base64.b64decode(text(members, "data"), validate=True)
    except binascii.Error as error:
        raise Invalid("the member 'data' must be base64") from error
    stashed = stash.Stashed(text(members, "file"), data, text(members, "after"), changes)
    id = stash.put(plane.gate(), plane.developer(), stashed)
    return json_reply(200, {"id": id})


def show(plane: Plane, ask: Ask) -> Reply:
    """Hand out the newest file that was laid by for a path."""
    found = stash.get(plane.gate(), plane.developer(), text(ask.members(), "file"))
    return json_reply(
        200,
        {
            "id": found.id,
            "data": base64.b64encode(found.data).decode(),
            "after": found.after,
            "changes": dict(found.changes),
        },
    )


def drop(plane: Plane, ask: Ask) -> Reply:
    """Remove what was laid by."""
    members = ask.members()
    path, id = text(members, "file"), text(members, "id")
    stash.drop(plane.gate(), plane.developer(), path, id)
    return json_reply(200, {})


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/local/stash"): Route(put, limit=LIMIT),
    ("POST", "/local/stash/open"): Route(show),
    ("POST", "/local/stash/remove"): Route(drop),
}
