"""The temporary folder of a test run: locked while the run lives, so that a dead run's is known.

A killed run leaves its daemon and its key behind; the next one ends and removes both.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from devvault.errors import DevvaultError
from devvault.paths import check_private

_NEW, _HELD = "devvault-new-", "devvault-test-"
_LOCK = "lock"


@contextmanager
def hold_folder(end: Callable[[Path], None]) -> Iterator[Path]:
    """Make a folder and remove it after the block, and those that dead runs left behind.

    `end` stops what still runs in such a folder.
    """
    # Not below pytest's own folder: that one stays for three runs, and a socket's path is short.
    base = Path(tempfile.gettempdir())
    _sweep(base, end)
    made = Path(tempfile.mkdtemp(prefix=_NEW, dir=base))
    lock = _locked(made / _LOCK, os.O_CREAT)
    # Only now may another run find it.
    folder = made.rename(base / made.name.replace(_NEW, _HELD, 1))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _sweep(base: Path, end: Callable[[Path], None]) -> None:
    for folder in base.glob(f"{_HELD}*"):
        # What is not ours, or goes away meanwhile, is none of our business.
        with suppress(OSError, DevvaultError):
            check_private(folder, folder=True)
            lock = _locked(folder / _LOCK)
            if lock is None:
                continue
            try:
                end(folder)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _locked(path: Path, more: int = 0) -> int | None:
    """Return a descriptor that holds the lock, None where a live run holds it."""
    found = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | more, 0o600)
    try:
        fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(found)
        return None
    return found
