from __future__ import annotations

import json
from datetime import timedelta

import pytest

from devvault.errors import Invalid, Locked
from devvault.server.local.base import Ask
from devvault.server.local.routes import ROUTES
from devvault.vault import fingerprints, secrets, upkeep

VALUE = "s3cret-value-1"


def body(*texts, folder="/app", check=""):
    parts = [folder.encode() + b"\0" + check.encode() + b"\0"]
    for number, text in enumerate(texts):
        data = text if isinstance(text, bytes) else text.encode()
        parts.append(b"%d\0%d\0%b" % (number, len(data), data))
    return b"".join(parts)


def ask(plane, *texts, **more):
    reply = ROUTES["POST", "/local/scan"].handle(plane.plane, Ask({}, body(*texts, **more)))
    return json.loads(reply.body)


def records(plane):
    gate, caller = plane.plane.gate(), plane.plane.developer()
    gate.store.flush()
    found = upkeep.read_audit(gate, caller, limit=100)
    return [record for _, record in found if record.operation == "CheckScan"]


def test_a_value_is_found_where_it_stands_and_not_repeated(plane):
    version = plane.set("my-vault", "db", VALUE)
    found = ask(plane, "nothing here", f"x\ny = {VALUE}\n")
    assert found["complete"]
    assert found["values"] == 1
    assert found["findings"] == [
        {
            "name": 1,
            "line": 2,
            "column": 5,
            "start": 6,
            "end": 20,
            "vault": "my-vault",
            "secret": "db",
            "version": version,
            "state": "",
            "form": "",
            "part": "",
        }
    ]
    assert "s3cret" not in json.dumps(found)


def test_a_folder_sees_its_own_vaults_alone(plane):
    plane.set("my-vault", "db", VALUE)
    found = ask(plane, VALUE, folder="/elsewhere")
    assert (found["findings"], found["values"]) == ([], 0)


def test_older_versions_and_deleted_secrets_are_known(plane):
    plane.set("my-vault", "db", "an-0lder-value-x")
    plane.set("my-vault", "db", VALUE)
    plane.set("my-vault", "gone", "g0ne-for-ever-77")
    secrets.delete_secret(plane.plane.gate(), plane.plane.developer(), "my-vault", "gone")
    found = ask(plane, f"{VALUE}\nan-0lder-value-x\ng0ne-for-ever-77\n")["findings"]
    assert [(one["line"], one["secret"], one["state"]) for one in found] == [
        (1, "db", ""),
        (2, "db", "an older version"),
        (3, "gone", "deleted"),
    ]


def test_a_check_is_recorded_once_and_names_its_vaults(plane):
    plane.set("my-vault", "db", VALUE)
    first = ask(plane, "a")
    again = ask(plane, VALUE, check=first["check"])
    assert again["check"] == first["check"]
    assert len(again["findings"]) == 1
    (record,) = records(plane)
    assert record.extra == {"vaults": "my-vault", "folder": "/app"}
    ask(plane, "a", check="made-up")
    ask(plane, "a", check=first["check"], folder="/elsewhere")
    assert len(records(plane)) == 3


def test_a_new_value_is_known_at_once(plane):
    plane.set("my-vault", "db", VALUE)
    first = ask(plane, "n3w-value-of-it")
    plane.set("my-vault", "db", "n3w-value-of-it")
    assert len(ask(plane, "n3w-value-of-it", check=first["check"])["findings"]) == 1


def test_nothing_is_kept_for_long_or_over_a_lock(plane):
    plane.set("my-vault", "db", VALUE)
    gate = plane.plane.gate()
    check = ask(plane, "a")["check"]
    assert gate.fingerprints is not None
    plane.keeper.clock.move(timedelta(minutes=9))
    assert not fingerprints.drop_idle(gate)
    ask(plane, "a", check=check)
    plane.keeper.clock.move(timedelta(minutes=9))
    assert not fingerprints.drop_idle(gate)
    plane.keeper.clock.move(timedelta(minutes=2))
    assert fingerprints.drop_idle(gate)
    assert gate.fingerprints is None
    ask(plane, "a")
    plane.keeper.lock()
    assert gate.fingerprints is None
    with pytest.raises(Locked):
        ask(plane, "a")


def test_it_stops_at_a_number_and_says_so(plane, monkeypatch):
    monkeypatch.setattr(fingerprints, "VALUES_LIMIT", 3)
    for number in range(3):
        plane.set("my-vault", f"s{number}", f"vAl7e-n0-{number}-xYz")
        plane.keeper.clock.move(timedelta(seconds=2))
    assert ask(plane, "a")["complete"]
    plane.set("my-vault", "s0", "the-n3west-of-all")
    found = ask(plane, "vAl7e-n0-0-xYz\nvAl7e-n0-1-xYz\nthe-n3west-of-all\n")
    assert (found["complete"], found["values"]) == (False, 3)
    assert [one["line"] for one in found["findings"]] == [2, 3]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"/app",
        b"/app\0",
        b"/app\0\0x",
        b"/app\0\0000\0",
        b"/app\0\0000\0009\0abc",
        b"/app\0\0x\0001\0a",
        b"app\0\0",
        b"/app/../etc\0\0",
        b"/app\0\0000\0-1\0a",
    ],
)
def test_bad_bodies_are_refused(plane, data):
    with pytest.raises(Invalid):
        ROUTES["POST", "/local/scan"].handle(plane.plane, Ask({}, data))


def test_no_value_is_in_a_repr(plane):
    plane.set("my-vault", "db", VALUE)
    ask(plane, "a")
    kept = plane.plane.gate().fingerprints
    assert VALUE not in repr(kept.made)
    assert VALUE not in repr(vars(fingerprints)) + repr(kept)
