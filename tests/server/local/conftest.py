from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from devvault.clock import SetClock
from devvault.config import Config
from devvault.daemon.build import build_keeper, choose_source
from devvault.paths import Home
from devvault.server.local.base import Ask, Plane, Stream
from devvault.server.local.routes import ROUTES
from devvault.server.reply import Reply
from devvault.vault import secrets
from devvault.vault.keeper import Keeper


class Caller:
    """Calls the routes of a plane the way the app does, without a socket."""

    def __init__(self, keeper: Keeper, stopped: list[bool]) -> None:
        self.config = Config()
        self.keeper = keeper
        self.stopped = stopped
        self.plane = Plane(
            keeper=keeper,
            config=lambda: self.config,
            choose=partial(choose_source, keeper.home, lambda: self.config),
            stop=lambda: stopped.append(True),
            version="1.2.3",
            started=keeper.clock.now(),
        )

    def raw(self, method: str, path: str, body: bytes = b"", **query: str) -> Reply | Stream:
        return ROUTES[method, path].handle(self.plane, Ask(query, body))

    def post(self, path: str, **members: object) -> dict:
        found = self.raw("POST", path, json.dumps(members).encode())
        assert isinstance(found, Reply)
        assert found.status == 200
        return json.loads(found.body)

    def get(self, path: str, **query: str) -> dict:
        found = self.raw("GET", path, **query)
        assert isinstance(found, Reply)
        return json.loads(found.body)

    def set(self, vault: str, name: str, value: str) -> str:
        gate = self.plane.gate()
        return secrets.set_secret(gate, self.plane.developer(), vault, name, value).version


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """The plane of a home that is not made yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    clock = SetClock(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    home = Home(tmp_path / "home")
    keeper = build_keeper(home, Config, clock)
    yield Caller(keeper, [])
    keeper.close()


@pytest.fixture
def plane(fresh: Caller) -> Caller:
    """The plane of a home with the vault `my-vault`, which the folder `/app` trusts."""
    fresh.post("/local/init", key_source="file", folder="/app", name="my-vault")
    return fresh
