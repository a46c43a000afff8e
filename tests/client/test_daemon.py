import json
import os

import pytest

from devvault import __version__, errors
from devvault.client import daemon
from devvault.paths import Home
from tests.client.peer import Peer, reply


def status(**changes):
    facts = {
        "protocol": 1,
        "version": __version__,
        "pid": os.getpid(),
        "state": "unlocked",
        "key_source": "file",
        "stale": False,
    }
    return reply(json.dumps(facts | changes).encode(), kind="application/json")


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "h")


def test_find_tells_what_runs(home):
    assert daemon.find(home) is None
    peer = Peer(home.socket, [status(state="locked", key_source="passphrase", stale=True)])
    assert daemon.find(home) == daemon.Facts(
        1, __version__, os.getpid(), "locked", "passphrase", stale=True
    )
    peer.close()


def test_a_newer_daemon_serves_an_older_client(home):
    peer = Peer(home.socket, [status(version="999.0.0", protocol=7)])
    assert daemon.ensure(home).version == "999.0.0"
    assert len(peer.requests) == 1
    peer.close()


def test_without_spawn_a_missing_daemon_is_told(home):
    with pytest.raises(errors.Unavailable) as caught:
        daemon.ensure(home, spawn=False)
    assert caught.value.hint == "devvault daemon start"
    assert daemon.stop(home) is False


@pytest.mark.parametrize(
    ("one", "two", "older"),
    [
        ("0.1.0", "0.2.0", True),
        ("0.9.0", "0.10.0", True),
        ("0.10.0", "0.9.0", False),
        ("1.0.0", "1.0.0", False),
        ("0.1.0+local", "0.1.0", False),
        ("", "0.1.0", True),
    ],
)
def test_versions_are_compared_as_numbers(one, two, older):
    assert daemon.is_older(one, two) is older


def test_the_daemons_environment_is_an_allow_list(home):
    kept = daemon.environment(home, {
        "HOME": "/home/u",
        "LC_ALL": "C.UTF-8",
        "XDG_RUNTIME_DIR": "/run/user/1",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/bus",
        "DEVVAULT_KEY_SOURCE": "file",
        "DEVVAULT_HOME": "/elsewhere",
        "DEVVAULT_PASSPHRASE": "hunter2",
        "DEVVAULT_PASSPHRASE_FILE": "/p",
        "PATH": "/evil",
        "PYTHONPATH": "/evil",
        "PYTHONSTARTUP": "/evil",
        "LD_PRELOAD": "/evil.so",
        "SSL_CERT_FILE": "/evil.pem",
        "MY_SECRET": "x",
    })  # fmt: skip
    assert kept == {
        "HOME": "/home/u",
        "LC_ALL": "C.UTF-8",
        "XDG_RUNTIME_DIR": "/run/user/1",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/bus",
        "DEVVAULT_KEY_SOURCE": "file",
        "DEVVAULT_HOME": str(home.root),
        "PATH": daemon._SAFE_PATH,
    }


def test_what_the_start_pipe_says_becomes_the_error():
    told = {"status": 400, "error": {"code": "WrongUse", "message": "no", "hint": "chmod 700 x"}}
    error = daemon._told_error(json.dumps(told).encode())
    assert type(error) is errors.WrongUse
    assert (error.message, error.hint) == ("no", "chmod 700 x")
    for odd in (b"", b"{}", b"[]", b"Traceback", b'{"error": 3}', b'{"error": {}, "status": "x"}'):
        assert daemon._told_error(odd).hint == "devvault daemon run"
