from __future__ import annotations

import http.client
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.running import Daemon, env_file, reference
from tests.waiting import LIMIT, wait_for

VALUE = "s3cret-Value-that-must-rest-nowhere"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path / "home").up()
    made.init(name="my-vault", folder="/app")
    made.set("my-vault", "db", VALUE)
    yield made
    made.kill()


def dot_env(*names: str) -> bytes:
    text = "".join(f"{name}={reference('my-vault', 'db')}\n" for name in names)
    return env_file("/app/.env", text.encode())


def test_a_value_arrives_and_rests_nowhere_in_clear(daemon: Daemon, tmp_path: Path):
    made, _, lines = daemon.run("/app", dot_env("DB"))
    assert made == {"DB": VALUE}
    assert lines == []
    daemon.ask("POST", "/local/lock")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 3
    for path in files:
        assert VALUE.encode() not in path.read_bytes(), path
    assert daemon.stop() == 0
    assert VALUE not in daemon.log


def test_a_cloned_folder_gets_no_value_from_any_way(daemon: Daemon):
    made, rest, lines = daemon.run("/cloned", dot_env("DB"))
    assert made == {}
    assert b"X78" in rest
    assert "AccessToKeyVaultDenied" in lines[0]
    assert lines[1] == "devvault: hint: devvault allow my-vault"
    asked = {"folder": "/cloned", "references": {"DB": reference("my-vault", "db")}}
    found = daemon.ask("POST", "/local/resolve", asked).json
    assert found["values"] == {}
    assert found["failures"][0]["hint"] == "devvault allow my-vault"
    raw = VALUE.encode()
    body = b"/cloned\0\0" + b"0\0%d\0" % len(raw) + raw
    assert daemon.ask("POST", "/local/scan", body).json["findings"] == []
    daemon.ask("POST", "/local/trust", {"folder": "/cloned", "vault": "my-vault"})
    assert daemon.run("/cloned", dot_env("DB"))[0] == {"DB": VALUE}


def test_two_hundred_runs_at_once(daemon: Daemon):
    start = threading.Barrier(200)
    found: list[dict[str, str]] = []

    def one() -> None:
        start.wait(LIMIT)
        found.append(daemon.run("/app", dot_env("DB"))[0])

    threads = [threading.Thread(target=one) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT * 2)
    assert found == [{"DB": VALUE}] * 200
    page = daemon.ask("GET", "/local/audit?limit=1000").json["records"]
    assert sum(item["operationName"] == "SecretGet" for item in page) == 200
    assert daemon.ask("POST", "/local/audit/verify").json["ok"]


def test_killed_under_writes_nothing_acknowledged_is_lost(daemon: Daemon):
    acknowledged: list[str] = []
    stop = threading.Event()

    def writer(number: int) -> None:
        for turn in range(1000):
            name = f"w{number}-{turn}"
            try:
                daemon.set("my-vault", name, name)
            except (OSError, AssertionError, http.client.HTTPException):
                return
            acknowledged.append(name)
            if stop.is_set():
                return

    for _ in range(3):
        stop.clear()
        threads = [threading.Thread(target=writer, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        goal = len(acknowledged) + 15
        wait_for(lambda goal=goal: len(acknowledged) >= goal)
        daemon.kill()
        stop.set()
        for thread in threads:
            thread.join(LIMIT)
        daemon.up()
    for name in acknowledged:
        got = daemon.ask("GET", f"/secrets/{name}?api-version=7.4", host="my-vault.vault.azure.net")
        assert got.status == 200, name
        assert got.json["value"] == name
    found = daemon.ask("POST", "/local/audit/verify").json
    assert found["ok"], found["problems"]


def test_a_changed_configuration_is_taken_up(daemon: Daemon):
    secret = env_file("/app/.env", b"DB_PASSWORD=kT9#vQ2mZx7pLw4R\n")
    assert b"X78" in daemon.run("/app", secret)[1]
    daemon.home.config.write_text("plaintext = 'allow'\n")
    daemon.home.config.chmod(0o600)
    assert daemon.run("/app", secret)[0] == {"DB_PASSWORD": "kT9#vQ2mZx7pLw4R"}
    daemon.home.config.write_text("plaintext = 'nonsense'\n")
    assert daemon.run("/app", secret)[0] == {"DB_PASSWORD": "kT9#vQ2mZx7pLw4R"}
    assert "the last one stays" in daemon.log


def test_locked_answers_423_and_a_run_without_references_goes_on(daemon: Daemon):
    daemon.ask("POST", "/local/lock")
    for host in ("devvault", "my-vault.vault.azure.net", "management.azure.com"):
        path = "/local/trust" if host == "devvault" else "/secrets/db?api-version=7.4"
        found = daemon.ask("GET", path, host=host)
        assert found.status == 423
        assert found.json["error"]["hint"] == "devvault unlock"
    assert daemon.run("/app", env_file("/app/.env", b"A=1\n"))[0] == {"A": "1"}
    daemon.kill()
    daemon.up()
    assert daemon.ask("GET", "/local/trust").status == 423
    daemon.ask("POST", "/local/unlock")
    assert daemon.run("/app", dot_env("DB"))[0] == {"DB": VALUE}


def test_a_database_that_is_none_is_told_and_the_daemon_can_be_stopped(daemon: Daemon):
    daemon.stop()
    for path in daemon.home.root.glob("vault.db*"):
        path.unlink()
    daemon.home.database.write_bytes(os.urandom(8192))
    daemon.home.database.chmod(0o600)
    daemon.up()
    found = daemon.ask("GET", "/local/status")
    assert found.status == 422
    assert found.json["error"]["code"] == "Damaged"
    assert daemon.ask("GET", "/local/trust").status == 422
    assert daemon.ask("POST", "/local/stop").status == 200
    assert daemon.process.wait(LIMIT) == 0


def test_a_database_of_a_newer_devvault_is_left_alone(daemon: Daemon):
    daemon.stop()
    with sqlite3.connect(daemon.home.database) as raw:
        raw.execute("PRAGMA user_version = 9999")
    raw.close()
    before = daemon.home.database.read_bytes()
    daemon.up()
    found = daemon.ask("GET", "/local/status")
    assert found.status == 424
    assert "newer devvault" in found.json["error"]["message"]
    daemon.stop()
    assert daemon.home.database.read_bytes() == before


def test_a_lost_key_file_is_told(daemon: Daemon, tmp_path: Path):
    daemon.stop()
    key = tmp_path / "home.key"
    key.rename(tmp_path / "away")
    daemon.up()
    found = daemon.ask("GET", "/local/trust")
    assert found.status in (404, 424)
    assert found.json["error"]["hint"]
    assert daemon.ask("GET", "/local/status").json["state"] == "locked"
    (tmp_path / "away").rename(key)
    assert daemon.ask("GET", "/local/trust").status == 200


def test_an_older_database_is_served_and_takes_no_change(daemon: Daemon):
    daemon.stop()
    old = {path.name: path.read_bytes() for path in daemon.home.root.glob("vault.db*")}
    daemon.up()
    daemon.set("my-vault", "later", "x")
    daemon.stop()
    for path in daemon.home.root.glob("vault.db*"):
        path.unlink()
    for name, data in old.items():
        (daemon.home.root / name).write_bytes(data)
        (daemon.home.root / name).chmod(0o600)
    daemon.up()
    assert daemon.run("/app", dot_env("DB"))[0] == {"DB": VALUE}
    assert daemon.ask("GET", "/local/status").json["stale"]
    refused = daemon.ask("POST", "/local/trust", {"folder": "/b", "vault": "my-vault"})
    assert refused.status == 409
    assert refused.json["error"]["code"] == "OlderDatabase"
    assert daemon.ask("POST", "/local/audit/accept-restore").status == 200
    assert not daemon.ask("GET", "/local/status").json["stale"]
    daemon.set("my-vault", "again", "x")
    assert daemon.ask("POST", "/local/audit/verify").json["ok"]
