"""A small file that only its owner reads: checked when it is read, replaced whole and durably.

It is never followed through a link, and a crash leaves the old content or the new, never a mixture.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path

from devvault.errors import Damaged, Unavailable, WrongUse
from devvault.paths import check_private

SIZE_LIMIT = 64 * 1024


def read_private(path: Path) -> bytes | None:
    """Return the content, or None where there is no such file.

    Raises:
        WrongUse: it is a link or no plain file, not ours, or open to group or world.
        Damaged: it is over 64 KiB.
        Unavailable: it cannot be read.
    """
    try:
        check_private(path, folder=False)
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unavailable("read", path, error) from error
    with os.fdopen(fd, "rb") as file:
        # Asked again of what was opened: between the check and the opening it may be another file.
        facts = os.fstat(file.fileno())
        ours = facts.st_uid == os.geteuid() and not facts.st_mode & 0o077
        if not stat.S_ISREG(facts.st_mode) or not ours:
            raise WrongUse(f"{path} was swapped while it was opened")
        try:
            data = file.read(SIZE_LIMIT + 1)
        except OSError as error:
            raise _unavailable("read", path, error) from error
    if len(data) > SIZE_LIMIT:
        raise Damaged(f"{path} is far too long for what it should hold")
    return data


def replace_private(path: Path, data: bytes) -> None:
    """Make this the file's content, durably, with mode 0600.

    Raises:
        WrongUse: what is there is a link or no plain file, not ours, or open to group or world.
        Unavailable: it cannot be written.
    """
    fresh = leftover(path)
    try:
        with contextlib.suppress(FileNotFoundError):
            check_private(path, folder=False)
        fresh.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(fresh, flags, 0o600), "wb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(data)
                file.flush()
                _sync(file.fileno())
            fresh.rename(path)
        except BaseException:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise _unavailable("write", path, error) from error


def remove_private(path: Path) -> None:
    """Remove the file durably, if it is there.

    Raises:
        Unavailable: it cannot be removed.
    """
    try:
        leftover(path).unlink(missing_ok=True)
        path.unlink()
        _sync_folder(path.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unavailable("remove", path, error) from error


def leftover(path: Path) -> Path:
    """Return where a crash in the middle of `replace_private` leaves what it was writing."""
    return path.with_name(path.name + ".new")


def _sync(fd: int) -> None:
    if sys.platform == "darwin":
        import fcntl

        # On macOS fsync leaves the data in the drive's own cache.
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    else:
        os.fsync(fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _unavailable(what: str, path: Path, error: OSError) -> Unavailable:
    return Unavailable(f"cannot {what} {path}: {error.strerror}", hint=f"ls -ld '{path.parent}'")
