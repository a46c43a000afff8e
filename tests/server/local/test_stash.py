from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from devvault.errors import Invalid, NotFound
from devvault.vault import stash
from devvault.vault.opened import SYSTEM

DATA = b"\xef\xbb\xbfA=" + bytes(range(1, 256)) * 400  # over the limit of a secret


def put(plane, data=DATA, path="/app/.env", after="00", **changes):
    body = {"file": path, "data": base64.b64encode(data).decode(), "after": after}
    return plane.post("/local/stash", **body, changes=changes)["id"]


def opened(plane, path="/app/.env"):
    found = plane.post("/local/stash/open", file=path)
    return found["id"], base64.b64decode(found["data"])


def test_the_newest_comes_back_first(plane):
    first = put(plane, A="@ref")
    plane.keeper.clock.move(timedelta(seconds=1))
    second = put(plane, b"B=1")
    assert opened(plane) == (second, b"B=1")
    plane.post("/local/stash/remove", file="/app/.env", id=second)
    assert opened(plane) == (first, DATA)
    assert plane.post("/local/stash/open", file="/app/.env")["changes"] == {"A": "@ref"}
    plane.post("/local/stash/remove", file="/app/.env", id=first)
    with pytest.raises(NotFound):
        opened(plane)
    with pytest.raises(NotFound):
        plane.post("/local/stash/remove", file="/app/.env", id=first)


def test_paths_are_apart(plane):
    put(plane)
    with pytest.raises(NotFound):
        opened(plane, "/app/.env.local")


def test_it_is_gone_after_thirty_days(plane):
    put(plane)
    gate = plane.plane.gate()
    plane.keeper.clock.move(timedelta(days=29, hours=23))
    assert stash.purge_due(gate, SYSTEM) == 0
    plane.keeper.clock.move(timedelta(hours=2))
    assert stash.purge_due(gate, SYSTEM) == 1
    with pytest.raises(NotFound):
        opened(plane)


def test_nothing_of_it_rests_in_clear(plane):
    put(plane, b"A=quite-a-visible-value\n" * 50)
    plane.plane.gate().store.flush()
    for path in plane.keeper.home.root.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"quite-a-visible" not in data
            assert base64.b64encode(b"quite-a-visible") not in data


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"file": "a", "data": "", "after": ""},
        {"file": "/a", "data": "*", "after": ""},
        {"file": "/a", "data": "", "after": "", "changes": {"A": 1}},
        {"file": "/a", "data": "", "after": "", "changes": []},
    ],
)
def test_bad_members_are_refused(plane, members):
    with pytest.raises(Invalid):
        plane.post("/local/stash", **members)
