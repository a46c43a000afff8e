"""Resource groups as Azure Resource Manager shows them, and locations as it spells them."""

from __future__ import annotations

from devvault.model.names import group_scope
from devvault.model.vault import Group
from devvault.server.wire.fields import Body, text


def show_group(subscription: str, group: Group) -> Body:
    """Return a resource group."""
    return {
        "id": group_scope(subscription, group.name),
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": dict(group.tags),
        "properties": {"provisioningState": "Succeeded"},
    }


def read_location(body: Body) -> str | None:
    """Return the location in Azure's short spelling ("West Europe" is `westeurope`), or None."""
    found = text(body, "location")
    return None if found is None else found.replace(" ", "").lower()
