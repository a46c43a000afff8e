"""What is read out of a diff is what git has: for any content, and any change of it."""

from __future__ import annotations

import io
import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devvault.scan.changes import Entry, changes, unquoted
from devvault.scan.repository import GIT, QUIET
from devvault.scan.staged import STAGED, staged_texts

LINES = st.sampled_from(
    [
        b"", b"a", b"b", b"+a", b"-a", b" a", b"\\ No newline at end of file", b"@@ -1 +1 @@ x",
        b"diff --git a/x b/x", b"--- a/x", b"+++ b/x", b"\x01abc", b"Binary files a and b differ",
        b":100644 100644 abc def M\tx", b"\r", b"a\r", b"\xff\xfe", b"\xc3\xbc", b"\t",
        b"index 1..2",
    ]
)  # fmt: skip
CONTENT = st.lists(LINES, max_size=8).flatmap(
    lambda lines: st.sampled_from([b"\n".join(lines), b"".join(line + b"\n" for line in lines)])
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("repo")
    subprocess.run(["git", "init", "-q"], cwd=made, check=True)
    return made


def git(folder, *words, data=None):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.autocrlf=false")
    done = subprocess.run(
        [*GIT, *who, *words],
        cwd=folder,
        input=data,
        capture_output=True,
        env={**kept, **QUIET, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def put(folder, files):
    lines = []
    for name, data in files.items():
        id = git(folder, "hash-object", "-w", "--stdin", "--no-filters", data=data).strip()
        lines.append(b"100644 %b\t%b\0" % (id, name))
    git(folder, "read-tree", "--empty")
    git(folder, "update-index", "-z", "--index-info", data=b"".join(lines))


@settings(max_examples=40)
@given(before=CONTENT, after=CONTENT, other=CONTENT)
def test_staged_content_is_the_blob_and_added_lines_are_new(folder, before, after, other):
    put(folder, {b"f": before, b"g": b"same\n"})
    tree = git(folder, "write-tree").decode().strip()
    commit = git(folder, "commit-tree", tree, "-m", "x").decode().strip()
    git(folder, "update-ref", "HEAD", commit)
    put(folder, {b"f": after, b"g": b"same\n", b"new \n\"'\\": other})
    out = git(folder, *STAGED, "-M")
    entries: list[Entry] = []
    found = {
        change.path: change
        for change in changes(io.BytesIO(out), entries)
        if change.path is not None and not change.is_binary
    }
    if before != after:
        assert found[b"f"].data == after
        old = before.split(b"\n")
        for number, line in zip(found[b"f"].numbers, found[b"f"].lines, strict=True):
            if number not in found[b"f"].added:
                assert line.rstrip(b"\n") in old
    else:
        assert b"f" not in found
    if other:
        assert found[b"new \n\"'\\"].data == other
        assert found[b"new \n\"'\\"].added == set(found[b"new \n\"'\\"].numbers)
    texts = {text.name for text in staged_texts(io.BytesIO(out), lambda ids: iter(()))}
    assert texts <= {"f", "new \n\"'\\"}


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (b"plain", b"plain"),
        (b'"a\\nb"', b"a\nb"),
        (b'"\\303\\274\\"\\\\"', b'\xc3\xbc"\\'),
        (b'"', b'"'),
        (b'"\\t x"', b"\t x"),
    ],
)
def test_quoted_names(written, name):
    assert unquoted(written) == name


def test_two_files_with_one_content_are_both_read():
    out = (
        b":000000 100644 0000000 1234567 A\ta.bin\n:000000 100644 0000000 1234567 A\tb.bin\n\n"
        b"diff --git a/a.bin b/a.bin\nBinary files /dev/null and b/a.bin differ\n"
        b"diff --git a/b.bin b/b.bin\nBinary files /dev/null and b/b.bin differ\n"
    )
    texts = list(staged_texts(io.BytesIO(out), lambda ids: iter([(ids[0], b"\0x")])))
    assert [text.name for text in texts] == ["a.bin", "b.bin"]


def test_blank_lines_count_where_git_prints_them_without_a_sign(folder):
    before = b"a\n\nb\n\nc\n"
    put(folder, {b"f": before})
    tree = git(folder, "write-tree").decode().strip()
    commit = git(folder, "commit-tree", tree, "-m", "x").decode().strip()
    git(folder, "update-ref", "HEAD", commit)
    put(folder, {b"f": before + b"d\n"})
    out = git(folder, "-c", "diff.suppressBlankEmpty=true", *STAGED, "-M")
    (change,) = changes(io.BytesIO(out))
    assert change.data == before + b"d\n"
    assert change.added == {6}


@pytest.mark.parametrize("head", [b"@@ -0,0 +1,5 @@\n+a\n+b\n", b"@@ -1,3 +1,5 @@\n a\n+b\n"])
def test_a_diff_that_ends_in_the_middle_has_a_number_for_each_line(head):
    (change,) = changes(io.BytesIO(b"diff --git a/f b/f\n--- a/f\n+++ b/f\n" + head))
    assert change.lines == [b"a\n", b"b\n"]
    assert list(change.numbers) == [1, 2]
