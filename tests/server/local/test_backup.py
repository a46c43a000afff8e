from __future__ import annotations

import json
from functools import partial

import pytest

from devvault.config import Config
from devvault.daemon.build import build_keeper, choose_source
from devvault.errors import Conflict, DevvaultError, Invalid, Locked, NotFound
from devvault.paths import Home
from devvault.server.local.base import Ask, Plane, Stream
from devvault.server.local.routes import ROUTES
from devvault.vault import secrets


class Pieces:
    def __init__(self) -> None:
        self.data = b""

    def put(self, data: bytes) -> None:
        self.data += data

    offer = put


def saved(plane, **members: object) -> bytes:
    answer = plane.raw("POST", "/local/backup", json.dumps(members).encode())
    assert isinstance(answer, Stream)
    pieces = Pieces()
    answer.produce(pieces)
    return pieces.data


@pytest.fixture
def other(tmp_path, plane):
    home = Home(tmp_path / "other")
    keeper = build_keeper(home, Config, plane.keeper.clock)
    made = Plane(
        keeper, Config, partial(choose_source, home, Config), lambda: None, "1", plane.plane.started
    )
    yield made
    keeper.close()


def restore(to: Plane, data: bytes, size: int = 1000, **members: object) -> dict:
    whole = json.dumps({"key_source": "file", **members}).encode() + b"\n" + data
    chunks = iter([whole[at : at + size] for at in range(0, len(whole), size)])
    found = ROUTES["POST", "/local/restore"].handle(to, Ask({}, chunks=chunks))
    return json.loads(found.body)


def test_a_home_goes_out_and_comes_in(plane, other):
    plane.set("my-vault", "db", "value-1")
    data = saved(plane, passphrase="correct horse")
    assert b"value-1" not in data
    found = restore(other, data, bundle_passphrase="correct horse")
    assert found["vaults"] == ["my-vault"]
    got = secrets.get_secret(other.gate(), other.developer(), "my-vault", "db")
    assert got.value == "value-1"


def test_by_recovery_key_and_in_tiny_pieces(plane, other):
    key = plane.post("/local/recovery/add")["recovery_key"]
    data = saved(plane, recovery=True)
    restore(other, data, size=7, bundle_recovery=key)
    assert other.keeper.state == "unlocked"


def test_without_a_recovery_key_there_is_no_backup_under_it(plane):
    with pytest.raises(NotFound):
        plane.post("/local/backup", recovery=True)


@pytest.mark.parametrize("members", [{}, {"passphrase": "x", "recovery": True}])
def test_exactly_one_seal_is_named(plane, members):
    with pytest.raises(Invalid):
        plane.post("/local/backup", **members)


def test_a_wrong_passphrase_or_a_cut_file_makes_no_home(plane, other):
    data = saved(plane, passphrase="correct horse")
    with pytest.raises(Locked):
        restore(other, data, bundle_passphrase="wrong")
    with pytest.raises(DevvaultError):
        restore(other, data[:-40], bundle_passphrase="correct horse")
    assert other.keeper.state == "new"


def test_never_over_a_home(plane):
    data = saved(plane, passphrase="correct horse")
    with pytest.raises(Conflict):
        restore(plane.plane, data, bundle_passphrase="correct horse")


def test_what_does_not_begin_with_a_line_is_refused(other):
    with pytest.raises(Invalid):
        ROUTES["POST", "/local/restore"].handle(other, Ask({}, chunks=iter([b"x" * 70_000])))
    with pytest.raises(Invalid):
        restore(other, b"")
