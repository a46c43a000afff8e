"""Files that a verb writes and reads for the user: written 0600 and whole, read within a limit."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from devvault.errors import Conflict, NotFound, Unavailable, WrongUse


def write_private(path: str, data: bytes | Iterable[bytes], *, overwrite: bool = False) -> int:
    """Write a file of mode 0600 so that it is there whole or not at all; return its size in bytes.

    Raises:
        WrongUse: the file is there and may not be overwritten, or it is no plain file.
        Unavailable: it cannot be written.
    """
    target = Path(path)
    if target.is_dir():
        raise WrongUse(f"{path} is a folder; a file's name is needed")
    if not overwrite and os.path.lexists(target):
        raise WrongUse(f"{path} is there already, and is not overwritten", hint=f"mv {path} ...")
    if os.path.lexists(target) and not target.is_file():
        raise WrongUse(f"{path} is no plain file")
    pieces = [data] if isinstance(data, bytes) else data
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    size = 0
    try:
        descriptor = os.open(
            partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            with os.fdopen(descriptor, "wb") as file:
                for piece in pieces:
                    size += file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            if overwrite:
                partial.replace(target)
            else:
                os.link(partial, target)  # refuses where somebody was faster
        finally:
            partial.unlink(missing_ok=True)
    except FileExistsError as error:
        raise WrongUse(f"{path} is there already, and is not overwritten") from error
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from error
    return size


def replace_keeping_mode(path: Path, data: bytes, *, expected: bytes | None = None) -> None:
    """Replace a file's content durably: its mode stays, and a crash leaves the old or the new.

    `expected` is what the file must still hold right before it is replaced.

    Raises:
        Conflict: the file holds something else by now; it stays as it is.
        Unavailable: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        facts = path.stat() if path.exists() else None
        mode = stat.S_IMODE(facts.st_mode) if facts else 0o600
        descriptor = os.open(
            partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                if facts and facts.st_gid != os.fstat(file.fileno()).st_gid:
                    with contextlib.suppress(PermissionError):  # a group that we are not in
                        os.fchown(file.fileno(), -1, facts.st_gid)
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            if expected is not None and path.read_bytes() != expected:
                raise Conflict(f"{path} was changed in the meantime, and stays as it is")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from error


def read_file(path: str, *, limit: int) -> bytes:
    """Return the bytes of a plain file of at most `limit` bytes.

    Raises:
        NotFound: there is no such file.
        WrongUse: it is no plain file, or too large.
        Unavailable: it cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise WrongUse(f"{path} is no plain file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise WrongUse(f"{path} holds more than {limit} bytes")
    return data
