from __future__ import annotations

import os
import stat

import pytest

from devvault.cli.privatefile import read_file, replace_keeping_mode, write_private
from devvault.errors import Conflict, NotFound, Unavailable, WrongUse


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_written_for_the_user_alone(tmp_path):
    path = tmp_path / "a"
    old = os.umask(0)
    try:
        assert write_private(str(path), iter([b"one", b"two"])) == 6
    finally:
        os.umask(old)
    assert path.read_bytes() == b"onetwo"
    assert mode(path) == 0o600
    assert os.listdir(tmp_path) == ["a"]


def test_nothing_is_overwritten_unless_said(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(WrongUse):
        write_private(str(path), b"new")
    assert path.read_text() == "old"
    write_private(str(path), b"new", overwrite=True)
    assert path.read_text() == "new"


def test_a_dangling_link_is_not_followed(tmp_path):
    path = tmp_path / "a"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WrongUse):
        write_private(str(path), b"x")
    assert not (tmp_path / "elsewhere").exists()


def test_a_failing_stream_leaves_nothing(tmp_path):
    def pieces():
        yield b"half"
        raise Unavailable("the daemon's answer was cut off")

    with pytest.raises(Unavailable):
        write_private(str(tmp_path / "a"), pieces())
    assert os.listdir(tmp_path) == []


def test_a_folder_and_a_missing_folder(tmp_path):
    with pytest.raises(WrongUse):
        write_private(str(tmp_path), b"x")
    with pytest.raises(Unavailable):
        write_private(str(tmp_path / "no" / "a"), b"x")


def test_replacing_keeps_the_mode(tmp_path):
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    path.chmod(0o640)
    replace_keeping_mode(path, b"A=2\n")
    assert path.read_text() == "A=2\n"
    assert mode(path) == 0o640
    replace_keeping_mode(tmp_path / "new", b"")
    assert mode(tmp_path / "new") == 0o600


def test_reading_has_a_limit_and_wants_a_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_file(str(path), limit=5) == b"12345"
    with pytest.raises(WrongUse):
        read_file(str(path), limit=4)
    with pytest.raises(NotFound):
        read_file(str(tmp_path / "none"), limit=4)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(WrongUse):
        read_file(str(tmp_path / "fifo"), limit=4)


def test_a_file_that_holds_something_else_by_now_stays(tmp_path):
    path = tmp_path / ".env"
    path.write_bytes(b"A=1\n")
    with pytest.raises(Conflict):
        replace_keeping_mode(path, b"A=3\n", expected=b"A=2\n")
    assert path.read_bytes() == b"A=1\n"
    assert os.listdir(tmp_path) == [".env"]
    replace_keeping_mode(path, b"A=3\n", expected=b"A=1\n")
    assert path.read_bytes() == b"A=3\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to any group")
def test_replacing_keeps_the_group(tmp_path):
    path = tmp_path / ".env"
    path.write_bytes(b"A=1\n")
    os.chown(path, -1, 12345)
    replace_keeping_mode(path, b"A=2\n")
    assert path.stat().st_gid == 12345
