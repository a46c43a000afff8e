"""What a new home holds from its first moment: who its developer is, a group, and her two roles.

In Azure the creator of a vault has no data access until a role is given. Here the developer gets
`Key Vault Administrator`, as a plain assignment that everybody can see and take away.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from devvault.access.rbac import Assignment
from devvault.access.roles import find
from devvault.model.names import fold, subscription_scope
from devvault.model.vault import Group
from devvault.store.base import Writing
from devvault.vault.codecs import pack_assignment, pack_group
from devvault.vault.opened import Facts
from devvault.vault.records import ASSIGNMENT, GROUP, HOME, Records

DEFAULT_GROUP = "devvault"
DEFAULT_LOCATION = "westeurope"
DEVELOPER_ROLES = ("Owner", "Key Vault Administrator")


def new_facts(user: str) -> Facts:
    """Return ids of its own for a new home."""
    tenant, subscription, developer = (str(uuid.uuid4()) for _ in range(3))
    return Facts(tenant, subscription, developer, f"{user}@devvault.local")


def furnish(writing: Writing, records: Records, facts: Facts, now: datetime) -> None:
    """Write a new home's first records."""
    writing.put(records.seal(HOME, "", "home", facts.to_body()))
    group = Group(DEFAULT_GROUP, DEFAULT_LOCATION, now)
    writing.put(records.seal(GROUP, "", fold(group.name), pack_group(group)))
    for name in DEVELOPER_ROLES:
        role = find(name)
        assert role is not None
        made = Assignment(
            str(uuid.uuid4()),
            role.id,
            facts.developer,
            "User",
            subscription_scope(facts.subscription),
            now,
            facts.developer,
        )
        writing.put(records.seal(ASSIGNMENT, "", made.id, pack_assignment(made)))
