"""User-assigned identities: create, read, list, delete. Each is a principal of the home."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace

from devvault.access.principals import SERVICE, Caller, Principal
from devvault.errors import Conflict, Invalid, NotFound
from devvault.model import operations as op
from devvault.model.app import IDENTITY_TYPE, Identity, check_identity_name, identity_scope
from devvault.model.attributes import NO_TAGS, check_tags
from devvault.model.names import fold, group_scope, subscription_scope
from devvault.store.base import Reading, Writing
from devvault.vault.codecs import pack_identity, unpack_identity
from devvault.vault.credentials import drop_credentials
from devvault.vault.gate import Gate, Target
from devvault.vault.grouped import Grouped
from devvault.vault.groups import find_group
from devvault.vault.principals import (
    check_no_word,
    drop_principal,
    find_principal,
    is_guid,
    write_principal,
)
from devvault.vault.records import IDENTITY

_IDENTITIES = Grouped(IDENTITY, pack_identity, unpack_identity)


def put_identity(
    gate: Gate,
    caller: Caller,
    group: str,
    name: str,
    location: str = "",
    tags: Mapping[str, str] = NO_TAGS,
    *,
    appid: str = "",
) -> Identity:
    """Create a user-assigned identity, or replace the tags of the one that is there.

    `appid` is the client id that a new one is to have: what an app asks for in the cloud, say.

    Raises:
        Invalid: the name is none, or the client id is no GUID.
        Conflict: it has another client id already, or somebody else has that one.
        NotFound: `ResourceGroupNotFound`.
    """
    check_identity_name(name)
    check_no_word(name)
    appid = fold(appid)
    if appid and not is_guid(appid):
        raise Invalid("a client id must be a GUID", code="InvalidParameter")
    target = Target(identity_scope(gate.subscription, group, name))

    def act(writing: Writing) -> Identity:
        within = find_group(gate, writing, group)
        old = _IDENTITIES.find(gate, writing, group, name)
        if appid and (old is None or old.appid != appid):
            _check_free(gate, writing, old, appid)
        if old is not None:
            made = replace(old, tags=check_tags(tags))
        else:
            made = Identity(
                name,
                within.name,
                location or within.location,
                str(uuid.uuid4()),
                appid or str(uuid.uuid4()),
                gate.clock.now(),
                check_tags(tags),
            )
            id = identity_scope(gate.subscription, made.group, name)
            write_principal(gate, writing, Principal(made.oid, name, SERVICE, made.appid, id))
        _IDENTITIES.put(gate, writing, made)
        return made

    return gate.change_access(caller, op.PUT_IDENTITY, target, act)


def get_identity(gate: Gate, caller: Caller, group: str, name: str) -> Identity:
    """Return a user-assigned identity.

    Raises:
        NotFound: `ResourceNotFound`.
    """
    target = Target(identity_scope(gate.subscription, group, name))

    def act(reading: Reading) -> Identity:
        found = _IDENTITIES.find(gate, reading, group, name)
        if found is None:
            raise NotFound(
                f"The Resource '{IDENTITY_TYPE}/{name}' under resource group '{group}' was not"
                " found.",
                hint=f"devvault identity create --name {name}",
            )
        return found

    return gate.read(caller, op.GET_IDENTITY, target, act)


def list_identities(gate: Gate, caller: Caller, group: str = "") -> tuple[Identity, ...]:
    """Return every user-assigned identity, or those of a group."""
    root = group_scope(gate.subscription, group) if group else subscription_scope(gate.subscription)

    return gate.read(
        caller,
        op.LIST_IDENTITIES,
        Target(root),
        lambda reading: _IDENTITIES.listed(gate, reading, group),
    )


def delete_identity(gate: Gate, caller: Caller, group: str, name: str) -> bool:
    """Delete a user-assigned identity; its tokens and credentials are worthless at once.

    Returns whether there was one. Its role assignments stay, as in Azure, and help nobody.
    """
    target = Target(identity_scope(gate.subscription, group, name))

    def act(writing: Writing) -> bool:
        found = _IDENTITIES.find(gate, writing, group, name)
        if found is None:
            return False
        _drop(writing, found)
        return True

    gone = gate.change_access(caller, op.DELETE_IDENTITY, target, act)
    gate.secure_point()
    return gone


def drop_identities(gate: Gate, writing: Writing, group: str) -> None:
    """Drop all of a group that is being deleted, inside its transaction."""
    for found in _IDENTITIES.of(gate, writing, group):
        _drop(writing, found)


def _check_free(gate: Gate, writing: Writing, old: Identity | None, appid: str) -> None:
    if old is not None:
        raise Conflict(f"the identity {old.name} has the client id {old.appid} already")
    known = find_principal(gate, appid, gate.directory.read(writing))
    if known is not None:
        raise Conflict(f"{known.name} has the id {appid} already")


def _drop(writing: Writing, identity: Identity) -> None:
    _IDENTITIES.drop(writing, identity)
    drop_principal(writing, identity.oid)
    drop_credentials(writing, identity.oid)
