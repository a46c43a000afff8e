"""The table of the local plane: method and path to handler."""

from __future__ import annotations

from devvault.server.local import (
    access,
    audit,
    backup,
    check,
    connect,
    overview,
    principals,
    resolve,
    run,
    scan,
    stash,
    trust,
    upkeep,
    watch,
)
from devvault.server.local.base import Route

ROUTES: dict[tuple[str, str], Route] = {
    **upkeep.ROUTES,
    **run.ROUTES,
    **connect.ROUTES,
    **resolve.ROUTES,
    **trust.ROUTES,
    **stash.ROUTES,
    **audit.ROUTES,
    **access.ROUTES,
    **overview.ROUTES,
    **scan.ROUTES,
    **watch.ROUTES,
    **check.ROUTES,
    **backup.ROUTES,
    **principals.ROUTES,
}
PATHS = frozenset(path for _, path in ROUTES)
