from __future__ import annotations

import pytest

from devvault.errors import Invalid, NotFound


def test_allow_list_and_take_away(plane):
    found = plane.post("/local/trust", folder="/b", vault="MY-vault")
    assert found == {"folder": "/b", "vault": "my-vault", "exists": True}
    assert {"folder": "/b", "vault": "my-vault"} in plane.get("/local/trust")["trust"]
    plane.post("/local/trust/remove", folder="/b", vault="my-vault")
    with pytest.raises(NotFound):
        plane.post("/local/trust/remove", folder="/b", vault="my-vault")


def test_a_vault_that_is_not_there_yet_may_be_allowed(plane):
    assert plane.post("/local/trust", folder="/b", vault="later-kv")["exists"] is False


@pytest.mark.parametrize(
    "members",
    [{}, {"folder": "/b"}, {"folder": "b", "vault": "my-vault"}, {"folder": "/b", "vault": "?"}],
)
def test_bad_members_are_refused(plane, members):
    with pytest.raises(Invalid):
        plane.post("/local/trust", **members)
