"""The texts to check: named files and folders, stdin, the work tree, what is staged.

Staged means the blobs in the index, not the files beside them, and of those the added lines.
What is no text, too large or unreadable is counted as skipped, with the reason; never silently.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from devvault.errors import Unavailable, WrongUse

SIZE_LIMIT = 1024 * 1024
STDIN_NAME = "-"

_SKIPPED_FOLDERS = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".mypy_cache"}
)
_HUNK = re.compile(rb"@@ -\S+ \+(\d+)(?:,(\d+))? @@")
# A repository's own configuration must not make git start anything for us.
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
_DIFF = ("diff", "--cached", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")


@dataclass(frozen=True, slots=True)
class Text:
    """One text: its name for reports, what it holds, and which lines count (None: all).

    `skipped` says why there is no text; `size` is in bytes as read.
    """

    name: str
    text: str = ""
    size: int = 0
    lines: frozenset[int] | None = None
    skipped: str | None = None

    def __repr__(self) -> str:
        """Leave the text out: it may hold what is looked for."""
        return f"Text({self.name!r}, {self.size} bytes)"


def from_bytes(name: str, data: bytes, lines: frozenset[int] | None = None) -> Text:
    """Return the text of some bytes; what is binary or too large is skipped."""
    if len(data) > SIZE_LIMIT:
        return Text(name, skipped="larger than 1 MiB")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    elif b"\0" in data:
        return Text(name, skipped="not text")
    else:
        text = data.decode("utf-8-sig", "replace")
    return Text(name, text, len(data), lines)


def from_paths(names: Iterable[str]) -> Iterator[Text]:
    """Return the texts of named files, and of all files below named folders."""
    for name in names:
        path = Path(name)
        if path.is_dir() and not path.is_symlink():
            for inside in _walk(path):
                yield _read(inside)
        else:
            yield _read(path)


def from_tree(folder: Path) -> Iterator[Text]:
    """Return the texts of a work tree: what git tracks or would track, else every file."""
    if not (folder / ".git").exists():
        for path in _walk(folder):
            yield _read(path, shown=str(path.relative_to(folder)))
        return
    listed = _git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in dict.fromkeys(listed.split(b"\0")):
        path = folder / os.fsdecode(name)
        if name and os.path.lexists(path):
            yield _read(path, shown=os.fsdecode(name))


def from_index(folder: Path) -> Iterator[Text]:
    """Return what is staged: the blob of each added or changed file, and which lines are new."""
    chosen = "--diff-filter=ACMRT"
    names = [
        name for name in _git(folder, *_DIFF, chosen, "--name-only", "-z").split(b"\0") if name
    ]
    added = _added_lines(_git(folder, *_DIFF, chosen, "-U0"))
    if len(added) != len(names):
        raise Unavailable("git's list of staged files and its changes differ", hint="git status")
    blobs = _blobs(folder, names)
    for name, lines, blob in zip(names, added, blobs, strict=True):
        if blob is None:
            continue  # a submodule, or a link
        yield from_bytes(os.fsdecode(name), blob, lines)


def _added_lines(changes: bytes) -> list[frozenset[int]]:
    """Return the added lines of each file of a diff, in its order."""
    found: list[set[int]] = []
    for line in changes.split(b"\n"):
        if line.startswith(b"diff --git "):
            found.append(set())
        elif found and (hunk := _HUNK.match(line)):
            first = int(hunk[1])
            found[-1].update(range(first, first + int(hunk[2] or b"1")))
    return [frozenset(lines) for lines in found]


def _blobs(folder: Path, names: list[bytes]) -> list[bytes | None]:
    """Return the staged content of files; None for what is no file."""
    if any(b"\n" in name for name in names):
        raise WrongUse("a staged file has a line break in its name", hint="git status")
    asked = b"".join(b":%b\n" % name for name in names)
    out = _git(folder, "cat-file", "--batch", data=asked)
    found: list[bytes | None] = []
    for _ in names:
        head, _, out = out.partition(b"\n")
        facts = head.rsplit(b" ", 2)
        if len(facts) != 3 or not facts[2].isdigit():
            found.append(None)
            continue
        size = int(facts[2])
        found.append(out[:size] if facts[1] == b"blob" else None)
        out = out[size + 1 :]
    return found


def _git(folder: Path, *words: str, data: bytes | None = None) -> bytes:
    try:
        done = subprocess.run(
            [*_GIT, *words], cwd=folder, input=data, capture_output=True, check=False
        )
    except OSError as error:
        raise Unavailable("git cannot be started", hint="apt install git") from error
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = told[0].removeprefix("fatal: ") if told else f"exit code {done.returncode}"
        raise Unavailable(f"git cannot tell what there is: {why}", hint="git status")
    return done.stdout


def _walk(folder: Path) -> Iterator[Path]:
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
        for name in sorted(files):
            yield Path(at) / name


def _read(path: Path, shown: str | None = None) -> Text:
    name = shown or str(path)
    try:
        # Not blocking: a FIFO has no writer that we could wait for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        return Text(name, skipped=(error.strerror or "unreadable").lower())
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return Text(name, skipped="no regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return from_bytes(name, file.read(SIZE_LIMIT + 1))
    except OSError as error:
        return Text(name, skipped=(error.strerror or "unreadable").lower())
    finally:
        os.close(descriptor)
