"""Connections that are not a run's: a shell's, and the one command of `devvault az`."""

from __future__ import annotations

import base64
import binascii
import json
import os
from pathlib import Path

from devvault.errors import Invalid, Unavailable
from devvault.paths import make_private_folder
from devvault.server.local.base import Ask, Plane, Route, flag, text
from devvault.server.local.connection import CONNECT, RUN, Wish, connect, missing_files
from devvault.server.reply import Reply, json_reply
from devvault.vault.gate import Gate

_LIMIT = 24 * 1024 * 1024


def open_connection(plane: Plane, ask: Ask) -> Reply:
    """Open a session; return its variables, or the files whose bytes are wanted first."""
    members = ask.members()
    kind = text(members, "kind", CONNECT)
    if kind not in (CONNECT, RUN):
        raise Invalid("the member 'kind' must be connect or run")
    wish = Wish(
        values=_texts(members, "values"),
        states=_texts(members, "states"),
        contents={path: _bytes(data) for path, data in _texts(members, "contents").items()},
        names=frozenset(_texts(members, "names")),
        identity=text(members, "identity", ""),
        az=flag(members, "az"),
        java=flag(members, "java"),
        kind=kind,
    )
    gate = plane.gate()
    missing = missing_files(plane, gate, wish)
    if missing:
        return json_reply(200, {"missing": missing})
    more = _profile(plane, gate) if wish.az else {}
    made = connect(plane, gate, wish, ask.pid)
    return json_reply(
        200,
        {
            "variables": {**made.variables, **more},
            "removed": list(made.removed),
            "notes": [words for _, words in made.notes],
        },
    )


def close_connection(plane: Plane, ask: Ask) -> Reply:
    """End a session that the client names by its id; its programs' tokens die with it."""
    ended = plane.sessions.end(text(ask.members(), "session"))
    return json_reply(200, {"ended": ended})


def _profile(plane: Plane, gate: Gate) -> dict[str, str]:
    """Return the variables that give az a profile of this home's; the user's own is never touched.

    Its account takes every token from the identity endpoint, so there is no login.

    Raises:
        Unavailable: the home cannot be written.
    """
    folder = plane.keeper.home.root / "az"
    user = {
        "name": "systemAssignedIdentity",
        "type": "servicePrincipal",
        "assignedIdentityInfo": "MSI",
    }
    account = {
        "id": gate.subscription,
        "name": "devvault",
        "state": "Enabled",
        "isDefault": True,
        "user": user,
        "tenantId": gate.tenant,
        "homeTenantId": gate.tenant,
        "environmentName": "AzureCloud",
        "managedByTenants": [],
    }
    make_private_folder(folder)
    path = folder / "azureProfile.json"
    if gate.subscription not in _read(path):
        fresh = path.with_suffix(".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="utf-8") as file:
                json.dump({"subscriptions": [account]}, file)
            fresh.replace(path)
        except OSError as error:
            raise Unavailable(f"cannot write {path}: {error.strerror}") from error
    return {"AZURE_CONFIG_DIR": str(folder), "AZURE_CORE_COLLECT_TELEMETRY": "no"}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        return ""


def _texts(members: dict[str, object], name: str) -> dict[str, str]:
    found = members.get(name, {})
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Invalid(f"the member '{name}' must be an object of texts")
    return dict(found)


def _bytes(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid("a member of 'contents' is not base64") from error


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/local/connect"): Route(open_connection, limit=_LIMIT),
    ("POST", "/local/disconnect"): Route(close_connection),
}
