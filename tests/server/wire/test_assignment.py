from __future__ import annotations

from devvault.access.roles import built_in, find
from devvault.server.wire.assignment import role_id, show_role


def test_a_role_that_is_shown_is_found_again_by_its_id():
    for role in built_in().values():
        shown = show_role("s", role)
        assert shown["id"] == role_id("s", role.id)
        assert find(shown["id"]) is role
        (permissions,) = shown["properties"]["permissions"]
        assert permissions["dataActions"] == list(role.data_actions)
        assert permissions["notActions"] == list(role.not_actions)
