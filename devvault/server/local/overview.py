"""The home at a glance for `status`, and names for the shell's completion. No values."""

from __future__ import annotations

from datetime import timedelta

from devvault.errors import Invalid
from devvault.server.local.base import Ask, Plane, Route, number
from devvault.server.reply import Reply, json_reply
from devvault.vault import overview as home

_DAYS = 30
_REFUSED_DAYS = 7
_REFUSED_MOST = 20
_MOST_DAYS = 36_525


def overview(plane: Plane, ask: Ask) -> Reply:
    """Tell vaults, what expires within `days` (30), what is deleted, what was refused lately."""
    days = number(ask.query, "days", _DAYS) or 0
    if days > _MOST_DAYS:
        raise Invalid("the parameter 'days' is more than a century")
    gate = plane.gate()
    now = gate.clock.now()
    found = home.overview(
        gate,
        plane.developer(),
        until=now + timedelta(days=days),
        since=now - timedelta(days=_REFUSED_DAYS),
    )
    return json_reply(
        200,
        {
            "now": int(now.timestamp()),
            "vaults": [
                {"name": one.vault.name, "secrets": one.secrets, "deleted": one.deleted}
                for one in found.vaults
            ],
            "expiring": [
                {
                    "vault": one.vault,
                    "name": one.name,
                    "expires": int(one.attributes.exp.timestamp()),
                }
                for one in found.expiring
                if one.attributes.exp is not None
            ],
            "deleted": [
                {
                    "vault": one.current.vault,
                    "name": one.current.name,
                    "purge": int(one.purge_at.timestamp()),
                }
                for one in found.deleted
            ],
            "deleted_vaults": [one.name for one in found.deleted_vaults],
            "refused": [
                {"seq": seq, **record.to_event()} for seq, record in found.refused[:_REFUSED_MOST]
            ],
            "refusals": len(found.refused),
        },
    )


def names(plane: Plane, ask: Ask) -> Reply:
    """Tell the vaults and their secrets by name; `vault` picks one."""
    found = home.names(plane.gate(), plane.developer(), ask.query.get("vault", ""))
    return json_reply(200, {"vaults": {name: list(secrets) for name, secrets in found.items()}})


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/local/overview"): Route(overview),
    ("GET", "/local/names"): Route(names),
}
