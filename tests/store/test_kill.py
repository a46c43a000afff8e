"""A kill, a full disk: whatever was acknowledged is there, and nothing is half there."""

from __future__ import annotations

import ctypes
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devvault.store.sqlite import SqliteStore
from tests.waiting import LIMIT

_ROOT = Path(__file__).resolve().parents[2]
_ROUNDS = 20


def start(path: Path, told: int, *more: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.writing", str(path), str(told), *map(str, more)],
        stdout=subprocess.PIPE,
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    )


def check_acknowledged(path: Path, lines: list[str]) -> int:
    """Open it and compare with what was acknowledged; return how many rows there are."""
    store = SqliteStore(path)
    store.check()
    with store.read() as reading:
        rows = {row.name: row for row in reading.rows()}
        audit = reading.audit_after(0, 10**9)
    store.close()
    for row in rows.values():
        assert row.sealed == row.name.encode() * 40
    written = [row.sealed.decode() for row in audit]
    # A change and its record are one: what is there is recorded, in one unbroken sequence.
    assert [row.seq for row in audit] == list(range(1, len(audit) + 1))
    assert set(rows) <= set(written)
    acknowledged = set(lines)
    assert acknowledged <= set(written)
    dropped = set(written) - set(rows)
    for name in dropped:
        thread, number = name.split("-")[1:]
        assert thread == "t0"
        assert int(number) % 5 == 3
    return len(rows)


def test_every_acknowledged_write_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "vault.db"
    dice = random.Random(7)
    lines: list[str] = []
    for told in range(_ROUNDS):
        process = start(path, told, 4)
        assert process.stdout is not None
        first = process.stdout.readline().decode().strip()
        time.sleep(dice.random() * 0.12)
        process.kill()
        rest, _ = process.communicate(timeout=LIMIT)
        whole = rest.decode()
        # The last line may be cut by the kill itself.
        lines += [first, *whole[: whole.rfind("\n") + 1].split()]
        if told % 4 == 3:
            check_acknowledged(path, lines)
    assert check_acknowledged(path, lines) > _ROUNDS


@pytest.fixture
def small_disk() -> Iterator[Path | None]:
    """A file system of 1 MiB, or None where none can be mounted."""
    libc = ctypes.CDLL(None, use_errno=True)
    with tempfile.TemporaryDirectory() as folder:
        if not hasattr(libc, "mount") or libc.mount(
            b"tmpfs", folder.encode(), b"tmpfs", 0, b"size=1m,mode=0700"
        ):
            yield None
            return
        try:
            yield Path(folder)
        finally:
            libc.umount2(folder.encode(), 2)


def test_a_full_disk_is_told_and_loses_nothing_acknowledged(
    tmp_path: Path, small_disk: Path | None
) -> None:
    # Without the right to mount, a limit on the size of files stands in for the full disk.
    path = (small_disk or tmp_path) / "vault.db"
    limit = () if small_disk else (400_000,)
    process = start(path, 0, 4, *limit)
    output, _ = process.communicate(timeout=LIMIT)
    lines = output.decode().splitlines()
    refusals = [line for line in lines if line.startswith("refused: ")]
    assert refusals
    assert {line.removeprefix("refused: ") for line in refusals} <= {
        "the disk is full",
        "the disk refuses to read or write the database",
    }
    acknowledged = [line for line in lines if not line.startswith("refused: ")]
    assert acknowledged
    if small_disk:
        # Nothing can be opened for writing on a full disk: look at a copy with room.
        for file in path.parent.iterdir():
            if file.suffix != ".db-shm":
                copy = tmp_path / file.name
                copy.write_bytes(file.read_bytes())
                copy.chmod(0o600)
        path = tmp_path / "vault.db"
    check_acknowledged(path, acknowledged)


def test_a_file_size_limit_is_told_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    test_a_full_disk_is_told_and_loses_nothing_acknowledged(tmp_path, None)
