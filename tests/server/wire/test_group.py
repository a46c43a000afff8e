from __future__ import annotations

from datetime import UTC, datetime

import pytest

from devvault.errors import Invalid
from devvault.model.vault import Group
from devvault.server.wire.group import read_location, show_group


def test_a_group():
    group = Group("Team", "westeurope", datetime(2026, 3, 1, tzinfo=UTC), {"a": "b"})
    assert show_group("s", group) == {
        "id": "/subscriptions/s/resourceGroups/Team",
        "name": "Team",
        "type": "Microsoft.Resources/resourceGroups",
        "location": "westeurope",
        "tags": {"a": "b"},
        "properties": {"provisioningState": "Succeeded"},
    }


@pytest.mark.parametrize("text", ["West Europe", "westeurope", "WESTEUROPE", " west europe "])
def test_a_location_has_one_spelling(text):
    assert read_location({"location": text}) == "westeurope"


def test_no_location():
    assert read_location({}) is None
    with pytest.raises(Invalid):
        read_location({"location": 1})
