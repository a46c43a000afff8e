from __future__ import annotations

import os
import subprocess

import pytest

from devvault.errors import Unavailable
from devvault.scan.sources import SIZE_LIMIT, from_bytes, from_index, from_paths, from_tree


@pytest.fixture
def git(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "repo"
    folder.mkdir()

    def run(*words):
        who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)

    run("init", "-q")
    run.folder = folder
    return run


def test_text_and_what_is_none():
    assert from_bytes("a", b"\xef\xbb\xbfA=1\n").text == "A=1\n"
    assert from_bytes("a", "A=ü".encode("utf-16")).text == "A=ü"
    assert from_bytes("a", b"A\0B").is_binary
    assert from_bytes("a", b"x" * (SIZE_LIMIT + 1)).skipped == "larger than 128 MiB"
    assert "A=1" not in repr(from_bytes("a", b"A=1"))


def test_files_folders_and_what_cannot_be_read(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_text("1")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("no")
    os.mkfifo(tmp_path / "fifo")
    found = {text.name: text.skipped for text in from_paths([str(tmp_path), str(tmp_path / "no")])}
    assert found == {
        str(tmp_path / "b" / "x"): None,
        str(tmp_path / "fifo"): "no regular file",
        str(tmp_path / "no"): "no such file or directory",
    }


def test_staged_is_the_index_and_its_added_lines(git):
    path = git.folder / "a.txt"
    path.write_text("one\ntwo\nthree\n")
    git("add", "a.txt")
    git("commit", "-qm", "x")
    path.write_text("one\nnew\nthree\nmore\n")
    (git.folder / "with blank ü.txt").write_text("++ x\n-- y\n@@ -1 +7 @@\n")
    git("add", "-A")
    path.write_text("not staged\n")
    found = {text.name: text for text in from_index(git.folder)}
    assert found["a.txt"].text == "one\nnew\nthree\nmore\n"
    assert found["a.txt"].lines == {2, 4}
    assert found["with blank ü.txt"].lines == {1, 2, 3}
    assert len(found) == 2


def test_staged_deletions_links_binaries_and_nothing(git):
    assert list(from_index(git.folder)) == []
    (git.folder / "gone").write_text("x\n")
    git("add", "-A")
    git("commit", "-qm", "x")
    (git.folder / "gone").unlink()
    (git.folder / "bin").write_bytes(b"\0\1\2")
    (git.folder / "empty").write_text("")
    (git.folder / "link").symlink_to("bin")
    git("add", "-A")
    found = {text.name: text for text in from_index(git.folder)}
    assert (found["bin"].is_binary, found["bin"].data) == (True, b"\0\1\2")
    assert found["empty"].text == ""
    assert "gone" not in found


def test_the_tree_is_what_git_would_take(git):
    (git.folder / ".gitignore").write_text("ignored\n")
    (git.folder / "ignored").write_text("x")
    (git.folder / "new").write_text("x")
    assert sorted(text.name for text in from_tree(git.folder)) == [".gitignore", "new"]


def test_no_repository(tmp_path):
    (tmp_path / "a").write_text("x")
    assert [text.name for text in from_tree(tmp_path)] == ["a"]
    with pytest.raises(Unavailable, match="git"):
        list(from_index(tmp_path))
