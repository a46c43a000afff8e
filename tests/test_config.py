from __future__ import annotations

import os
from pathlib import Path

import pytest

from devvault.config import Config, fingerprint, load
from devvault.errors import WrongUse
from devvault.paths import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    root = tmp_path / "home"
    root.mkdir(mode=0o700)
    return Home(root)


@pytest.fixture
def system(tmp_path: Path) -> Path:
    return tmp_path / "etc.toml"


def write(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text)
    path.chmod(mode)


def test_defaults_without_any_file(home, system):
    assert load(home, {}, system=system) == Config()


def test_flag_beats_environment_beats_home_beats_machine(home, system):
    if os.getuid() != 0:
        pytest.skip("the machine's file must belong to root")
    write(system, "auto-lock = 1\non-unresolved = 'empty'\n", 0o644)
    assert load(home, {}, system=system).auto_lock == 1
    write(home.config, "auto-lock = 2\n")
    assert load(home, {}, system=system).auto_lock == 2
    environment = {"DEVVAULT_AUTO_LOCK": "3"}
    assert load(home, environment, system=system).auto_lock == 3
    found = load(home, environment, {"auto_lock": 4, "on_unresolved": None}, system=system)
    assert (found.auto_lock, found.on_unresolved) == (4, "empty")


def test_what_the_machine_enforces_cannot_be_overruled(home, system):
    if os.getuid() != 0:
        pytest.skip("the machine's file must belong to root")
    write(system, "[enforce]\nplaintext = 'refuse'\nauto-lock = 5\n", 0o644)
    write(home.config, "plaintext = 'allow'\nauto-lock = 0\n")
    found = load(home, {"DEVVAULT_AUTO_LOCK": "9"}, system=system)
    assert (found.plaintext, found.auto_lock) == ("refuse", 5)
    with pytest.raises(WrongUse, match="auto-lock is fixed on this machine by"):
        load(home, {}, {"auto_lock": 9}, system=system)
    assert load(home, {}, {"auto_lock": 5}, system=system).auto_lock == 5


def test_a_guard_against_accidents_is_not_taken_from_the_environment(home, system):
    environment = {
        "DEVVAULT_PLAINTEXT": "allow",
        "DEVVAULT_REVEAL": "always",
        "DEVVAULT_KEYRING_BACKENDS": "evil",
    }
    write(home.config, "reveal = 'terminal'\n")
    found = load(home, environment, system=system)
    assert (found.plaintext, found.reveal, found.keyring_backends) == ("refuse", "terminal", ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour = 'red'", "colour is unknown; there are"),
        ("auto_lock = 1", "auto_lock is unknown"),
        ("auto-lock = '5'", "auto-lock must be a number of minutes"),
        ("auto-lock = true", "auto-lock must be a number of minutes"),
        ("auto-lock = -1", "auto-lock must be a number of minutes"),
        ("plaintext = 'yes'", "plaintext must be refuse or warn or allow"),
        ("connect = 'on'", "connect must be true or false"),
        ("key-file = 'relative'", "key-file must be an absolute path"),
        ("keyring-backends = 'x'", "keyring-backends must be a list"),
        ("enforce = 1", "enforce is unknown"),
        ("auto-lock = ", r"is not valid TOML \(at"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_the_word(home, system, text, words):
    write(home.config, text)
    with pytest.raises(WrongUse, match=words) as caught:
        load(home, {}, system=system)
    assert str(home.config) in caught.value.message
    assert caught.value.hint == "devvault help configuration"


@pytest.mark.parametrize("name", ["DEVVAULT_AUTO_LOCK", "DEVVAULT_MASK", "DEVVAULT_KEY_SOURCE"])
def test_a_bad_variable_is_refused_with_its_name(home, system, name):
    with pytest.raises(WrongUse, match=name):
        load(home, {name: "perhaps"}, system=system)


def test_words_for_yes_and_no(home, system):
    assert not load(home, {"DEVVAULT_MASK": "Off"}, system=system).mask
    assert load(home, {"DEVVAULT_CONNECT": "1"}, system=system).connect


def test_a_configuration_that_others_can_read_is_refused(home, system):
    write(home.config, "mask = true\n", 0o644)
    with pytest.raises(WrongUse, match="can be read by other users"):
        load(home, {}, system=system)


def test_a_machine_file_that_others_can_write_is_refused(home, system):
    write(system, "mask = true\n", 0o666)
    with pytest.raises(WrongUse, match="writable by root alone"):
        load(home, {}, system=system)


def test_auto_lock_suits_the_key_source():
    assert Config().auto_lock_minutes("passphrase") == 60
    assert Config().auto_lock_minutes("keyring") == 0
    assert Config(auto_lock=0).auto_lock_minutes("passphrase") == 0


def test_a_change_of_a_file_is_noticed(home, system):
    before = fingerprint(home, system=system)
    write(home.config, "mask = true\n")
    assert fingerprint(home, system=system) != before
