from __future__ import annotations

import os
import socket
import stat

import pytest

from devvault.daemon.lockfile import DaemonLock, read_facts
from devvault.errors import Conflict, Unavailable, WrongUse
from devvault.paths import Home


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def test_a_second_one_is_refused_and_told_who_holds_it(home):
    lock = DaemonLock.take(home)
    lock.write_facts({"pid": 4711})
    with pytest.raises(Conflict, match=r"already running \(pid 4711\)") as caught:
        DaemonLock.take(home)
    assert caught.value.code == "AlreadyRunning"
    lock.release()
    DaemonLock.take(home).release()


def test_a_dead_daemons_socket_is_replaced(home):
    DaemonLock.take(home).release()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(home.socket))
    lock = DaemonLock.take(home)
    listener = lock.bind()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(home.socket))
    facts = home.socket.lstat()
    assert stat.S_ISSOCK(facts.st_mode)
    assert stat.S_IMODE(facts.st_mode) == 0o600
    assert stat.S_IMODE(home.run.stat().st_mode) == 0o700
    listener.close()
    lock.release()
    assert not home.socket.exists()


def test_a_long_path_gets_a_short_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    home = Home(tmp_path / ("x" * 120) / "home")
    lock = DaemonLock.take(home)
    listener = lock.bind()
    try:
        assert len(os.fsencode(home.socket)) < 100
        assert stat.S_IMODE(home.socket.parent.stat().st_mode) == 0o700
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(home.socket))
    finally:
        listener.close()
        lock.release()
        home.socket.parent.rmdir()


def test_a_short_folder_that_others_reach_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "r")[:59])
    home = Home(tmp_path / ("x" * 120) / "home")
    home.socket.parent.mkdir(parents=True, mode=0o755)
    home.socket.parent.chmod(0o755)
    lock = DaemonLock.take(home)
    with pytest.raises(WrongUse, match="can be read by other users"):
        lock.bind()
    lock.release()
    home.socket.parent.rmdir()


def test_facts_are_private_and_bad_ones_are_none(home):
    lock = DaemonLock.take(home)
    lock.write_facts({"pid": 1})
    assert stat.S_IMODE(home.facts.stat().st_mode) == 0o600
    assert read_facts(home) == {"pid": 1}
    home.facts.write_text("{")
    assert read_facts(home) == {}
    home.facts.write_text("[]")
    assert read_facts(home) == {}
    lock.release()
    assert read_facts(home) == {}


def test_a_home_that_others_can_read_is_refused(home):
    home.root.mkdir(mode=0o755)
    home.root.chmod(0o755)
    with pytest.raises(WrongUse, match="can be read by other users"):
        DaemonLock.take(home)


def test_a_lock_that_is_a_link_is_refused(home, tmp_path):
    home.run.mkdir(parents=True, mode=0o700)
    home.root.chmod(0o700)
    home.lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable, match="cannot write in"):
        DaemonLock.take(home)
