"""Folder trust over the socket: list, allow, take away."""

from __future__ import annotations

from devvault.server.local.base import Ask, Plane, Route, text
from devvault.server.reply import Reply, json_reply
from devvault.vault import trust


def show(plane: Plane, _ask: Ask) -> Reply:
    """List every folder and the vaults it may resolve from."""
    found = trust.list_trust(plane.gate(), plane.developer())
    return json_reply(
        200, {"trust": [{"folder": item.folder, "vault": item.vault} for item in found]}
    )


def allow(plane: Plane, ask: Ask) -> Reply:
    """Let a folder resolve from a vault; say whether that vault exists yet."""
    members = ask.members()
    gate = plane.gate()
    vault = text(members, "vault")
    found = trust.allow(gate, plane.developer(), text(members, "folder"), vault)
    exists = gate.find_vault(vault) is not None
    return json_reply(200, {"folder": found.folder, "vault": found.vault, "exists": exists})


def disallow(plane: Plane, ask: Ask) -> Reply:
    """Take a folder's trust in a vault away."""
    members = ask.members()
    found = trust.disallow(
        plane.gate(), plane.developer(), text(members, "folder"), text(members, "vault")
    )
    return json_reply(200, {"folder": found.folder, "vault": found.vault})


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/local/trust"): Route(show, quick=True),
    ("POST", "/local/trust"): Route(allow),
    ("POST", "/local/trust/remove"): Route(disallow),
}
