"""The files of `mount` are gone however it ends; what a kill leaves goes with the next one."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devvault.cli import memoryfolder
from devvault.cli.memoryfolder import find_base, make_folder, sweep
from devvault.errors import WrongUse
from tests.resolver.conftest import clean, project, running
from tests.waiting import LIMIT, wait_for

__all__ = ["clean", "project", "running"]
WAITS = 'trap "exit 9" {}; cat "$1/db"; echo; while :; do sleep 0.05; done'


@pytest.fixture
def base(tmp_path, monkeypatch) -> Path:
    """A memory file system's folder of this test alone."""
    found = find_base()
    if found is None:
        pytest.skip("this system has no memory file system that is ours")
    own = found / f"test-{os.getpid()}-{tmp_path.name}"
    own.mkdir(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(own))
    yield own / f"devvault-{os.geteuid()}"
    for path in sorted(own.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    own.rmdir()


class Mount:
    def __init__(self, project, script: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-m", "devvault", "mount", "mnt", "--no-mask", "--",
             "sh", "-c", script, "sh", "mnt"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0, cwd=project.folder,
            start_new_session=True,
        )  # fmt: skip

    def line(self) -> str:
        said = b""
        while not said.endswith(b"\n"):
            assert select.select([self.process.stdout], [], [], LIMIT)[0], said
            piece = os.read(self.process.stdout.fileno(), 1)
            assert piece, (said, self.process.poll())
            said += piece
        return said.decode().rstrip("\n")

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(LIMIT)
        self.process.stdout.close()


@pytest.fixture
def mount(project, base):
    started = []
    project.write(f"db={project.ref('db')}\nPLAIN=1\n")

    def start(script: str) -> Mount:
        started.append(Mount(project, script))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_and_nothing_is_left(project, mount, base, number):
    run = mount(WAITS.format(number.name.removeprefix("SIG")))
    assert run.line() == "tide-7-harbour"
    link = project.folder / "mnt"
    assert link.is_symlink()
    assert link.readlink().parent == base
    assert [path.name for path in link.iterdir()] == ["db"]
    run.process.send_signal(number)
    assert run.process.wait(LIMIT) == 9
    assert not os.path.lexists(link)
    assert list(base.iterdir()) == []


def test_a_child_that_is_killed_takes_the_files_along(project, mount, base):
    run = mount('cat "$1/db"; echo; kill -KILL $$')
    assert run.line() == "tide-7-harbour"
    assert run.process.wait(LIMIT) == -signal.SIGKILL
    assert not os.path.lexists(project.folder / "mnt")
    assert list(base.iterdir()) == []


def test_what_a_kill_leaves_goes_with_the_next_one(project, mount, base):
    run = mount(WAITS.format("TERM"))
    run.line()
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait(LIMIT)
    link = project.folder / "mnt"
    assert (link / "db").read_text() == "tide-7-harbour"

    # A witness of the killed one may hold the lock for a moment still.
    def is_swept() -> bool:
        sweep(base)
        return not list(base.iterdir())

    wait_for(is_swept)
    again = mount('cat "$1/db"; echo; ls "$1"')
    assert [again.line(), again.line()] == ["tide-7-harbour", "db"]
    assert again.process.wait(LIMIT) == 0
    assert not os.path.lexists(link)


def test_a_folder_in_use_is_not_swept(tmp_path, base):
    first = make_folder(tmp_path / "a")
    first.write("x", b"1")
    second = make_folder(tmp_path / "b")
    assert (tmp_path / "a" / "x").read_bytes() == b"1"
    with pytest.raises(WrongUse):
        make_folder(tmp_path / "a")
    for made in (first, second, first):
        made.remove()
    assert list(base.iterdir()) == []
    for made in (first, second):
        os.close(made.lock)


def test_modes_let_nobody_else_in(tmp_path, base):
    made = make_folder(tmp_path / "a")
    made.write("x", b"1", 0o777)
    made.write("y", b"2", 0o444)
    assert made.folder.stat().st_mode & 0o777 == 0o700
    assert [(made.folder / n).stat().st_mode & 0o777 for n in "xy"] == [0o700, 0o400]
    made.remove()
    os.close(made.lock)


def test_a_base_that_somebody_else_prepared_is_not_used(base):
    find_base()
    for spoil in (lambda: base.chmod(0o777), lambda: (base.rmdir(), base.symlink_to("/"))):
        spoil()
        assert find_base() != base
    base.unlink()


def test_without_memory_the_files_lie_in_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(memoryfolder, "_is_memory", lambda _place: False)
    (tmp_path / "a").mkdir(0o755)
    made = make_folder(tmp_path / "a")
    assert not made.is_in_memory
    made.write("x", b"1")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    made.remove()
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o755
    assert list((tmp_path / "a").iterdir()) == []
