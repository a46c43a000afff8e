"""The texts to check: named files and folders, stdin, the work tree, what is staged, history.

Staged means the blobs in the index, not the files beside them, and of those the added lines.
What is no text, too large or unreadable is counted as skipped, with the reason; never silently.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO

from devvault.errors import Unavailable
from devvault.scan.changes import MARK, Change, changes
from devvault.scan.repository import blobs, check_revision, find_top, git, streamed
from devvault.scan.staged import DIFF, STAGED, staged_texts
from devvault.scan.text import SIZE_LIMIT, Text, from_bytes, in_parts, too_large

__all__ = [
    "SIZE_LIMIT", "STDIN_NAME", "Text", "from_bytes", "from_history", "from_index", "from_paths",
    "from_push", "from_stream", "from_tree",
]  # fmt: skip

STDIN_NAME = "-"

_SKIPPED_FOLDERS = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".mypy_cache"}
)
_LOG = ("log", "-p", "--cc", "-U0", "--diff-filter=d", "--no-show-signature", *DIFF)
_ZERO = "0" * 40


def from_paths(names: Iterable[str]) -> Iterator[Text]:
    """Return the texts of named files, and of all files below named folders."""
    for name in names:
        path = Path(name)
        if path.is_dir() and not path.is_symlink():
            for inside in _walk(path):
                yield from _read(inside)
        else:
            yield from _read(path, follow=True)


def from_stream(name: str, stream: IO[bytes]) -> Iterator[Text]:
    """Return the text that an open stream holds."""
    yield from in_parts(name, stream.read)


def from_tree(folder: Path) -> Iterator[Text]:
    """Return the texts of a work tree: what git tracks or would track, else every file."""
    if find_top(folder) != folder:
        for path in _walk(folder):
            yield from _read(path, shown=str(path.relative_to(folder)))
        return
    listed = git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in dict.fromkeys(listed.split(b"\0")):
        if not name:
            continue
        path = folder / os.fsdecode(name)
        if os.path.lexists(path):  # else deleted, or left out of a sparse work tree
            yield from _read(path, shown=os.fsdecode(name))


def from_index(folder: Path) -> Iterator[Text]:
    """Return what is staged: the blob of each added or changed file, and which lines are new."""
    try:
        yield from _staged(folder, "-M")
    except Unavailable:
        # A partial clone may lack what a rename would be compared with.
        yield from _staged(folder, "--no-renames")


def _staged(folder: Path, *how: str) -> Iterator[Text]:
    with streamed(folder, *STAGED, *how) as out:
        yield from staged_texts(out, partial(blobs, folder))


def from_history(folder: Path, revisions: tuple[str, ...]) -> Iterator[Text]:
    """Return the lines that each commit of a range added, or of every branch for `("--all",)`."""
    words = [word if word in ("--all", "--not", "--remotes") or word.startswith("--remotes=")
             else check_revision(word) for word in revisions]  # fmt: skip
    form = f"--format={MARK.decode()}%H"
    with streamed(folder, *_LOG, form, *words, "--") as out:
        for change in changes(out):
            if change.path is not None and change.added:
                yield _added(change)
            elif change.is_binary:
                name = os.fsdecode(change.path or b"a binary file")
                yield Text(name, skipped="not text", commit=change.commit.decode()[:12])


def _added(change: Change) -> Text:
    kept = [
        (number, line)
        for number, line in zip(change.numbers, change.lines, strict=True)
        if number in change.added
    ]
    return from_bytes(
        os.fsdecode(change.path or b""),
        b"".join(line for _, line in kept),
        commit=change.commit.decode()[:12],
        numbers=[number for number, _ in kept],
    )


def from_push(folder: Path, remote: str, lines: Iterable[str]) -> Iterator[Text]:
    """Return what a push would publish, as git tells its pre-push hook on stdin."""
    for line in lines:
        words = line.split()
        if len(words) != 4 or set(words[1]) == {"0"}:
            continue  # a branch is deleted
        local, known = words[1], words[3]
        if set(known) != {"0"} and _has(folder, known):
            yield from from_history(folder, (f"{known}..{local}",))
        elif remote and not remote.startswith("-") and "/" not in remote:
            yield from from_history(folder, (local, "--not", f"--remotes={remote}"))
        else:
            yield from from_history(folder, (local, "--not", "--remotes"))


def _has(folder: Path, id: str) -> bool:
    try:
        git(folder, "cat-file", "-e", f"{check_revision(id)}^{{commit}}")
    except Unavailable:
        return False
    return True


def _walk(folder: Path) -> Iterator[Path]:
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
        for name in sorted(files):
            yield Path(at) / name


def _read(path: Path, shown: str | None = None, *, follow: bool = False) -> Iterator[Text]:
    name = shown or str(path)
    # Not blocking: a FIFO has no writer that we could wait for.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        if not follow and path.is_symlink():
            return  # what it leads to is checked where it is
        descriptor = os.open(path, flags)
    except OSError as error:
        yield Text(name, skipped=(error.strerror or "unreadable").lower())
        return
    try:
        facts = os.fstat(descriptor)
        if stat.S_ISDIR(facts.st_mode):
            yield Text(name, skipped="a submodule, to be checked for itself")
        elif not stat.S_ISREG(facts.st_mode):
            yield Text(name, skipped="no regular file")
        elif facts.st_size > SIZE_LIMIT:
            yield Text(name, skipped=too_large())
        else:
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                yield from in_parts(name, file.read)
    except OSError as error:
        yield Text(name, skipped=(error.strerror or "unreadable").lower())
    finally:
        os.close(descriptor)
