from __future__ import annotations

from pathlib import Path

import pytest

from devvault.config import Config
from devvault.daemon.build import Settings, choose_source, make_source
from devvault.errors import WrongUse
from devvault.paths import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    root = tmp_path / "home"
    root.mkdir(mode=0o700)
    return Home(root)


def test_what_belongs_to_one_run_is_not_taken_from_who_started_the_daemon(home):
    environment = {
        "DEVVAULT_ON_UNRESOLVED": "literal",
        "DEVVAULT_KEY_SOURCE": "file",
        "DEVVAULT_MASK": "nonsense",
        "DEVVAULT_AUTO_LOCK": "7",
    }
    found = Settings(home, environment, lambda _: None)()
    assert found == Config(auto_lock=7)


def test_a_changed_file_is_read_and_a_broken_one_is_not_taken(home):
    told: list[str] = []
    settings = Settings(home, {}, told.append)
    home.config.write_text("auto-lock = 3\n")
    home.config.chmod(0o600)
    assert settings().auto_lock == 3
    home.config.write_text("auto-lock = broken\n")
    assert settings().auto_lock == 3
    assert settings().auto_lock == 3
    assert told == ["the changed configuration is not usable; the last one stays"]
    home.config.unlink()
    assert settings() == Config()


def test_a_key_file_has_its_place_beside_the_home(home):
    assert choose_source(home, Config, "file", "", None).path == str(home.root) + ".key"
    configured = Config(key_file="/elsewhere/key")
    assert choose_source(home, lambda: configured, "file", "", None).path == "/elsewhere/key"
    assert choose_source(home, lambda: configured, "file", "/x/../y", None).path == "/y"


@pytest.mark.parametrize("path", ["{home}/key", "{home}/a/../key", "{link}/key", "relative"])
def test_a_key_file_in_the_home_is_refused(home, tmp_path, path):
    link = tmp_path / "link"
    link.symlink_to(home.root)
    with pytest.raises(WrongUse):
        choose_source(home, Config, "file", path.format(home=home.root, link=link), None)


@pytest.mark.parametrize("name", ["file", "passphrase"])
def test_a_source_is_made_by_its_name(home, monkeypatch, tmp_path, name):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    choice = choose_source(home, Config, name, "", b"correct horse")
    assert make_source(home, Config, choice).name == name


def test_an_unknown_source_is_refused(home):
    with pytest.raises(WrongUse, match="there are file, keyring, passphrase"):
        choose_source(home, Config, "paper", "", None)
