"""Which commits of a repository added one of these values? Bounded in time and in commits.

git writes the history into a pipe and the values are compared here: none is ever on a command
line, in a file, or in git's own hands.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from devvault.errors import Unavailable

COMMITS = 5000
SECONDS = 15.0
_LINE = 1024 * 1024
_SHORT = 8
_MARK = b"\x01"
# Nothing that the repository configures may start a program of its choice, or fetch from afar.
_GIT = (
    "git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false",
    "-c", "log.showSignature=false", "-c", "safe.bareRepository=explicit",
)  # fmt: skip
_LOG = (
    "log", "--all", "-p", "--cc", "-U0", "--no-color", "--no-ext-diff", "--no-textconv",
    "--no-renames", "--no-show-signature", "--format=%x01%h%x00%cs%x00%s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """A value to look for, in every form that it may have in a file, and the setting it is of.

    A short value, or one that may be a word, counts only on a line that names its setting too.
    """

    key: str
    texts: tuple[bytes, ...]
    beside: bytes = b""

    def __repr__(self) -> str:
        """Leave the value out."""
        return f"Wanted({self.key!r})"


@dataclass(frozen=True, slots=True)
class Holding:
    """A commit that added values: its short id, date, first line, and the settings' names."""

    commit: str
    date: str
    subject: str
    keys: tuple[str, ...]
    paths: tuple[str, ...]


@dataclass(slots=True)
class History:
    """What was found, newest first; `complete` is false where time or commits ran out."""

    holding: list[Holding] = field(default_factory=list)
    commits: int = 0
    complete: bool = True


def wanted(key: str, value: str) -> Wanted:
    """Return how to look for a setting's value."""
    import json

    line = max(value.splitlines() or [""], key=len).strip()
    is_weak = len(line) < _SHORT or line.isalpha()
    forms = (line, json.dumps(line)[1:-1], json.dumps(line, ensure_ascii=False)[1:-1])
    texts = tuple(dict.fromkeys(form.encode("utf-8", "surrogatepass") for form in forms if form))
    return Wanted(key, texts, key.rpartition(":")[2].encode() if is_weak else b"")


def search(
    folder: Path,
    values: Sequence[Wanted],
    *,
    step: Callable[[int, int], None] | None = None,
    commits: int = COMMITS,
    seconds: float = SECONDS,
    ticks: Callable[[], float] = time.monotonic,
) -> History:
    """Go through the newest commits of every branch, at most so many and for so long.

    `step` is told how many commits are done, and of how many.

    Raises:
        Unavailable: git cannot be started, or not for this folder.
    """
    found = History()
    end = ticks() + seconds
    total = _count(folder, commits)
    if total == 0:
        return found
    found.complete = total < commits
    with _log(folder, commits, seconds) as out:
        for commit in _commits(out):
            found.commits += 1
            if step is not None:
                step(found.commits, total)
            holding = _holding(commit, values)
            if holding is not None:
                found.holding.append(holding)
            if ticks() > end:
                break
    if found.commits < total:
        found.complete = False
    return found


@dataclass(slots=True)
class _Commit:
    """A commit as it is read: what it adds comes line by line."""

    head: bytes
    lines: Iterator[tuple[bytes, bytes]]  # path, added text


def _holding(commit: _Commit, values: Sequence[Wanted]) -> Holding | None:
    keys: dict[str, None] = {}
    paths: dict[str, None] = {}
    for path, line in commit.lines:
        for one in values:
            if any(text in line for text in one.texts) and one.beside in line:
                keys[one.key] = None
                paths[path.decode("utf-8", "replace")] = None
    if not keys:
        return None
    id, _, rest = commit.head.partition(b"\0")
    date, _, subject = rest.partition(b"\0")
    shown = [part.decode("utf-8", "replace").strip() for part in (id, date, subject)]
    return Holding(shown[0], shown[1], shown[2], tuple(keys), tuple(paths))


def _commits(out: IO[bytes]) -> Iterator[_Commit]:
    """Go through a log, commit by commit; each one's lines are read before the next begins."""
    pending: list[bytes] = []

    def lines() -> Iterator[tuple[bytes, bytes]]:
        path, is_head, width = b"", True, 1
        while line := out.readline(_LINE):
            if line.startswith(_MARK):
                pending.append(line[1:])
                return
            if line.startswith(b"diff "):
                is_head = True
            elif is_head and line.startswith(b"+++ "):
                path = line[4:].strip().removeprefix(b"b/")
            elif line.startswith(b"@@"):
                is_head = False
                width = len(line) - len(line.lstrip(b"@")) - 1  # a column for each parent
            elif not is_head and b"+" in line[:width]:
                yield path, line
                while not line.endswith(b"\n") and (more := out.readline(_LINE)):
                    line = line[-65536:] + more
                    yield path, line

    for _ in lines():
        continue
    while pending:
        commit = _Commit(pending.pop(), lines())
        yield commit
        for _ in commit.lines:
            continue


@contextlib.contextmanager
def _log(folder: Path, commits: int, seconds: float) -> Iterator[IO[bytes]]:
    running = subprocess.Popen(
        [*_GIT, *_LOG, f"--max-count={commits}"],
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    # A read from git may wait longer than we would.
    alarm = threading.Timer(seconds + 1, running.kill)
    alarm.daemon = True
    alarm.start()
    try:
        assert running.stdout is not None, "it is a pipe"
        yield running.stdout
    finally:
        alarm.cancel()
        running.kill()
        assert running.stdout is not None, "as above"
        running.stdout.close()
        running.wait()


def _count(folder: Path, commits: int) -> int:
    try:
        done = subprocess.run(
            [*_GIT, "rev-list", "--all", "--count", f"--max-count={commits}"],
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise Unavailable("git cannot be started", hint="apt install git") from error
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = told[0].removeprefix("fatal: ") if told else f"exit code {done.returncode}"
        raise Unavailable(f"git cannot tell the history: {why}", hint="git status")
    return int(done.stdout or b"0")


def _environment() -> dict[str, str]:
    return {**os.environ, "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
