from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from devvault.errors import Damaged, Unavailable, WrongUse
from devvault.sealing.privatefile import leftover, read_private, remove_private, replace_private


def another_owners(path: Path) -> Path:
    """A file of somebody else: root gives one away, others find one of root's."""
    if os.geteuid() != 0:
        return Path("/etc/passwd")
    path.touch(0o600)
    os.chown(path, 12345, 12345)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def test_round_trip(path: Path) -> None:
    assert read_private(path) is None
    for data in (b"one", b"", b"\x00" * 65_536):
        replace_private(path, data)
        assert read_private(path) == data
        assert path.stat().st_mode & 0o7777 == 0o600
    remove_private(path)
    assert read_private(path) is None
    remove_private(path)


def test_the_mode_does_not_depend_on_the_umask(path: Path) -> None:
    before = os.umask(0o777)
    try:
        replace_private(path, b"x")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o666])
def test_an_open_mode_is_refused(path: Path, mode: int) -> None:
    replace_private(path, b"x")
    path.chmod(mode)
    with pytest.raises(WrongUse) as caught:
        read_private(path)
    assert caught.value.hint == f"chmod 600 '{path}'"
    with pytest.raises(WrongUse):
        replace_private(path, b"y")
    path.chmod(0o600)
    assert read_private(path) == b"x"


def test_a_link_is_refused(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    replace_private(target, b"x")
    path.symlink_to(target)
    with pytest.raises(WrongUse):
        read_private(path)
    with pytest.raises(WrongUse):
        replace_private(path, b"y")
    assert target.read_bytes() == b"x"


def test_what_is_no_plain_file_is_refused_at_once(path: Path) -> None:
    os.mkfifo(path, 0o600)
    with pytest.raises(WrongUse):
        read_private(path)
    path.unlink()
    path.mkdir(0o700)
    with pytest.raises(WrongUse):
        read_private(path)
    with pytest.raises(WrongUse):
        replace_private(path, b"x")


def test_another_owner_is_refused(path: Path) -> None:
    path = another_owners(path)
    with pytest.raises(WrongUse, match="belongs to another user"):
        read_private(path)


def test_a_long_file_is_refused(path: Path) -> None:
    path.touch(0o600)
    os.truncate(path, 2 * 1024**3)
    with pytest.raises(Damaged):
        read_private(path)


def test_a_link_planted_for_the_fresh_file_is_not_followed(path: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    leftover(path).symlink_to(victim)
    replace_private(path, b"x")
    assert victim.read_bytes() == b"mine"
    assert read_private(path) == b"x"
    assert not leftover(path).exists()


def test_no_such_folder(tmp_path: Path) -> None:
    assert read_private(tmp_path / "none" / "file") is None
    with pytest.raises(Unavailable):
        replace_private(tmp_path / "none" / "file", b"x")
    (tmp_path / "plain").touch()
    with pytest.raises(Unavailable):
        read_private(tmp_path / "plain" / "file")


def test_a_full_disk_leaves_the_old_content(path: Path) -> None:
    replace_private(path, b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(Unavailable, match="cannot write"):
            replace_private(path, b"x" * 200)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert read_private(path) == b"old"
    assert not leftover(path).exists()


# A process that dies at the n-th system call of a replacement: whatever n is, the file is whole.
DYING = """
import os, sys
from pathlib import Path
from devvault.sealing import privatefile

left = int(sys.argv[2])

def step(event, args):
    global left
    if event in ("open", "os.rename", "os.remove", "devvault.sync") and armed:
        left -= 1
        if left < 0:
            os._exit(9)

kept = privatefile._sync
def sync(fd):
    sys.audit("devvault.sync")
    kept(fd)
    sys.audit("devvault.sync")
privatefile._sync = sync
armed = False
sys.addaudithook(step)
armed = True
privatefile.replace_private(Path(sys.argv[1]), b"new" * 1000)
armed = False
"""


def test_a_crash_at_any_step_leaves_old_or_new(path: Path) -> None:
    seen = set()
    for steps in range(20):
        replace_private(path, b"old")
        done = subprocess.run([sys.executable, "-c", DYING, str(path), str(steps)])
        data = read_private(path)
        assert data in (b"old", b"new" * 1000)
        seen.add((data, done.returncode))
        replace_private(path, b"again")
        assert not leftover(path).exists()
        if done.returncode == 0:
            break
    else:
        pytest.fail("the replacement never came to its end")
    assert (b"old", 9) in seen
    assert (b"new" * 1000, 9) in seen
    assert (b"new" * 1000, 0) in seen
