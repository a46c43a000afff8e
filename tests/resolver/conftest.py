"""A real daemon for the library, and this process set down in a project that trusts its vault."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devvault.client.daemon import stop
from devvault.paths import Home
from tests.daemon.running import Daemon, reference

VAULT = "lib-vault"
VALUES = {"db": "tide-7-harbour", "smtp": "summer rain ${HOME}", "nul": "a\0b", "empty-ish": " "}


@pytest.fixture(scope="module")
def running() -> Iterator[Daemon]:
    folder = Path(tempfile.mkdtemp(prefix="dvlib-"))  # short: a socket's path must be
    daemon = Daemon(folder / "home").up()
    daemon.init(name=VAULT)
    for name, value in VALUES.items():
        daemon.set(VAULT, name, value)
    yield daemon
    daemon.kill()
    shutil.rmtree(folder)


class Project:
    """A folder that the vault was given to; the working directory of the test."""

    vault = VAULT

    def __init__(self, folder: Path, daemon: Daemon) -> None:
        self.folder = folder
        self.daemon = daemon

    def write(self, text: str, name: str = ".env") -> Path:
        """Write a file of the project; whoever watches sees the old text or the new one."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.fresh")
        fresh.write_text(text)
        fresh.replace(path)
        return path

    def edit(self, text: str, name: str = ".env") -> None:
        """Write over a file where it is, with a text that is no shorter."""
        path = self.folder / name
        data = text.encode()
        with path.open("rb+", buffering=0) as file:
            assert file.seek(0, os.SEEK_END) <= len(data)
            file.seek(0)
            assert file.write(data) == len(data)

    def ref(self, name: str) -> str:
        return reference(VAULT, name)

    def reads(self) -> int:
        """How many secrets were read so far, by the trail."""
        records = self.daemon.ask("GET", "/local/audit?limit=5000").json["records"]
        return sum(one["operationName"] == "SecretGet" for one in records)


@pytest.fixture
def clean(tmp_path, monkeypatch) -> Path:
    """No setting of ours in the environment, and a working directory of its own."""
    for name in list(os.environ):
        if name.startswith("DEVVAULT_"):
            monkeypatch.delenv(name)
    folder = tmp_path.resolve() / "project"
    folder.mkdir()
    (folder / ".git").mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DEVVAULT_HOME", str(tmp_path / "nowhere"))
    return folder


@pytest.fixture
def project(clean, running, monkeypatch) -> Project:
    monkeypatch.setenv("DEVVAULT_HOME", str(running.home.root))
    found = running.ask("POST", "/local/trust", {"folder": str(clean), "vault": VAULT})
    assert found.status == 200, found.body
    return Project(clean, running)


@pytest.fixture
def made(clean, monkeypatch):
    """Make a home with a secret, given to this folder; its daemon is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="dvlib-"))

    def make(**choice):
        daemon = Daemon(folder / "home").up()
        daemon.init(name="own-vault", folder=str(clean), **choice)
        daemon.set("own-vault", "db", "tide-7-harbour")
        daemon.stop()
        monkeypatch.setenv("DEVVAULT_HOME", str(daemon.home.root))
        monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
        return daemon.home

    yield make
    stop(Home(folder / "home"))
    shutil.rmtree(folder)
