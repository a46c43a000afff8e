from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from devvault.errors import Damaged, NotFound, Unavailable, WrongUse
from devvault.sealing.keyfile import KeyFile
from devvault.sealing.privatefile import leftover
from tests.contracts.test_key_source import HOME, KEY, NEXT, OTHER, KeySourceSuite
from tests.sealing.test_privatefile import another_owners


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "key"


class TestKeyFile(KeySourceSuite):
    @pytest.fixture
    def make(self, path: Path) -> Callable[[], KeyFile]:
        return lambda: KeyFile(path)


def test_it_is_private_from_the_first_byte(path: Path) -> None:
    source = KeyFile(path)
    source.protect(HOME, 1, KEY)
    source.write_anchor(HOME, b"x")
    assert sorted(file.name for file in path.parent.iterdir()) == ["key", "key.anchor"]
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o7777 == 0o600


def test_a_gone_file(path: Path) -> None:
    source = KeyFile(path)
    source.protect(HOME, 1, KEY)
    path.unlink()
    with pytest.raises(NotFound) as caught:
        source.reveal(HOME, 1, b"")
    assert caught.value.hint == "devvault unlock --recovery"
    source.protect(HOME, 1, KEY)
    assert KeyFile(path).reveal(HOME, 1, b"") == KEY


def test_another_homes_file_is_never_written(path: Path) -> None:
    KeyFile(path).protect(HOME, 1, KEY)
    before = path.read_bytes()
    with pytest.raises(Unavailable, match="another home"):
        KeyFile(path).protect(OTHER, 1, NEXT)
    KeyFile(path).forget(OTHER, 1)
    assert path.read_bytes() == before


def test_wrong_mode_link_and_kind(path: Path, tmp_path: Path) -> None:
    source = KeyFile(path)
    source.protect(HOME, 1, KEY)
    path.chmod(0o644)
    for call in (
        lambda: source.reveal(HOME, 1, b""),
        lambda: source.protect(HOME, 2, NEXT),
        lambda: source.forget(HOME, 1),
        lambda: source.generations(HOME),
    ):
        with pytest.raises(WrongUse, match="0644"):
            call()
    path.chmod(0o600)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WrongUse):
        source.reveal(HOME, 1, b"")
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(WrongUse):
        source.reveal(HOME, 1, b"")


def test_another_owner(path: Path) -> None:
    source = KeyFile(another_owners(path))
    with pytest.raises(WrongUse, match="belongs to another user"):
        source.reveal(HOME, 1, b"")


BAD = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 60_000,
    b'{"format": 1}',
    b'{"format": 1, "home": 7, "keys": {}}',
    b'{"format": 1, "home": "x", "keys": []}',
    b'{"format": 1, "home": "x", "keys": {"one": "AAAA"}}',
    b'{"format": 1, "home": "x", "keys": {"1": 5}}',
    b'{"format": 1, "home": "x", "keys": {"1": "AAAA"}}',
    b'{"format": 1, "home": "x", "keys": {"1": "!"}}',
    b'{"format": 2, "home": "x", "keys": {}}',
]


@pytest.mark.parametrize("data", BAD)
def test_a_damaged_file_is_told_and_left_as_it_is(path: Path, data: bytes) -> None:
    path.touch(0o600)
    path.write_bytes(data)
    source = KeyFile(path)
    for call in (
        lambda: source.reveal(HOME, 1, b""),
        lambda: source.protect(HOME, 1, KEY),
        lambda: source.generations(HOME),
    ):
        with pytest.raises(Damaged) as caught:
            call()
        assert "unlock --recovery" in (caught.value.hint or "")
    assert path.read_bytes() == data


def test_an_error_does_not_carry_the_key(path: Path) -> None:
    source = KeyFile(path)
    source.protect(HOME, 1, KEY)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(Damaged) as caught:
        source.reveal(HOME, 1, b"")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_crash_between_temp_and_rename(path: Path) -> None:
    source = KeyFile(path)
    source.protect(HOME, 1, KEY)
    leftover(path).touch(0o600)
    leftover(path).write_bytes(b'{"format": 1, "home"')
    assert KeyFile(path).reveal(HOME, 1, b"") == KEY
    assert not leftover(path).exists()
    source.protect(HOME, 2, NEXT)
    assert json.loads(path.read_bytes())["keys"].keys() == {"1", "2"}


def test_the_last_key_takes_the_files_along(path: Path) -> None:
    source = KeyFile(path)
    source.protect(HOME, 1, KEY)
    source.write_anchor(HOME, b"x")
    source.forget(HOME, 1)
    assert list(path.parent.iterdir()) == []


def test_a_relative_path_is_refused() -> None:
    with pytest.raises(WrongUse, match="absolute"):
        KeyFile(Path("key"))


def test_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "key"
    slot = KeyFile(path).protect(HOME, 1, KEY)
    assert KeyFile(path).reveal(HOME, 1, slot) == KEY
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(Unavailable):
        KeyFile(path / "under-a-file" / "key").protect(HOME, 1, KEY)
