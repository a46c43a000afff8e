"""The project at hand: its folder, project file and env files, opened under CONTRACT section 5.

A settings file must be regular, ours or root's, at most 1 MiB, and no link out of the repository.
It reads; what the bytes mean is settingsfiles' business.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from devvault.errors import NotFound, Unavailable, WrongUse
from devvault.settingsfiles.project import PROJECT_FILE, PYPROJECT, Project, find_project

FILE_LIMIT = 1024 * 1024
ENV_FILE = ".env"


class Place(NamedTuple):
    """Where we are. `folder` (a real path) is what folder trust knows; `file` the project file."""

    cwd: Path
    folder: Path
    project: Project
    file: Path | None = None

    @property
    def env_files(self) -> list[Path]:
        """The env files that apply: the project's, else the nearest `.env` upwards."""
        if self.file is not None and self.project.env_files:
            return [self.file.parent / name for name in self.project.env_files]
        # A link that leads nowhere is there too: it is told, not passed over.
        paths = (at / ENV_FILE for at in self.upwards())
        return next(([path] for path in paths if path.is_symlink() or path.exists()), [])

    @property
    def first_env_file(self) -> Path:
        """The env file that a new setting goes to, there or not."""
        found = self.env_files
        if found:
            return found[0]
        return (self.file.parent if self.file else self.folder) / ENV_FILE

    def upwards(self) -> list[Path]:
        """Return the folders from the working directory up to the project's."""
        return _upwards(self.cwd, self.folder)


# What tells one state of a file from another; None for a file that is not there.
Signature = tuple[int, ...] | None


def signature(path: Path) -> Signature:
    """Return what tells whether a file is another one or was written; take it before reading."""
    try:
        link, facts = path.lstat(), path.stat()
    except OSError:
        return None
    return (
        link.st_ino, link.st_mtime_ns, facts.st_dev, facts.st_ino, facts.st_size,
        facts.st_mtime_ns, facts.st_mode, facts.st_uid,
    )  # fmt: skip


def usual_files(cwd: Path | None = None) -> dict[Path, Signature]:
    """Return where a project file or a `.env` counts, there or not, as it is now."""
    here = _here(cwd)
    folders = _upwards(here, find_folder(here))
    names = (PROJECT_FILE, PYPROJECT, ENV_FILE)
    return {at / name: signature(at / name) for at in folders for name in names}


def find_folder(cwd: Path | None = None) -> Path:
    """Return the real path of the repository around us, else of the working directory."""
    here = _here(cwd)
    for at in (here, *here.parents):
        try:
            owner = (at / ".git").lstat().st_uid
        except OSError:
            continue
        # A `.git` that somebody else put above us makes no repository.
        if owner in (os.geteuid(), 0):
            return at
    return here


def open_place(
    cwd: Path | None = None, environment: str | None = None, *, only: tuple[bytes, ...] = ()
) -> Place:
    """Return where we are, the project file read; `environment` picks one of its environments.

    With `only`, a file that holds none of these words is not parsed: a TOML parser takes as long
    to load as one secret to resolve.

    Raises:
        WrongUse: the project file is another user's, malformed, or has no such environment.
    """
    here = _here(cwd)
    folder = find_folder(here)
    chosen = environment or os.environ.get("DEVVAULT_ENVIRONMENT") or None
    for at in _upwards(here, folder):
        for name in (PROJECT_FILE, PYPROJECT):
            path = at / name
            if not os.path.lexists(path):
                continue
            data = read_settings(path, folder)
            if only and chosen is None and _has_none(name, data, only):
                if name == PROJECT_FILE:
                    return Place(here, folder, Project(), path)
                continue
            project = find_project(name, data)
            if project is not None:
                seen = project if chosen is None else project.for_environment(chosen)
                return Place(here, folder, seen, path)
    if chosen is not None:
        raise WrongUse(
            f"there is no project file that knows the environment {chosen}",
            hint="devvault help configuration",
        )
    return Place(here, folder, Project())


def read_settings(path: Path, folder: Path) -> bytes:
    """Return the bytes of a settings file.

    Raises:
        NotFound: there is none.
        WrongUse: it leads out of the folder, is no regular file, another user's, or too large.
        Unavailable: it cannot be read.
    """
    try:
        real = path.resolve(strict=True)
        if path.is_symlink() and not real.is_relative_to(folder):
            raise WrongUse(
                f"{path} is a link that leads out of {folder}",
                hint=f"--env-file {real}" if real.name.startswith(ENV_FILE) else None,
            )
        # Not blocking: opening a FIFO would wait for a writer for ever.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
        descriptor = os.open(real, flags)
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "it leads in a circle"
        raise Unavailable(f"cannot read {path}: {reason}") from error
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise WrongUse(f"{path} is no regular file")
        if facts.st_uid not in (os.geteuid(), 0):
            raise WrongUse(f"{path} belongs to another user (uid {facts.st_uid})")
        if facts.st_size > FILE_LIMIT:
            raise WrongUse(f"{path} is larger than 1 MiB")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(FILE_LIMIT + 1)
    finally:
        os.close(descriptor)
    if len(data) > FILE_LIMIT:
        raise WrongUse(f"{path} is larger than 1 MiB")
    return data


def _has_none(name: str, data: bytes, words: tuple[bytes, ...]) -> bool:
    """Say whether a file can say nothing of these words; an escape might spell any of them."""
    if name == PYPROJECT:
        words = (b"devvault",)
    return not any(word in data for word in (*words, b"\\"))


def _here(cwd: Path | None) -> Path:
    try:
        return (cwd or Path.cwd()).resolve(strict=True)
    except OSError as error:
        raise WrongUse("the working directory is gone", hint="cd") from error


def _upwards(here: Path, folder: Path) -> list[Path]:
    found = [at for at in (here, *here.parents) if at.is_relative_to(folder)]
    return found or [here]
