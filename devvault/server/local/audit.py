"""The trail over the socket: read, verify, accept an older database."""

from __future__ import annotations

from devvault.server.local.base import Ask, Plane, Route, number
from devvault.server.reply import Reply, json_reply
from devvault.vault import upkeep

_MOST = 5000


def show(plane: Plane, ask: Ask) -> Reply:
    """Return a page of records: the newest first, or with `after` in order from there.

    `next` continues in the same direction and is null at the end.
    """
    before = number(ask.query, "before")
    after = number(ask.query, "after")
    limit = min(number(ask.query, "limit", 100) or 1, _MOST)
    found = upkeep.read_audit(
        plane.gate(), plane.developer(), before=before, after=after, limit=limit
    )
    records = [{"seq": seq, **record.to_event()} for seq, record in found]
    more = found[-1][0] if len(found) == limit else None
    return json_reply(200, {"records": records, "next": more})


def verify(plane: Plane, _ask: Ask) -> Reply:
    """Check the whole chain against its anchor; say every place that is wrong."""
    plane.gate()
    found = upkeep.verify_home(plane.keeper, plane.developer())
    return json_reply(
        200,
        {
            "ok": found.ok,
            "checked": found.checked,
            "problems": list(found.problems),
            "head": found.head_seq,
        },
    )


def accept_restore(plane: Plane, _ask: Ask) -> Reply:
    """Accept an older database as the newest there is; recorded."""
    plane.gate()
    return json_reply(200, {"accepted": plane.keeper.accept_restore(plane.developer())})


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/local/audit"): Route(show),
    ("POST", "/local/audit/verify"): Route(verify),
    ("POST", "/local/audit/accept-restore"): Route(accept_restore),
}
