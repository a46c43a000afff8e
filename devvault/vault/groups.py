"""Resource groups: create, read, list. Deleting one deletes its vaults, so that is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from devvault.access.principals import Caller
from devvault.errors import Conflict, NotFound
from devvault.model import operations as op
from devvault.model.attributes import NO_TAGS, check_tags
from devvault.model.names import check_group_name, fold, group_scope, subscription_scope
from devvault.model.vault import Group
from devvault.store.base import Reading, Writing
from devvault.vault.codecs import pack_group, unpack_group
from devvault.vault.gate import Gate, Target
from devvault.vault.records import GROUP

_ALL = 10_000


def put_group(
    gate: Gate, caller: Caller, name: str, location: str, tags: Mapping[str, str] = NO_TAGS
) -> Group:
    """Create a resource group, or replace its tags."""
    check_group_name(name)
    target = Target(group_scope(gate.subscription, name))

    def act(writing: Writing) -> Group:
        row = writing.find(GROUP, "", fold(name))
        if row is not None:
            old = unpack_group(gate.records.open(row))
            if location and fold(location) != fold(old.location):
                raise Conflict(
                    f"Invalid resource group location '{location}'. The Resource group already"
                    f" exists in location '{old.location}'.",
                    code="InvalidResourceGroupLocation",
                )
            group = replace(old, tags=check_tags(tags))
        else:
            group = Group(name, location, gate.clock.now(), check_tags(tags))
        writing.put(gate.records.seal(GROUP, "", fold(name), pack_group(group)))
        return group

    return gate.write(caller, op.PUT_GROUP, target, act)


def get_group(gate: Gate, caller: Caller, name: str) -> Group:
    """Return a resource group.

    Raises:
        NotFound: `ResourceGroupNotFound`.
    """
    target = Target(group_scope(gate.subscription, name))
    return gate.read(caller, op.GET_GROUP, target, lambda reading: find_group(gate, reading, name))


def list_groups(gate: Gate, caller: Caller) -> tuple[Group, ...]:
    """Return every resource group, by name."""

    def act(reading: Reading) -> tuple[Group, ...]:
        rows = reading.page(GROUP, "", limit=_ALL)
        return tuple(unpack_group(gate.records.open(row)) for row in rows)

    return gate.read(caller, op.LIST_GROUPS, Target(subscription_scope(gate.subscription)), act)


def find_group(gate: Gate, reading: Reading, name: str) -> Group:
    """Return a group inside a transaction.

    Raises:
        NotFound: `ResourceGroupNotFound`.
    """
    row = reading.find(GROUP, "", fold(name))
    if row is None:
        raise NotFound(
            f"Resource group '{name}' could not be found.",
            code="ResourceGroupNotFound",
            hint=f"devvault group create --name {name} --location westeurope",
        )
    return unpack_group(gate.records.open(row))
