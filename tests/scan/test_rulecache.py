from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from devvault.scan import rule, rulecache

RULES = Path(rule.__file__).parent / "rules"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "rules"
    made.mkdir()
    for path in RULES.glob("*.toml"):
        shutil.copy(path, made)
    return made


def saved(folder):
    rules = rule._read(str(folder))
    rulecache.save(str(folder), [rule._plain(one) for one in rules])
    return rules


def test_what_was_saved_is_what_the_files_say(folder):
    rules = saved(folder)
    assert len(rules) > 100
    kept = rulecache.load(str(folder))
    assert kept is not None
    revived = [rule._revived(plain) for plain in kept]
    assert revived == rules
    assert [one.found for one in revived] == [one.found for one in rules]


def test_it_counts_for_the_very_files_alone(folder):
    saved(folder)
    first = min(folder.glob("*.toml"))
    times = first.stat()
    os.utime(first, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
    assert rulecache.load(str(folder)) is None
    os.utime(first, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert rulecache.load(str(folder)) is not None
    (folder / "more.toml").write_text("")
    assert rulecache.load(str(folder)) is None


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\xe9" * 20, b"N", b"(\x00\x00\x00\x00"])
def test_a_damaged_one_is_none(folder, data):
    saved(folder)
    (path,) = (folder / "__pycache__").glob("*.bin")
    path.write_bytes(data)
    assert rulecache.load(str(folder)) is None
    path.unlink()
    assert rulecache.load(str(folder)) is None


def test_nothing_fails_where_it_cannot_be_written(folder):
    (folder / "__pycache__").write_text("in the way")
    saved(folder)
    assert rulecache.load(str(folder)) is None
    rulecache.save(str(folder / "none"), [])
