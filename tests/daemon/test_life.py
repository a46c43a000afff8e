from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devvault.daemon.lockfile import read_facts
from tests.daemon.running import (
    NOBODY,
    START,
    Daemon,
    UnixConnection,
    python_of_nobody,
)
from tests.waiting import LIMIT, wait_for

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_it_starts_new_says_so_and_stops(daemon: Daemon):
    daemon.up()
    found = daemon.ask("GET", "/local/status")
    assert found.status == 200
    assert found.json["state"] == "new"
    assert found.json["protocol"] == 1
    assert found.json["pid"] == daemon.pid
    assert stat.S_IMODE(daemon.home.socket.lstat().st_mode) == 0o600
    assert stat.S_IMODE(daemon.home.run.stat().st_mode) == 0o700
    facts = read_facts(daemon.home)
    assert facts["pid"] == daemon.pid
    assert facts["socket"] == str(daemon.home.socket)
    assert daemon.stop() == 0
    assert not daemon.home.socket.exists()
    assert not daemon.home.facts.exists()
    assert "stopped" in daemon.log


def test_a_new_home_is_told_how_to_begin(daemon: Daemon):
    daemon.up()
    found = daemon.ask("GET", "/local/trust")
    assert found.status == 424
    assert found.json["error"]["code"] == "NoHome"
    assert found.json["error"]["hint"] == "devvault init"


def test_of_two_at_once_one_serves_and_one_says_why_not(daemon: Daemon):
    other = Daemon(daemon.home.root)
    try:
        with ThreadPoolExecutor(2) as pool:
            told = list(pool.map(Daemon.start, (daemon, other)))
        words = [json.loads(word) for word in told if word != b"ready\n"]
        assert told.count(b"ready\n") == 1
        assert words[0]["status"] == 409
        assert words[0]["error"]["code"] == "AlreadyRunning"
        assert "a daemon of this home is already running" in words[0]["error"]["message"]
        served = daemon.ask("GET", "/local/status").json["pid"]
        assert served in (daemon.pid, other.pid)
    finally:
        other.kill()


def test_a_killed_one_leaves_nothing_that_stops_the_next(daemon: Daemon):
    daemon.up()
    daemon.init(vaults=["my-vault"])
    daemon.kill()
    assert daemon.home.socket.exists()
    assert daemon.home.facts.exists()
    daemon.up()
    found = daemon.ask("GET", "/local/status").json
    assert found["pid"] == daemon.pid
    assert found["state"] == "locked"
    assert daemon.ask("GET", "/local/trust").status == 200
    assert daemon.ask("GET", "/local/status").json["state"] == "unlocked"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(daemon: Daemon, number: signal.Signals):
    daemon.up()
    daemon.init()
    os.kill(daemon.pid, number)
    assert daemon.process.wait(LIMIT) == 0
    assert not daemon.home.socket.exists()


def test_a_closed_terminal_does_not_end_it(daemon: Daemon):
    daemon.up()
    os.kill(daemon.pid, signal.SIGHUP)
    assert daemon.ask("GET", "/local/status").status == 200


def test_stop_over_the_socket_answers_first(daemon: Daemon):
    daemon.up()
    assert daemon.ask("POST", "/local/stop").json == {"pid": daemon.pid}
    assert daemon.process.wait(LIMIT) == 0


def test_an_open_idle_connection_does_not_delay_the_end(daemon: Daemon):
    daemon.up()
    connection = UnixConnection(daemon.home.socket)
    connection.request("GET", "/local/status")
    connection.getresponse().read()
    assert daemon.stop() == 0
    connection.close()


@on_linux
def test_the_process_is_clean(daemon: Daemon):
    daemon.environment["EVIL"] = "1"
    daemon.environment["DEVVAULT_PASSPHRASE"] = "hunter2"
    daemon.up()
    daemon.init()
    proc = Path(f"/proc/{daemon.pid}")
    assert os.readlink(proc / "cwd") == "/"
    limits = (proc / "limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    ours = [str(daemon.home.root), "socket:", "anon_inode:", "pipe:", "/dev/null"]

    def others() -> list[str]:
        places = []
        for entry in (proc / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                places.append(os.readlink(entry))
        return [place for place in places if not place.startswith(tuple(ours))]

    wait_for(lambda: not others(), 10.0)  # a module is read for a moment, when it is needed first
    ignored = int(
        next(
            line.split()[1]
            for line in (proc / "status").read_text().splitlines()
            if line.startswith("SigIgn")
        ),
        16,
    )
    assert ignored & (1 << (signal.SIGHUP - 1))
    assert not ignored & (1 << (signal.SIGTERM - 1))


@pytest.fixture
def nobodys(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon of another user, in a folder that she owns."""
    python = python_of_nobody()
    if os.getuid() != 0 or python is None:
        pytest.skip("another user cannot run this installation, or we cannot become one")
    folder = Path(tempfile.mkdtemp(prefix="devvault-test-"))
    os.chown(folder, NOBODY, NOBODY)
    made = Daemon(folder / "home")
    made.user, made.python = NOBODY, python
    yield made
    made.kill()
    shutil.rmtree(folder)


@on_linux
def test_its_memory_is_not_its_users(nobodys: Daemon):
    assert nobodys.start() == b"ready\n"
    # The kernel gives /proc/PID of a process that cannot be dumped to root.
    assert Path(f"/proc/{nobodys.pid}/mem").stat().st_uid == 0
    assert nobodys.home.socket.lstat().st_uid == NOBODY


def test_another_user_is_refused(nobodys: Daemon):
    assert nobodys.start() == b"ready\n"
    # Not even root is answered: the user id decides, whatever the modes let through.
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(LIMIT)
        raw.connect(str(nobodys.home.socket))
        try:
            raw.sendall(b"GET /local/status HTTP/1.1\r\nHost: devvault\r\n\r\n")
            assert raw.recv(100) == b""
        except (BrokenPipeError, ConnectionResetError):
            pass
    wait_for(lambda: "refused a connection of uid 0 (pid" in nobodys.log)


def test_a_home_that_cannot_be_written(nobodys: Daemon):
    nobodys.home.root.mkdir(mode=0o700)
    os.chown(nobodys.home.root, NOBODY, NOBODY)
    nobodys.home.root.chmod(0o500)
    told = json.loads(nobodys.start())
    assert told["error"]["code"] == "Unavailable"
    assert "cannot make the folder" in told["error"]["message"]
    assert told["error"]["hint"]
    assert nobodys.process.wait(LIMIT) == 2


def test_root_is_refused_as_well_as_anybody(nobodys: Daemon):
    nobodys.home.root.mkdir(mode=0o700)
    os.chown(nobodys.home.root, NOBODY, NOBODY)
    nobodys.user, nobodys.python = None, sys.executable
    told = json.loads(nobodys.start())
    assert told["error"]["code"] == "WrongUse"
    assert f"belongs to another user (uid {NOBODY})" in told["error"]["message"]


def test_a_home_with_a_long_path(tmp_path: Path):
    made = Daemon(tmp_path / ("x" * 110) / "home")
    short = made.home.socket.parent
    try:
        made.up()
        assert len(os.fsencode(made.home.socket)) <= 100
        assert read_facts(made.home)["socket"] == str(made.home.socket)
        made.init(vaults=["my-vault"])
        assert made.ask("GET", "/local/status").json["state"] == "unlocked"
        assert made.stop() == 0
    finally:
        made.kill()
        if short != made.home.run:
            short.rmdir()


def test_a_home_that_others_can_read_is_refused(daemon: Daemon):
    daemon.home.root.mkdir(mode=0o755)
    daemon.home.root.chmod(0o755)
    told = json.loads(daemon.start())
    assert told["error"]["code"] == "WrongUse"
    assert told["error"]["hint"].startswith("chmod 700")


def test_a_bad_configuration_is_told_at_the_start(daemon: Daemon):
    daemon.home.root.mkdir(mode=0o700)
    daemon.home.config.write_text("auto-lock = 'x'\n")
    daemon.home.config.chmod(0o600)
    told = json.loads(daemon.start())
    assert told["error"]["code"] == "WrongUse"
    assert "auto-lock must be a number of minutes" in told["error"]["message"]


def test_in_the_foreground_it_tells_stderr(daemon: Daemon):
    daemon.up()
    found = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            START + "sys.exit(main())",
            "--home",
            str(daemon.home.root),
        ],
        env=daemon.environment,
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    assert found.returncode == 1
    assert b"devvault: error: a daemon of this home is already running" in found.stderr
    assert b"devvault: hint: devvault daemon status" in found.stderr


def test_two_hundred_clients_at_once(daemon: Daemon):
    daemon.up()
    daemon.init(vaults=["my-vault"])
    gate = threading.Barrier(200)
    statuses: list[int] = []

    def one(number: int) -> None:
        gate.wait(LIMIT)
        if number % 4:
            statuses.append(daemon.ask("GET", "/local/trust").status)
        else:
            body = {"folder": f"/f{number}", "vault": "my-vault"}
            statuses.append(daemon.ask("POST", "/local/trust", body).status)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT * 2)
    assert statuses == [200] * 200
    kept = daemon.ask("GET", "/local/trust").json["trust"]
    assert len([item for item in kept if item["folder"].startswith("/f")]) == 50


def test_a_socket_that_was_swept_away_does_not_end_it(daemon: Daemon):
    daemon.up()
    daemon.home.socket.unlink()
    assert daemon.stop() == 0


def test_garbage_on_the_socket_is_refused_and_survived(daemon: Daemon):
    daemon.up()
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(LIMIT)
        raw.connect(str(daemon.home.socket))
        raw.sendall(b"\x16\x03\x01garbage\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400")
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(LIMIT)
        raw.connect(str(daemon.home.socket))
        try:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: devvault\r\n" + b"X: " + b"a" * 200_000)
            assert raw.recv(100) == b""
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert daemon.ask("GET", "/local/status").status == 200
    wait_for(lambda: "warning" in daemon.log)
