"""A folder of files that never reach a disk, seen under a name of the user's; gone with its owner.

On Linux it lies on a memory file system, and the name is a link to it. A lock says that the owner
lives: what one that was killed left behind goes with the next folder that is made.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from devvault.errors import Unavailable, WrongUse

_MEMORY = frozenset({"tmpfs", "ramfs"})
_PREFIX = "mount-"
_LOCK = ".lock"


class MemoryFolder:
    """A private folder that `name` leads to. Made by `make_folder`, ended by `remove`."""

    def __init__(self, name: Path, folder: Path, lock: int, mode: int | None) -> None:
        self.name = name
        self.folder = folder
        self.lock = lock
        self._mode = mode

    @property
    def is_in_memory(self) -> bool:
        """Whether what is written there stays off the disk."""
        return self.folder != self.name

    def write(self, name: str, data: bytes, mode: int = 0o600) -> None:
        """Write a file that only its owner reads."""
        path = self.folder / name
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), mode & 0o700)
        except OSError as error:
            raise Unavailable(f"cannot write {name} into {self.name}: {error.strerror}") from error

    def remove(self) -> None:
        """Remove the files, and put back what stood under the name. It never fails."""
        with contextlib.suppress(OSError):
            if self.is_in_memory and self.name.readlink() == self.folder:
                self.name.unlink()
                if self._mode is not None:
                    self.name.mkdir(self._mode)
        shutil.rmtree(self.folder, ignore_errors=True)
        if not self.is_in_memory and self._mode is not None:
            with contextlib.suppress(OSError):
                self.name.mkdir(self._mode)
        if self.is_in_memory:
            with contextlib.suppress(OSError):
                (self.folder.parent / f"{self.folder.name}{_LOCK}").unlink()


def make_folder(name: Path) -> MemoryFolder:
    """Make a private folder that `name` leads to: in memory, or there where there is no memory.

    Raises:
        WrongUse: something stands under the name that is no empty folder.
        Unavailable: it cannot be made.
    """
    base = find_base()
    if base is not None:
        sweep(base)
    mode = _cleared(name, base)
    try:
        if base is None:
            name.mkdir(0o700)
            return MemoryFolder(name, name, -1, mode)
        folder, lock = _locked_folder(base)
        made = MemoryFolder(name, folder, lock, mode)
        try:
            name.symlink_to(folder)
        except OSError:
            made.remove()
            raise
    except OSError as error:
        raise Unavailable(f"cannot make {name}: {error.strerror}") from error
    return made


def find_base() -> Path | None:
    """Return a private folder of ours on a memory file system; None where there is none."""
    own = f"devvault-{os.geteuid()}"
    for place in (os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.geteuid()}", "/dev/shm"):  # noqa: S108  # checked below: it may be anybody's
        if not place.startswith("/") or not _is_memory(Path(place)):
            continue
        base = Path(place) / own
        with contextlib.suppress(OSError):
            base.mkdir(0o700, exist_ok=True)
            facts = base.lstat()
            if (
                stat.S_ISDIR(facts.st_mode)
                and facts.st_uid == os.geteuid()
                and not facts.st_mode & 0o077
            ):
                return base
    return None


def sweep(base: Path) -> None:
    """Remove the folders whose owners are gone."""
    for lock in sorted(base.glob(f"{_PREFIX}*{_LOCK}")):
        with contextlib.suppress(OSError), _held(lock):
            shutil.rmtree(base / lock.name.removesuffix(_LOCK), ignore_errors=True)
            lock.unlink()


@contextlib.contextmanager
def _held(lock: Path) -> Iterator[None]:
    """Hold a lock that nobody holds; OSError where somebody does."""
    number = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(number)


def _locked_folder(base: Path) -> tuple[Path, int]:
    """Make a folder, its lock held before it is there."""
    while True:
        folder = base / f"{_PREFIX}{secrets.token_hex(8)}"
        path = base / f"{folder.name}{_LOCK}"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock).st_nlink:  # else somebody swept it before we held it
                folder.mkdir(0o700)
                return folder, lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _cleared(name: Path, base: Path | None) -> int | None:
    """Make room under a name; return the mode of the empty folder that stood there, if one did."""
    if name.is_symlink():
        target = name.readlink()
        if base is not None and target.parent == base and not target.exists():
            name.unlink()  # the owner of what it led to was killed
            return None
        raise WrongUse(f"{name} is a link that is there already")
    if not os.path.lexists(name):
        return None
    if not name.is_dir():
        raise WrongUse(f"{name} is there already, and is no folder")
    mode = stat.S_IMODE(name.stat().st_mode)
    try:
        name.rmdir()
    except OSError as error:
        raise WrongUse(f"{name} is there already, and is not empty") from error
    return mode


def _is_memory(place: Path) -> bool:
    """Say whether a folder lies on a file system without a disk."""
    try:
        real = os.path.realpath(place, strict=True)
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False
    best, kind = "", ""
    for line in lines.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = fields[4].replace("\\040", " ")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, after.split(" ")[0]
    return kind in _MEMORY
