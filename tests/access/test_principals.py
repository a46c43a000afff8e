from __future__ import annotations

from devvault.access.principals import Caller, Origin

ALICE = Caller("OID", "app", "tenant", "alice", groups=("Crew", ""))


def test_words_are_azures():
    assert ALICE.words == "appid=app;oid=OID;iss=https://sts.windows.net/tenant/"


def test_ids_are_hers_and_her_groups_and_never_empty():
    assert ALICE.ids == {"oid", "crew"}
    assert Caller("", "", "", "", groups=("",)).ids == frozenset()


def test_an_origin_is_put_on_a_copy():
    there = ALICE.at(Origin(address="127.0.0.1"))
    assert there.origin.address == "127.0.0.1"
    assert ALICE.origin == Origin()
    assert there.oid == ALICE.oid
