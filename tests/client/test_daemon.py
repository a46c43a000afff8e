import json
import os
import time

import pytest

from devvault import __version__, errors
from devvault.client import daemon, launch
from devvault.daemon.lockfile import DaemonLock
from devvault.paths import Home
from tests.client.peer import Peer, reply
from tests.waiting import LIMIT


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


def test_one_that_hangs_up_is_on_its_way_out_and_another_is_started(home, monkeypatch):
    peer = Peer(home.socket, [b"", status()])
    started = []
    monkeypatch.setattr(daemon, "start", started.append)
    assert daemon.ensure(home).pid == os.getpid()
    assert started == [home]
    peer.close()


def test_without_spawn_a_missing_daemon_is_told(home):
    with pytest.raises(errors.Unavailable) as caught:
        daemon.ensure(home, spawn=False)
    assert caught.value.hint == "devvault daemon start"
    assert daemon.stop(home) is False


def test_stop_waits_for_a_daemon_that_no_longer_answers_but_still_holds_its_lock(home, monkeypatch):
    """It may be closing its store; who removes the folder next must come after that."""
    lock = DaemonLock.take(home)
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            lock.release()

    monkeypatch.setattr(daemon.time, "sleep", sleep)
    assert daemon.stop(home) is False
    assert len(pauses) == 3


def test_stop_goes_on_when_a_closing_daemon_hangs_up(home, monkeypatch):
    """It was told to stop by somebody else, and we came into its queue too late to be heard."""
    peer = Peer(home.socket, [b""])
    read = peer._read

    def closing(connection):
        home.socket.unlink()
        return read(connection)

    monkeypatch.setattr(peer, "_read", closing)
    assert daemon.stop(home) is True
    peer.close()


def test_stop_says_so_when_a_daemon_holds_its_lock_for_ever(home, monkeypatch):
    lock = DaemonLock.take(home)
    monkeypatch.setattr(daemon, "STOP_LIMIT", 0.0)
    with pytest.raises(errors.Unavailable, match="does not stop"):
        daemon.stop(home)
    lock.release()


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


def test_the_daemons_environment_is_an_allow_list():
    kept = launch.environment(b"/h", {
        b"HOME": b"/home/u",
        b"LC_ALL": b"C.UTF-8",
        b"XDG_RUNTIME_DIR": b"/run/user/1",
        b"DBUS_SESSION_BUS_ADDRESS": b"unix:path=/bus",
        b"DEVVAULT_KEY_SOURCE": b"file",
        b"DEVVAULT_HOME": b"/elsewhere",
        b"DEVVAULT_PASSPHRASE": b"hunter2",
        b"DEVVAULT_PASSPHRASE_FILE": b"/p",
        b"DEVVAULT_LC_CTYPE": b"=C",
        b"PATH": b"/evil",
        b"PYTHONPATH": b"/evil",
        b"PYTHONSTARTUP": b"/evil",
        b"LD_PRELOAD": b"/evil.so",
        b"SSL_CERT_FILE": b"/evil.pem",
        b"MY_SECRET": b"x",
    })  # fmt: skip
    assert kept == {
        b"HOME": b"/home/u",
        b"LC_ALL": b"C.UTF-8",
        b"XDG_RUNTIME_DIR": b"/run/user/1",
        b"DBUS_SESSION_BUS_ADDRESS": b"unix:path=/bus",
        b"DEVVAULT_KEY_SOURCE": b"file",
        b"DEVVAULT_HOME": b"/h",
        b"PATH": launch.SAFE_PATH,
    }


def told_by(script, tmp_path):
    """Launch a program in the daemon's place, and return what it tells through the pipe."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    given = {b"LANG": b"C", b"SECRET": b"x"}
    pipe = launch.launch(os.fsencode(program), b"/h", given)
    with os.fdopen(pipe, "rb") as file:
        return file.read().decode().splitlines()


def test_a_launched_process_begins_clean(tmp_path):
    held = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(held, True)
    script = """
exec >&"$5"
echo "$@"
pwd; umask; env | grep -v ^_= | sort
echo $(ls -l /proc/$$/fd | grep -c -v -E "/dev/null|pipe:|/program|total")
ps -o ppid=,sid= -p $$ 2>/dev/null || echo - -
"""
    try:
        lines = told_by(script, tmp_path)
    finally:
        os.close(held)
    fd = lines[0].split()[-1]
    assert lines[0] == f"-I -m devvault.daemon --ready-fd {fd}"
    assert lines[1:3] == ["/", "0077"]
    path = f"PATH={launch.SAFE_PATH.decode()}"
    assert lines[3:7] == ["DEVVAULT_HOME=/h", "LANG=C", path, "PWD=/"]  # the script's own PWD
    assert lines[7] == "0"
    parent, session = lines[8].split()
    assert parent != str(os.getpid())
    assert session != str(os.getsid(0))


def test_the_pipe_ends_with_the_process(tmp_path):
    assert told_by("exit 3", tmp_path) == []
    with pytest.raises(errors.Unavailable) as caught:
        daemon._wait(launch.launch(b"/no/such/program", b"/h", {}), time.monotonic() + LIMIT)
    assert caught.value.hint == "devvault daemon run"


def test_a_start_that_takes_too_long_is_given_up(tmp_path):
    reading, writing = os.pipe()
    with pytest.raises(errors.Unavailable, match="too long"):
        daemon._wait(reading, time.monotonic())
    os.close(writing)


def test_what_the_start_pipe_says_becomes_the_error():
    told = {"status": 400, "error": {"code": "WrongUse", "message": "no", "hint": "chmod 700 x"}}
    error = daemon._told_error(json.dumps(told).encode())
    assert type(error) is errors.WrongUse
    assert (error.message, error.hint) == ("no", "chmod 700 x")
    for odd in (b"", b"{}", b"[]", b"Traceback", b'{"error": 3}', b'{"error": {}, "status": "x"}'):
        assert daemon._told_error(odd).hint == "devvault daemon run"
