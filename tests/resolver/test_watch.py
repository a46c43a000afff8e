"""Settings that follow their files and secrets, with a real daemon; nothing waits for a clock."""

from __future__ import annotations

import json
import logging
import os
import queue
import shutil
import threading
from pathlib import Path

import pytest
from watchdog.observers import Observer

from devvault import load_settings
from devvault.paths import Home, default_home
from devvault.resolver import watch
from devvault.resolver.project import signature
from devvault.resolver.watch import Watcher
from tests.daemon.running import UnixConnection
from tests.resolver.conftest import VAULT
from tests.waiting import LIMIT, wait_for


class Heard:
    """What a callback was told, to be waited for."""

    def __init__(self) -> None:
        self.names: queue.Queue[frozenset[str]] = queue.Queue()

    def __call__(self, names: frozenset[str]) -> None:
        self.names.put(names)

    def next(self) -> set[str]:
        return set(self.names.get(timeout=LIMIT))


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def settings(project, heard):
    project.daemon.set(VAULT, "moving", "first")
    project.write(f"DB={project.ref('moving')}\nMODE=one\n")
    settings = load_settings()
    ready = threading.Event()
    original = watch._Secrets._hear

    def hear(self, told):
        original(self, told)
        if isinstance(told, dict) and "state" in told:
            ready.set()

    watch._Secrets._hear = hear
    with settings.watch(heard):
        assert ready.wait(LIMIT)
        yield settings
    watch._Secrets._hear = original


def test_a_new_version_reaches_the_settings(project, settings, heard):
    project.daemon.set(VAULT, "moving", "second")
    assert heard.next() == {"DB"}
    assert settings["DB"] == "second"
    assert settings.secret("DB").reveal() == "second"


def test_a_file_that_is_written_or_replaced(project, settings, heard):
    project.edit(f"DB={project.ref('moving')}\nMODE=two\nNEW=1\n")
    assert heard.next() == {"MODE", "NEW"}
    assert settings["MODE"] == "two"
    other = project.write("MODE=three\n", ".env.new")
    other.rename(project.folder / ".env")
    assert heard.next() == {"MODE", "DB", "NEW"}
    assert "DB" not in settings


def test_a_file_that_is_removed_and_made_again(project, settings, heard):
    (project.folder / ".env").unlink()
    assert heard.next() == {"DB", "MODE"}
    project.write("MODE=again\n")
    assert heard.next() == {"MODE"}
    assert settings["MODE"] == "again"


def test_a_broken_edit_keeps_what_was(project, settings, heard, caplog):
    caplog.set_level(logging.WARNING, "devvault")
    project.write("DB=@Microsoft.KeyVault(oops)\nMODE=two\n")
    wait_for(lambda: "settings stay as they were: a setting does not resolve: DB" in caplog.text)
    assert (settings["DB"], settings["MODE"]) == ("first", "one")
    project.write(f"DB={project.ref('moving')}\nMODE=three\n")
    assert heard.next() == {"MODE"}


def test_a_secret_that_is_missing_may_come(project, settings, heard, caplog):
    caplog.set_level(logging.WARNING, "devvault")
    project.write(f"DB={project.ref('later')}\n")
    wait_for(lambda: "SecretNotFound" in caplog.text)
    project.daemon.set(VAULT, "later", "at last")
    assert heard.next() == {"DB", "MODE"}
    assert settings["DB"] == "at last"
    project.daemon.ask("DELETE", "/secrets/later?api-version=7.4", host=f"{VAULT}.vault.azure.net")
    project.daemon.ask(
        "DELETE", "/deletedsecrets/later?api-version=7.4", host=f"{VAULT}.vault.azure.net"
    )


def test_a_project_file_that_comes(project, settings, heard):
    project.write("MODE=listed\n", "conf/x.env")
    project.write('env-files = ["conf/x.env"]\n', "devvault.toml")
    assert heard.next() == {"DB", "MODE"}
    assert settings["MODE"] == "listed"
    shutil.move(project.folder / "conf", project.folder / "gone")
    assert heard.next() == {"MODE"}
    project.write("MODE=back\n", "conf/x.env")
    assert heard.next() == {"MODE"}


def test_a_link_that_leads_elsewhere(project, settings, heard):
    for name in ("a", "b"):
        project.write(f"MODE={name}\n", f"{name}/env")
    os.symlink("a", project.folder / "now")
    project.write('env-files = ["now/env"]\n', "devvault.toml")
    assert "MODE" in heard.next()
    os.symlink("b", project.folder / "then")
    os.rename(project.folder / "then", project.folder / "now")
    assert heard.next() == {"MODE"}
    assert settings["MODE"] == "b"


def test_a_thousand_changes_are_few_readings(project, settings, heard):
    before = project.reads()
    for number in range(1000):
        project.edit(f"DB={project.ref('moving')}\nMODE={number:03}\n")
    while settings.get("MODE") != "999":
        heard.next()
    assert project.reads() - before <= 40


def test_a_daemon_that_comes_back_is_heard_again(project, settings, heard):
    project.daemon.stop()
    project.daemon.up()
    project.daemon.set(VAULT, "moving", "after")
    assert heard.next() == {"DB"}
    assert settings["DB"] == "after"


def test_a_locked_home_says_so_and_is_read_when_it_opens(project, settings, heard, caplog):
    caplog.set_level(logging.WARNING, "devvault")
    assert project.daemon.ask("POST", "/local/lock", {}).status == 200
    project.write(f"DB={project.ref('moving')}\nMODE=while\n")
    wait_for(lambda: "settings stay as they were: " in caplog.text)
    assert settings["MODE"] == "one"
    assert project.daemon.ask("POST", "/local/unlock", {}).status == 200
    assert heard.next() == {"MODE"}


def test_a_callback_that_fails_is_told_and_called_again(project, caplog):
    project.write("MODE=one\n")
    settings = load_settings()
    called = Heard()

    def callback(names):
        called(names)
        raise ValueError("hunter2")

    with settings.watch(callback):
        project.write("MODE=two\n")
        assert called.next() == {"MODE"}
        wait_for(lambda: "the callback of a watch failed: ValueError" in caplog.text)
        project.write("MODE=three\n")
        assert called.next() == {"MODE"}
    assert "hunter2" not in caplog.text


def test_what_changed_before_the_watch_counts(project, heard):
    project.write("MODE=one\n")
    settings = load_settings()
    project.write("MODE=two\n")
    with settings.watch(heard):
        assert heard.next() == {"MODE"}


def test_after_the_end_nothing_comes(project, settings, heard):
    other = load_settings()
    told = Heard()
    ended = other.watch(told)
    ended.stop()
    ended.stop()
    project.write("MODE=two\n")
    assert heard.next() == {"MODE", "DB"}
    assert told.names.empty()
    assert other["MODE"] == "one"


@pytest.mark.parametrize("when", ["schedule", "start"])
def test_where_the_kernel_has_no_more_watches_files_are_looked_at(tmp_path, monkeypatch, when):
    def refuse(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(Observer()), when, refuse)
    monkeypatch.setattr(watch, "PollingObserver", FastPolling)
    notes: list[str] = []
    changed = threading.Event()

    def note() -> bool:
        changed.set()
        return True

    file = tmp_path / "x.env"
    file.write_text("A=1\n")
    watcher = Watcher(Home(tmp_path / "none"), str(tmp_path), note, notes.append)
    watcher.start({file: signature(file)}, {})
    assert notes == [
        "files are looked at once a second instead of being watched: No space left on device"
    ]
    file.write_text("A=22\n")
    assert changed.wait(LIMIT)
    watcher.close()


class FastPolling(watch.PollingObserver):
    """As the real one, without a second's patience."""

    schedule = watch.PollingObserver.schedule
    start = watch.PollingObserver.start

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout=timeout / 20)


def test_no_daemon_is_started_for_a_watch(tmp_path, monkeypatch):
    monkeypatch.setenv("DEVVAULT_HOME", str(tmp_path / "home"))
    watcher = Watcher(default_home(), str(tmp_path), lambda: True, lambda _: None)
    watcher.start({}, {"https://a-vault.vault.azure.net/secrets/x": ""})
    watcher.close()
    for thread in watcher._threads:
        thread.join(LIMIT)
        assert not thread.is_alive()
    assert not Path(tmp_path / "home").exists()


def test_more_watchers_than_there_are_places_are_refused_and_places_come_free(project):
    body = json.dumps({"folder": str(project.folder), "references": {}}).encode()
    open_lines = []

    def call() -> tuple[int, UnixConnection]:
        line = UnixConnection(project.daemon.home.socket)
        line.request("POST", "/local/watch", body, {"Host": "devvault"})
        answer = line.getresponse()
        open_lines.append((line, answer))
        return answer.status, line

    for _ in range(64):
        wait_for(lambda: call()[0] == 200)  # those who watched before may be about to leave
    assert call()[0] == 429
    assert project.daemon.ask("GET", "/local/status").status == 200
    for line, answer in open_lines:
        answer.close()
        line.close()
    wait_for(lambda: call()[0] == 200)
    for line, answer in open_lines:
        answer.close()
        line.close()
