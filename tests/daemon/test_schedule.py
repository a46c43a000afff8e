from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from devvault.clock import SetClock
from devvault.config import Config
from devvault.daemon.build import build_keeper, choose_source
from devvault.daemon.log import Log
from devvault.daemon.schedule import LONGEST_SLEEP, Schedule
from devvault.errors import NotFound
from devvault.paths import Home
from devvault.vault import deleted, secrets, upkeep, vaults
from devvault.vault.vaults import VaultSpec

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Scene:
    """A home with a vault, its schedule, and a clock that is set."""

    def __init__(self, tmp_path) -> None:
        self.clock = SetClock(START)
        self.home = Home(tmp_path / "home")
        self.config = Config()
        self.active = 0
        self.ticks = 1000.0
        self.keeper = build_keeper(self.home, lambda: self.config, self.clock)
        choose = partial(choose_source, self.home, lambda: self.config)
        self.keeper.init(choose("file", "", None))
        self.gate, self.caller = self.keeper.gate, self.keeper.developer
        spec = VaultSpec("my-vault", "devvault", retention=7)
        vaults.create_vault(self.gate, self.caller, spec)
        self.log = Log(self.home.log, self.clock)
        self.schedule = Schedule(
            self.keeper,
            lambda: self.config,
            self.clock,
            self,
            self.log,
            ticks=lambda: self.ticks,
        )

    def delete(self, name: str) -> None:
        secrets.set_secret(self.gate, self.caller, "my-vault", name, "v")
        secrets.delete_secret(self.gate, self.caller, "my-vault", name)

    def is_there(self, name: str) -> bool:
        try:
            deleted.get_deleted(self.gate, self.caller, "my-vault", name)
        except NotFound:
            return False
        return True


@pytest.fixture
def scene(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Scene(tmp_path)
    yield made
    made.keeper.close()


def test_a_deleted_secret_goes_when_its_time_has_come(scene):
    scene.delete("a")
    assert scene.schedule.turn() == LONGEST_SLEEP
    assert scene.is_there("a")
    scene.clock.move(timedelta(days=7) - timedelta(seconds=10))
    assert 9 < scene.schedule.turn() < 12
    assert scene.is_there("a")
    scene.clock.move(timedelta(seconds=11))
    scene.schedule.turn()
    assert not scene.is_there("a")
    assert "purged 1 deleted objects" in scene.log.path.read_text()
    newest = upkeep.read_audit(scene.gate, scene.caller, limit=5)
    purged = [record for _, record in newest if record.operation == "SecretPurge"]
    assert purged[0].name == "devvault"


def test_a_long_sleep_of_the_laptop_loses_nothing(scene):
    for name in "abc":
        scene.delete(name)
    scene.clock.move(timedelta(days=400))
    scene.schedule.turn()
    assert not any(scene.is_there(name) for name in "abc")


def test_a_clock_set_back_purges_nothing_and_locks_nothing(scene):
    scene.config = Config(auto_lock=5)
    scene.delete("a")
    scene.clock.move(timedelta(days=-30))
    scene.schedule.turn()
    assert scene.is_there("a")
    assert scene.keeper.state == "unlocked"
    scene.clock.move(timedelta(minutes=4))
    scene.schedule.turn()
    assert scene.keeper.state == "unlocked"


def test_it_locks_after_idle_minutes(scene):
    scene.config = Config(auto_lock=5)
    assert scene.schedule.turn() == LONGEST_SLEEP
    scene.clock.move(timedelta(minutes=4, seconds=30))
    assert 29 < scene.schedule.turn() <= 30
    scene.active += 1
    scene.schedule.turn()
    scene.clock.move(timedelta(minutes=4))
    scene.schedule.turn()
    assert scene.keeper.state == "unlocked"
    scene.clock.move(timedelta(minutes=1))
    scene.schedule.turn()
    assert scene.keeper.state == "locked"
    assert "locked after 5 minutes" in scene.log.path.read_text()
    assert scene.schedule.turn() == LONGEST_SLEEP


def test_ticks_lock_where_the_clock_was_tampered_with(scene):
    scene.config = Config(auto_lock=5)
    scene.schedule.turn()
    scene.ticks += 301
    scene.schedule.turn()
    assert scene.keeper.state == "locked"


def test_without_auto_lock_it_stays_open(scene):
    scene.clock.move(timedelta(days=30))
    scene.schedule.turn()
    assert scene.keeper.state == "unlocked"


def test_the_trail_is_pruned_by_retention_and_still_verifies(scene):
    scene.config = Config(audit_retention_days=10)
    secrets.set_secret(scene.gate, scene.caller, "my-vault", "a", "v")
    scene.gate.store.flush()
    scene.clock.move(timedelta(days=11))
    secrets.set_secret(scene.gate, scene.caller, "my-vault", "b", "v")
    scene.schedule.turn()
    assert "pruned" in scene.log.path.read_text()
    names = [record.operation for _, record in upkeep.read_audit(scene.gate, scene.caller)]
    assert "HomeInit" not in names
    assert upkeep.verify_home(scene.keeper, scene.caller).ok


def test_an_older_database_is_left_alone(scene):
    scene.delete("a")
    scene.clock.move(timedelta(days=8))
    scene.gate.stale = "it is older"
    scene.schedule.turn()
    scene.gate.stale = None
    assert scene.is_there("a")


def test_a_turn_that_fails_is_tried_again(scene):
    scene.delete("a")
    scene.clock.move(timedelta(days=8))
    good, scene.config = scene.config, None
    assert scene.schedule.turn() == LONGEST_SLEEP
    assert "error: the schedule: AttributeError" in scene.log.path.read_text()
    scene.config = good
    scene.schedule.turn()
    assert not scene.is_there("a")


def test_the_anchor_follows_what_happened(scene):
    anchor = scene.keeper.opened.source
    before = anchor.read_anchor(scene.gate.home)
    secrets.set_secret(scene.gate, scene.caller, "my-vault", "a", "v")
    scene.active += 1
    scene.schedule.save_anchor()
    assert anchor.read_anchor(scene.gate.home) != before
