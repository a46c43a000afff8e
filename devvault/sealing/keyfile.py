"""The master key in a file outside the home: for throw-away homes and CI, and it says so.

Whoever reads the file opens the vault: it must be a plain file of ours with mode 0600. It is
replaced as a whole, durably; the anchor rests in a file beside it.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from devvault.errors import Damaged, NotFound, Unavailable
from devvault.paths import check_private


class KeyFile:
    """The key source `file`."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._anchor = path.with_name(path.name + ".anchor")

    def protect(self, home: str, generation: int, master: bytes) -> bytes:
        """Write the key durably, read it back, and return an empty slot."""
        keys = self._read(home) if self._path.exists() or self._path.is_symlink() else {}
        keys[str(generation)] = base64.b64encode(master).decode()
        self._write(home, keys)
        if self.reveal(home, generation, b"") != master:
            raise Unavailable(f"the key file {self._path} does not keep what is written to it")
        return b""

    def reveal(self, home: str, generation: int, slot: bytes) -> bytes:  # noqa: ARG002  # no slot
        """Return the key that the file holds."""
        if not self._path.exists() and not self._path.is_symlink():
            raise NotFound(
                f"the key file {self._path} is not there",
                code="KeyNotFound",
                hint="put it back, or use the recovery key: devvault unlock --recovery",
            )
        found = self._read(home).get(str(generation))
        if found is None:
            raise NotFound(
                f"the key file {self._path} has no key of generation {generation} for this home",
                code="KeyNotFound",
                hint="devvault unlock --recovery",
            )
        try:
            key = base64.b64decode(found, validate=True)
        except ValueError as error:
            raise self._damaged() from error
        if len(key) != 32:
            raise self._damaged()
        return key

    def forget(self, home: str, generation: int) -> None:
        """Take the key of a generation out of the file."""
        if self._path.exists():
            keys = self._read(home)
            if keys.pop(str(generation), None) is not None:
                self._write(home, keys)

    def generations(self, home: str) -> list[int]:
        """Return the generations in the file."""
        if not self._path.exists():
            return []
        return sorted(int(number) for number in self._read(home))

    def read_anchor(self, home: str) -> bytes | None:  # noqa: ARG002  # a file is one home's
        """Return the anchor beside the key file."""
        return read_private(self._anchor)

    def write_anchor(self, home: str, anchor: bytes) -> None:  # noqa: ARG002  # as above
        """Replace the anchor beside the key file."""
        replace_private(self._anchor, anchor)

    def _read(self, home: str) -> dict[str, str]:
        data = read_private(self._path) or b""
        try:
            body: dict[str, Any] = json.loads(data)
            said, keys = body["home"], body["keys"]
            if not all(number.isdigit() and isinstance(key, str) for number, key in keys.items()):
                raise self._damaged()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._damaged() from error
        if said != home:
            raise NotFound(
                f"the key file {self._path} belongs to another home",
                code="KeyNotFound",
                hint="name the right file with --key-file",
            )
        return dict(keys)

    def _write(self, home: str, keys: dict[str, str]) -> None:
        replace_private(self._path, json.dumps({"home": home, "keys": keys}).encode() + b"\n")

    def _damaged(self) -> Damaged:
        return Damaged(
            f"the key file {self._path} cannot be read as a key file",
            hint="put the right file back, or: devvault unlock --recovery",
        )


def read_private(path: Path) -> bytes | None:
    """Return what a 0600 file of ours holds, or None where there is none.

    Raises:
        WrongUse: it is a link, not ours, or others can read it.
    """
    if not path.exists() and not path.is_symlink():
        return None
    check_private(path, folder=False)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def replace_private(path: Path, data: bytes) -> None:
    """Replace a file as a whole: temporary file, sync, rename, sync of the folder.

    Raises:
        Unavailable: it cannot be written.
    """
    if path.is_symlink() or path.exists():
        check_private(path, folder=False)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise Unavailable(f"cannot write {path}: {error.strerror}") from error
