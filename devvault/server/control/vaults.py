"""Vaults, deleted vaults, and the list of resources that az looks a vault up in."""

from __future__ import annotations

import re

from devvault.errors import Invalid
from devvault.server.reply import Reply, Request, json_reply
from devvault.server.wire.fields import member, read_body, required_text, text
from devvault.server.wire.vault import (
    VAULT_TYPE,
    read_spec,
    show_deleted,
    show_resource,
    show_vault,
)
from devvault.vault import vaults
from devvault.vault.gate import Gate

_FILTER = re.compile(
    r"resourceType eq '(?P<type>[^']+)'(?: and name eq '(?P<name>[^']*)')?", re.IGNORECASE
)


def put_vault(request: Request, gate: Gate, _subscription: str, group: str, name: str) -> Reply:
    """PUT .../vaults/{name}; `createMode: recover` brings a deleted one back."""
    body = read_body(request.body)
    mode = text(member(body, "properties"), "createMode") or "default"
    if mode.lower() == "recover":
        return json_reply(200, show_vault(vaults.recover_vault(gate, request.caller, name)))
    vault = vaults.create_vault(gate, request.caller, read_spec(group, name, body))
    return json_reply(200, show_vault(vault))


def patch_vault(request: Request, gate: Gate, _subscription: str, group: str, name: str) -> Reply:
    """PATCH .../vaults/{name}."""
    spec = read_spec(group, name, read_body(request.body))
    return json_reply(200, show_vault(vaults.update_vault(gate, request.caller, spec)))


def get_vault(request: Request, gate: Gate, _subscription: str, group: str, name: str) -> Reply:
    """GET .../vaults/{name}."""
    return json_reply(200, show_vault(vaults.get_vault(gate, request.caller, name, group)))


def delete_vault(request: Request, gate: Gate, _subscription: str, group: str, name: str) -> Reply:
    """DELETE .../vaults/{name}."""
    vaults.delete_vault(gate, request.caller, name, group)
    return Reply(200)


def list_in_group(request: Request, gate: Gate, _subscription: str, group: str) -> Reply:
    """GET .../resourceGroups/{group}/providers/Microsoft.KeyVault/vaults."""
    found = vaults.list_vaults(gate, request.caller, group)
    return json_reply(200, {"value": [show_vault(vault) for vault in found]})


def list_vaults(request: Request, gate: Gate, _subscription: str) -> Reply:
    """GET .../providers/Microsoft.KeyVault/vaults."""
    found = vaults.list_vaults(gate, request.caller)
    return json_reply(200, {"value": [show_vault(vault) for vault in found]})


def list_resources(request: Request, gate: Gate, _subscription: str) -> Reply:
    """GET .../resources?$filter=...: vaults are the only resources of a home."""
    asked = _FILTER.fullmatch(request.query.get("$filter", "").strip())
    if asked is None and request.query.get("$filter"):
        raise Invalid(
            "The filter is not one that devvault knows.", code="InvalidFilterInQueryString"
        )
    found = vaults.list_vaults(gate, request.caller)
    name = asked["name"] if asked else None
    shown = [
        show_resource(vault)
        for vault in found
        if (asked is None or asked["type"].lower() == VAULT_TYPE.lower())
        and (name is None or vault.name.lower() == name.lower())
    ]
    return json_reply(200, {"value": shown})


def list_deleted(request: Request, gate: Gate, _subscription: str) -> Reply:
    """GET .../deletedVaults."""
    found = vaults.list_deleted_vaults(gate, request.caller)
    return json_reply(200, {"value": [show_deleted(vault) for vault in found]})


def get_deleted(
    request: Request, gate: Gate, _subscription: str, _location: str, name: str
) -> Reply:
    """GET .../locations/{location}/deletedVaults/{name}."""
    return json_reply(200, show_deleted(vaults.get_deleted_vault(gate, request.caller, name)))


def purge_deleted(
    request: Request, gate: Gate, _subscription: str, _location: str, name: str
) -> Reply:
    """POST .../deletedVaults/{name}/purge: done at once."""
    vaults.purge_vault(gate, request.caller, name)
    return Reply(200)


def check_name(request: Request, gate: Gate, _subscription: str) -> Reply:
    """POST .../checkNameAvailability."""
    name = required_text(read_body(request.body), "name")
    free, reason, message = vaults.check_name(gate, request.caller, name)
    shown: dict[str, object] = {"nameAvailable": free}
    if not free:
        shown |= {"reason": reason, "message": message}
    return json_reply(200, shown)
