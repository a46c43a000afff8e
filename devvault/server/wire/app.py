"""Identities and apps as Azure Resource Manager shows them, and what a PUT or PATCH asks for."""

from __future__ import annotations

from devvault.errors import Invalid
from devvault.model.app import (
    APP_TYPE,
    IDENTITY_TYPE,
    App,
    Identity,
    app_scope,
    identity_scope,
)
from devvault.server.wire.fields import Body, member, tags, text
from devvault.server.wire.group import read_location
from devvault.vault.apps import AppSpec
from devvault.vault.gate import Gate
from devvault.vault.principals import find_principal

_SYSTEM, _USER, _NONE = "SystemAssigned", "UserAssigned", "None"
_SEPARATOR = ", "


def show_identity(gate: Gate, identity: Identity) -> Body:
    """Return a user-assigned identity."""
    return {
        "id": identity_scope(gate.subscription, identity.group, identity.name),
        "name": identity.name,
        "type": IDENTITY_TYPE,
        "location": identity.location,
        "tags": dict(identity.tags),
        "properties": {
            "tenantId": gate.tenant,
            "principalId": identity.oid,
            "clientId": identity.appid,
        },
    }


def show_app(gate: Gate, app: App) -> Body:
    """Return an app, without its settings."""
    host = f"{app.name.lower()}.azurewebsites.net"
    shown: Body = {
        "id": app_scope(gate.subscription, app.group, app.name),
        "name": app.name,
        "type": APP_TYPE,
        "kind": "app",
        "location": app.location,
        "tags": dict(app.tags),
        "properties": {
            "name": app.name,
            "state": "Running",
            "enabled": True,
            "hostNames": [host],
            "defaultHostName": host,
            "resourceGroup": app.group,
            "sku": "Free",
            "serverFarmId": None,
            "siteConfig": {},
        },
    }
    kinds = [kind for kind, has in ((_SYSTEM, app.oid), (_USER, app.assigned)) if has]
    if kinds:
        identity: Body = {"type": _SEPARATOR.join(kinds)}
        if app.oid:
            identity |= {"principalId": app.oid, "tenantId": gate.tenant}
        if app.assigned:
            identity["userAssignedIdentities"] = {id: _facts(gate, id) for id in app.assigned}
        shown["identity"] = identity
    return shown


def show_settings(gate: Gate, group: str, name: str, settings: Body) -> Body:
    """Return an app's settings, values included."""
    return {
        "id": f"{app_scope(gate.subscription, group, name)}/config/appsettings",
        "name": "appsettings",
        "type": f"{APP_TYPE}/config",
        "properties": dict(settings),
    }


def read_app(group: str, name: str, body: Body) -> AppSpec:
    """Return what a PUT or PATCH of an app asks for.

    Raises:
        Invalid: an identity of a type that there is not.
    """
    has: bool | None = None
    assigned: tuple[str, ...] | None = None
    asked = member(body, "identity")
    if body.get("identity") is not None:
        kinds = {part.strip().lower() for part in (text(asked, "type") or _NONE).split(",")}
        if not kinds <= {_SYSTEM.lower(), _USER.lower(), _NONE.lower()}:
            raise Invalid("The identity type is not valid.", code="BadRequest")
        has = _SYSTEM.lower() in kinds
        named = member(asked, "userAssignedIdentities")
        # Null takes one away.
        kept = [id for id, facts in named.items() if facts is not None]
        assigned = tuple(kept) if _USER.lower() in kinds else ()
    return AppSpec(name, group, read_location(body) or "", has, assigned, tags(body))


def read_settings(body: Body) -> dict[str, str]:
    """Return the settings that a PUT holds.

    Raises:
        Invalid: one of them is no text.
    """
    found = member(body, "properties")
    return {name: text(found, name) or "" for name in found}


def _facts(gate: Gate, id: str) -> Body:
    who = find_principal(gate, id)
    return {} if who is None else {"principalId": who.oid, "clientId": who.appid}
