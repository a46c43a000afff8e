"""Principals and their client secrets over the socket: for the words that az asks a directory."""

from __future__ import annotations

from datetime import UTC, datetime

from devvault.access.principals import Principal
from devvault.errors import Invalid
from devvault.model import operations as op
from devvault.server.local.base import Ask, Plane, Route, flag, text
from devvault.server.reply import Reply, json_reply
from devvault.vault import credentials
from devvault.vault.credentials import Credential
from devvault.vault.gate import Gate, Target
from devvault.vault.principals import (
    delete_principal,
    get_principal,
    list_principals,
    members_of,
    put_member,
    register_named,
)


def show(plane: Plane, ask: Ask) -> Reply:
    """List every principal, or say who is meant by `name`: an id, a name, `me`."""
    gate = plane.gate()
    word = ask.query.get("name")

    def act(_reading: object) -> tuple[Principal, ...]:
        return list_principals(gate) if word is None else (get_principal(gate, word),)

    target = Target(f"/devvault/homes/{gate.home}")
    found = gate.read(plane.developer(), op.LIST_PRINCIPALS, target, act)
    return json_reply(200, {"principals": [_shown(gate, who) for who in found]})


def register(plane: Plane, ask: Ask) -> Reply:
    """Register a user or a group by name; one of that name is returned as it is."""
    members = ask.members()
    gate = plane.gate()
    name, kind = text(members, "name"), text(members, "type")
    found = register_named(gate, plane.developer(), name, kind)
    return json_reply(200, {"principals": [_shown(gate, found)]})


def show_members(plane: Plane, ask: Ask) -> Reply:
    """List who is in a group."""
    gate = plane.gate()
    group = get_principal(gate, text(ask.members(), "group"))
    target = Target(f"/devvault/homes/{gate.home}")
    found = gate.read(
        plane.developer(), op.LIST_PRINCIPALS, target, lambda _reading: members_of(gate, group)
    )
    return json_reply(200, {"principals": [_shown(gate, who) for who in found]})


def change_member(plane: Plane, ask: Ask) -> Reply:
    """Put somebody into a group, or take her out."""
    members = ask.members()
    gate = plane.gate()
    group = get_principal(gate, text(members, "group"))
    member = get_principal(gate, text(members, "member"))
    present = flag(members, "present")
    changed = put_member(gate, plane.developer(), group, member, present=present)
    return json_reply(200, {"changed": changed})


def forget(plane: Plane, ask: Ask) -> Reply:
    """Forget a principal that was registered."""
    gate = plane.gate()
    delete_principal(gate, plane.developer(), get_principal(gate, text(ask.members(), "name")))
    return json_reply(200, {})


def create(plane: Plane, ask: Ask) -> Reply:
    """Give a service principal a client secret; it is shown here and nowhere else."""
    members = ask.members()
    gate = plane.gate()
    who = get_principal(gate, text(members, "name"))
    made = credentials.create_credential(gate, plane.developer(), who, _expiry(members))
    return json_reply(
        200, {**_shown(gate, who), **_facts(made.credential), "password": made.secret}
    )


def show_credentials(plane: Plane, ask: Ask) -> Reply:
    """List a principal's client secrets, without them."""
    gate = plane.gate()
    who = get_principal(gate, text(ask.members(), "name"))
    found = credentials.list_credentials(gate, plane.developer(), who)
    return json_reply(200, {"credentials": [_facts(item) for item in found]})


def delete(plane: Plane, ask: Ask) -> Reply:
    """Make one client secret worthless."""
    members = ask.members()
    gate = plane.gate()
    who = get_principal(gate, text(members, "name"))
    credentials.delete_credential(gate, plane.developer(), who, text(members, "id"))
    return json_reply(200, {})


def _shown(gate: Gate, who: Principal) -> dict[str, object]:
    return {
        "id": who.oid,
        "name": who.name,
        "type": who.kind,
        "appId": who.appid,
        "resourceId": who.resource_id,
        "tenant": gate.tenant,
        "developer": who.oid == gate.developer.oid,
    }


def _facts(credential: Credential) -> dict[str, object]:
    return {
        "keyId": credential.id,
        "hint": credential.hint,
        "startDateTime": int(credential.created.timestamp()),
        "endDateTime": int(credential.expires.timestamp()),
    }


def _expiry(members: dict[str, object]) -> datetime | None:
    given = members.get("expires")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or not 0 < given < 2**37:
        raise Invalid("the member 'expires' must be seconds since 1970")
    return datetime.fromtimestamp(given, UTC)


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/local/principals"): Route(show, quick=True),
    ("POST", "/local/principals"): Route(register),
    ("POST", "/local/principals/delete"): Route(forget),
    ("POST", "/local/members"): Route(change_member),
    ("POST", "/local/members/list"): Route(show_members),
    ("POST", "/local/credentials"): Route(create),
    ("POST", "/local/credentials/list"): Route(show_credentials),
    ("POST", "/local/credentials/delete"): Route(delete),
}
