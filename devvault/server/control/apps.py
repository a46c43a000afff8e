"""Apps of App Service, as far as a vault is concerned with them: identity and settings."""

from __future__ import annotations

from functools import partial

from devvault.errors import NotFound
from devvault.model.app import APP_TYPE, App, app_scope, check_app_name
from devvault.server.paging import list_reply
from devvault.server.reply import Reply, Request, json_reply
from devvault.server.wire.app import read_app, read_settings, show_app, show_settings
from devvault.server.wire.fields import read_body
from devvault.vault import apps, groups
from devvault.vault.gate import Gate

# Commands of az that look for an app before they change it; here they make it.
_MAKING = frozenset({"webapp identity assign", "webapp config appsettings set"})


def put_app(request: Request, gate: Gate, _subscription: str, group: str, name: str) -> Reply:
    """PUT or PATCH .../sites/{name}; one that is not there is made."""
    spec = read_app(group, name, read_body(request.body))
    return json_reply(200, show_app(gate, apps.put_app(gate, request.caller, spec)))


def get_app(request: Request, gate: Gate, _subscription: str, group: str, name: str) -> Reply:
    """GET .../sites/{name}.

    az asks for an app before it assigns it an identity; it is shown one that its next request
    makes, since there is no other way to have one here.
    """
    try:
        found = apps.get_app(gate, request.caller, group, name)
    except NotFound as error:
        if error.code != NotFound.code or request.headers.get("commandname") not in _MAKING:
            raise
        within = groups.get_group(gate, request.caller, group)
        check_app_name(name)
        found = App(name, within.name, within.location, gate.clock.now())
    return json_reply(200, show_app(gate, found))


def delete_app(request: Request, gate: Gate, _subscription: str, group: str, name: str) -> Reply:
    """DELETE .../sites/{name}; 204 where there was none."""
    return Reply(200 if apps.delete_app(gate, request.caller, group, name) else 204)


def list_apps(request: Request, gate: Gate, _subscription: str, group: str = "") -> Reply:
    """GET .../sites, of the subscription or of a group."""
    found = apps.list_apps(gate, request.caller, group)
    return list_reply(
        request, found, partial(show_app, gate), lambda app: f"{app.name}/{app.group}"
    )


def list_settings(request: Request, gate: Gate, _subscription: str, group: str, name: str) -> Reply:
    """POST .../sites/{name}/config/appsettings/list."""
    found = apps.get_settings(gate, request.caller, group, name)
    return json_reply(200, show_settings(gate, group, name, dict(found)))


def put_settings(request: Request, gate: Gate, _subscription: str, group: str, name: str) -> Reply:
    """PUT .../sites/{name}/config/appsettings: all of them."""
    given = read_settings(read_body(request.body))
    kept = apps.put_settings(gate, request.caller, group, name, given)
    return json_reply(200, show_settings(gate, group, name, dict(kept)))


def get_config(
    request: Request, gate: Gate, _subscription: str, group: str, name: str, what: str
) -> Reply:
    """GET .../sites/{name}/config/{web|slotConfigNames}: az wants both; there are no slots here."""
    app = apps.get_app(gate, request.caller, group, name)
    names: dict[str, dict[str, list[str]]] = {
        "web": {},
        "slotconfignames": {"appSettingNames": []},
    }
    if what.lower() not in names:
        raise NotFound(f"The resource at {request.path} was not found.")
    return json_reply(
        200,
        {
            "id": f"{app_scope(gate.subscription, app.group, app.name)}/config/{what}",
            "name": what,
            "type": f"{APP_TYPE}/config",
            "properties": names[what.lower()],
        },
    )
