"""git, as the check uses it: read-only, started with nothing that the repository may choose.

A repository's own configuration must not make git start a program for us, or fetch from afar.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from devvault.errors import Unavailable, WrongUse
from devvault.scan.text import SIZE_LIMIT

GIT = (
    "git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false",
    "-c", "log.showSignature=false", "-c", f"core.bigFileThreshold={SIZE_LIMIT}",
    # A clone can bring along a folder that looks like a repository, configuration and all.
    "-c", "safe.bareRepository=explicit",
)  # fmt: skip


# Nothing is fetched (older versions of git know protocols alone), nobody is asked, and what it says
# can be told apart.
QUIET = {
    "LC_ALL": "C",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
}


def environment() -> dict[str, str]:
    """Return what git gets: ours, and that it neither fetches nor asks."""
    return {**os.environ, **QUIET}


def git(
    folder: Path,
    *words: str,
    data: bytes | None = None,
    settings: Mapping[str, str] | None = None,
) -> bytes:
    """Run git, with more settings if need be, and return what it prints.

    Raises:
        Unavailable: git is missing, or refuses.
    """
    try:
        done = subprocess.run(
            [*GIT, *words],
            cwd=folder,
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            check=False,
            env={**environment(), **_configured(settings)},
        )
    except OSError as error:
        raise _no_git() from error
    if done.returncode:
        raise refusal(done.stderr, done.returncode)
    return done.stdout


def stage(folder: Path, name: str, data: bytes) -> None:
    """Put a file's new content into the index; its mode stays.

    Writing the index makes git look at files of its own age again: through the repository's
    filters, and with a hook at the end. Neither is started; git looks again when the user asks it.

    Raises:
        Unavailable: as `git`.
    """
    listed = git(folder, "--literal-pathspecs", "ls-files", "-s", "-z", "--", name)
    mode = listed.partition(b" ")[0] or b"100644"
    made = git(folder, "hash-object", "-w", "--stdin", "--no-filters", data=data).strip()
    info = b"%b %b\t%b\0" % (mode, made, os.fsencode(name))
    still = {"core.hooksPath": os.devnull, **dict.fromkeys(_filters(folder), "")}
    git(folder, "update-index", "-z", "--index-info", data=info, settings=still)


def _filters(folder: Path) -> list[str]:
    """Return the settings that name a program that files go through on their way into the index."""
    names = git(folder, "config", "-z", "--name-only", "--list").split(b"\0")
    return [
        os.fsdecode(name)
        for name in dict.fromkeys(names)
        if name.startswith(b"filter.") and name.endswith((b".clean", b".process", b".required"))
    ]


def _configured(settings: Mapping[str, str] | None) -> dict[str, str]:
    """Return the variables that give git settings; no name or value of one is parsed by it."""
    if not settings:
        return {}
    given = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings.items()):
        given[f"GIT_CONFIG_KEY_{number}"] = name
        given[f"GIT_CONFIG_VALUE_{number}"] = value
    return given


@contextlib.contextmanager
def streamed(folder: Path, *words: str) -> Iterator[IO[bytes]]:
    """Run git and read what it prints as it comes; what is left unread ends it.

    Raises:
        Unavailable: git is missing, or ended with an error; then what was read is not all.
    """
    try:
        running = subprocess.Popen(
            [*GIT, *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
    except OSError as error:
        raise _no_git() from error
    assert running.stdout is not None, "it is a pipe"
    assert running.stderr is not None, "as above"
    try:
        yield running.stdout
        running.stdout.close()
        told = running.stderr.read()
        if running.wait():
            raise refusal(told, running.returncode)
    finally:
        if running.poll() is None:
            running.kill()
            running.wait()
        running.stdout.close()
        running.stderr.close()


def refusal(stderr: bytes, code: int) -> Unavailable:
    """Return the error that git's own words make."""
    told = stderr.decode("utf-8", "replace").strip().splitlines()
    why = told[0].removeprefix("fatal: ").removeprefix("error: ") if told else f"exit code {code}"
    plain = "".join(c if c.isprintable() else "?" for c in why)
    return Unavailable(f"git cannot tell what there is: {plain}", hint="git status")


def find_top(folder: Path) -> Path | None:
    """Return the work tree's top around a folder, None where there is no repository."""
    for at in (folder, *folder.parents):
        if os.path.lexists(at / ".git"):
            return at
    return None


def blobs(folder: Path, ids: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
    """Return the content of blobs, one after the other; None for what is missing or too large."""
    if not ids:
        return
    sizes = git(
        folder, "cat-file", "--batch-check", data="".join(f"{one}\n" for one in ids).encode()
    )
    facts = [line.split(b" ") for line in sizes.splitlines()]
    wanted = [
        one
        for one, fact in zip(ids, facts, strict=True)
        if len(fact) == 3 and fact[1] == b"blob" and int(fact[2]) <= SIZE_LIMIT
    ]
    for one in ids:
        if one not in wanted:
            yield one, None
    for one in wanted:  # one at a time: they may be large
        yield one, git(folder, "cat-file", "blob", one)


def check_revision(word: str) -> str:
    """Return a revision or range that is no option.

    Raises:
        WrongUse: git would take it for one.
    """
    if not word or word.startswith("-") or not word.isprintable() or any(c.isspace() for c in word):
        raise WrongUse("this is no range of commits", hint="devvault check --range main..HEAD")
    return word


def _no_git() -> Unavailable:
    return Unavailable("git cannot be started", hint="apt install git")
