"""The full command's way to the daemon, where that is on its way out."""

from __future__ import annotations

import pytest

from devvault.cli import run
from devvault.errors import Unavailable
from devvault.paths import Home
from tests.client.peer import Peer, reply


@pytest.fixture
def home(tmp_path, monkeypatch):
    made = Home(tmp_path / "h")
    made.root.mkdir(0o700)
    made.database.touch(0o600)
    monkeypatch.setattr(run, "start", lambda home: None)
    return made


def test_a_daemon_that_hangs_up_is_followed_by_another(home):
    peer = Peer(home.socket, [b"", reply(b"the answer")])
    assert (
        run._answer(home, b"the question", run.Ears(wanted=False), may_ask=False) == b"the answer"
    )
    assert len(peer.requests) == 2
    peer.close()


def test_one_that_hangs_up_again_is_told(home):
    peer = Peer(home.socket, [b"", b""])
    with pytest.raises(Unavailable, match="was cut off"):
        run._answer(home, b"the question", run.Ears(wanted=False), may_ask=False)
    peer.close()
