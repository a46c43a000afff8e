from __future__ import annotations

import pytest

from devvault.errors import Conflict, Invalid


def test_the_trail_is_read_in_pages_both_ways(plane):
    for number in range(5):
        plane.set("my-vault", f"s{number}", "v")
    first = plane.get("/local/audit", limit="3")
    assert len(first["records"]) == 3
    assert first["records"][0]["seq"] > first["records"][1]["seq"]
    older = plane.get("/local/audit", limit="3", before=str(first["next"]))
    assert older["records"][0]["seq"] < first["records"][-1]["seq"]
    forward = plane.get("/local/audit", limit="2", after="0")
    assert [item["seq"] for item in forward["records"]] == [1, 2]
    names = {item["operationName"] for item in plane.get("/local/audit")["records"]}
    assert "SecretSet" in names


def test_it_verifies(plane):
    plane.set("my-vault", "a", "v")
    found = plane.post("/local/audit/verify")
    assert found["ok"]
    assert found["problems"] == []
    assert found["checked"] > 0


def test_nothing_to_accept_is_said(plane):
    with pytest.raises(Conflict):
        plane.post("/local/audit/accept-restore")


def test_a_bad_number_is_refused(plane):
    with pytest.raises(Invalid):
        plane.get("/local/audit", limit="-1")
