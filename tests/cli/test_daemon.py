"""`daemon run`: what the process that becomes the daemon keeps of who started it."""

from __future__ import annotations

import os

import pytest

from devvault.cli import daemon


def test_no_passphrase_stays_in_the_daemons_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("DEVVAULT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DEVVAULT_PASSPHRASE", "correct horse")
    monkeypatch.setenv("DEVVAULT_PASSPHRASE_FILE", "/a/file")

    class Become(Exception):
        pass

    def execve(program, words, environment):
        raise Become(words, environment)

    monkeypatch.setattr(os, "execve", execve)
    with pytest.raises(Become) as caught:
        daemon._become()
    words, environment = caught.value.args
    assert words[1:] == ["-I", "-m", "devvault.daemon"]
    assert not [name for name in environment if "PASSPHRASE" in name]
    assert environment["DEVVAULT_HOME"] == str(tmp_path / "home")
