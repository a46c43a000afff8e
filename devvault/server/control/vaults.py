"""Vaults, deleted vaults, and the list of resources that az looks a vault up in."""

from __future__ import annotations

import re
from dataclasses import replace

from devvault.access.policies import (
    add_policies,
    check_policies,
    remove_policies,
    replace_policies,
)
from devvault.errors import Invalid
from devvault.model.vault import Vault
from devvault.server.paging import list_reply
from devvault.server.reply import Reply, Request, json_reply
from devvault.server.wire.fields import Body, member, one_of, read_body, required_text
from devvault.server.wire.vault import (
    VAULT_TYPE,
    read_policies,
    read_spec,
    show_deleted,
    show_policies,
    show_resource,
    show_vault,
)
from devvault.vault import vaults
from devvault.vault.gate import Gate
from devvault.vault.policies import change_policies
from devvault.vault.vaults import VaultSpec

# From this version on a new vault is under RBAC by itself (specification: access, section 1).
_RBAC_SINCE = "2026-02-01"

_JOINS = {"add": add_policies, "replace": replace_policies, "remove": remove_policies}
_FILTER = re.compile(
    r"resourceType\s+eq\s+'(?P<type>[^']+)'(?:\s+and\s+name\s+eq\s+'(?P<name>[^']*)')?",
    re.IGNORECASE,
)


def put_vault(request: Request, gate: Gate, _subscription: str, group: str, name: str) -> Reply:
    """PUT .../vaults/{name}; `createMode: recover` brings a deleted one back."""
    body = read_body(request.body)
    if one_of(member(body, "properties"), "createMode", "default", "recover") == "recover":
        return json_reply(200, show_vault(vaults.recover_vault(gate, request.caller, name)))
    spec = _read(gate, group, name, body)
    # Before this version of the API a new vault had access policies; an update never changes it.
    older = request.query["api-version"][:10] < _RBAC_SINCE
    if spec.rbac is None and older and gate.find_vault(name) is None:
        spec = replace(spec, rbac=False)
    return json_reply(200, show_vault(vaults.create_vault(gate, request.caller, spec)))


def patch_vault(request: Request, gate: Gate, _subscription: str, group: str, name: str) -> Reply:
    """PATCH .../vaults/{name}."""
    spec = _read(gate, group, name, read_body(request.body))
    return json_reply(200, show_vault(vaults.update_vault(gate, request.caller, spec)))


def put_policies(
    request: Request, gate: Gate, _subscription: str, group: str, name: str, how: str
) -> Reply:
    """PUT .../vaults/{name}/accessPolicies/{add|replace|remove}."""
    join = _JOINS.get(how.lower())
    if join is None:
        raise Invalid(f"'{how}' is none of add, replace, remove.")
    given = read_policies(read_body(request.body))
    check_policies(given, gate.tenant)
    vault = change_policies(gate, request.caller, name, group, lambda old: join(old, given))
    return json_reply(200, show_policies(vault))


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
    return list_reply(request, found, show_vault, _name)


def list_vaults(request: Request, gate: Gate, _subscription: str) -> Reply:
    """GET .../providers/Microsoft.KeyVault/vaults."""
    found = vaults.list_vaults(gate, request.caller)
    return list_reply(request, found, show_vault, _name)


def list_resources(request: Request, gate: Gate, _subscription: str) -> Reply:
    """GET .../resources?$filter=...: vaults are the only resources of a home."""
    asked = _FILTER.fullmatch(request.query.get("$filter", "").strip())
    if asked is None and request.query.get("$filter"):
        raise Invalid(
            "The filter is not one that devvault knows.", code="InvalidFilterInQueryString"
        )
    found = vaults.list_vaults(gate, request.caller)
    name = asked["name"] if asked else None
    chosen = [
        vault
        for vault in found
        if (asked is None or asked["type"].lower() == VAULT_TYPE.lower())
        and (name is None or vault.name.lower() == name.lower())
    ]
    return list_reply(request, chosen, show_resource, _name)


def list_deleted(request: Request, gate: Gate, _subscription: str) -> Reply:
    """GET .../deletedVaults."""
    found = vaults.list_deleted_vaults(gate, request.caller)
    return list_reply(request, found, show_deleted, _name)


def list_no_hsms(_request: Request, _gate: Gate, _subscription: str) -> Reply:
    """GET .../managedHSMs and .../deletedManagedHSMs: az asks whenever it lists vaults."""
    return json_reply(200, {"value": []})


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


def _read(gate: Gate, group: str, name: str, body: Body) -> VaultSpec:
    spec = read_spec(group, name, body)
    if spec.policies is not None:
        check_policies(spec.policies, gate.tenant)
    return spec


def _name(vault: Vault) -> str:
    return vault.name
