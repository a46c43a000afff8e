"""The master key in a file outside the home: for throw-away homes and CI, and it says so.

Whoever reads the file opens the home. It must be a plain file of ours with mode 0600; it holds the
keys of one home, one a generation, and is replaced whole. The anchor stands in a file beside it.
"""

from __future__ import annotations

import base64
import hmac
import json
from pathlib import Path

from devvault.errors import Damaged, NotFound, Unavailable, WrongUse
from devvault.sealing.base import MASTER_SIZE
from devvault.sealing.privatefile import leftover, read_private, remove_private, replace_private

_FORMAT = 1


class KeyFile:
    """A KeySource in a file. That it lies outside the home is checked where it is chosen."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.is_absolute():
            raise WrongUse(f"the path of a key file must be absolute, not {path}")

    @property
    def _anchor(self) -> Path:
        return self._path.with_name(self._path.name + ".anchor")

    def protect(self, home: str, generation: int, master: bytes) -> bytes:
        """Add the key to the file, read it back, and return an empty slot."""
        there = self._read()
        if there is None:
            keys: dict[int, bytes] = {}
        elif there[0] == home:
            keys = there[1]
        else:
            raise Unavailable(
                f"the key file {self._path} holds the key of another home",
                hint="devvault init --key-source file --key-file /another/file",
            )
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(
                f"cannot make the folder {self._path.parent}: {error.strerror}"
            ) from error
        self._write(home, {**keys, generation: master})
        if not hmac.compare_digest(self.reveal(home, generation, b""), master):
            raise Unavailable(f"{self._path} does not give back what was written to it")
        return b""

    def reveal(self, home: str, generation: int, slot: bytes) -> bytes:  # noqa: ARG002  # the file has it all
        """Return the key that the file holds."""
        there = self._read()
        if there is None:
            raise NotFound(f"the key file {self._path} is gone", hint="devvault unlock --recovery")
        found = there[1].get(generation) if there[0] == home else None
        if found is None:
            raise NotFound(
                f"the key file {self._path} does not hold this home's key",
                code="KeyNotFound",
                hint="devvault unlock --recovery",
            )
        leftover(self._path).unlink(missing_ok=True)
        return found

    def forget(self, home: str, generation: int) -> None:
        """Take a key out; with the last one the file goes, and its anchor."""
        there = self._read()
        if there is None or there[0] != home or generation not in there[1]:
            return
        rest = {number: key for number, key in there[1].items() if number != generation}
        if rest:
            self._write(home, rest)
        else:
            remove_private(self._path)
            remove_private(self._anchor)

    def generations(self, home: str) -> list[int]:
        """Return the generations in the file."""
        there = self._read()
        return sorted(there[1]) if there is not None and there[0] == home else []

    def read_anchor(self, home: str) -> bytes | None:  # noqa: ARG002  # a file serves one home
        """Return what `PATH.anchor` holds."""
        return read_private(self._anchor)

    def write_anchor(self, home: str, anchor: bytes) -> None:  # noqa: ARG002  # a file serves one home
        """Replace `PATH.anchor`."""
        replace_private(self._anchor, anchor)

    def _write(self, home: str, keys: dict[int, bytes]) -> None:
        body = {
            "format": _FORMAT,
            "home": home,
            "keys": {
                str(number): base64.b64encode(key).decode() for number, key in sorted(keys.items())
            },
        }
        replace_private(self._path, json.dumps(body).encode() + b"\n")

    def _read(self) -> tuple[str, dict[int, bytes]] | None:
        data = read_private(self._path)
        if data is None:
            return None
        try:
            home, keys = _parse(data)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            # Not `from error`: the parser's error carries the text, and so the key.
            raise Damaged(
                f"the key file {self._path} is damaged, or of a newer devvault",
                hint=f"mv '{self._path}' '{self._path}.damaged' && devvault unlock --recovery",
            ) from None
        return home, keys


def _parse(data: bytes) -> tuple[str, dict[int, bytes]]:
    body = json.loads(data)
    home = body["home"]
    keys = {
        int(number): base64.b64decode(text, validate=True) for number, text in body["keys"].items()
    }
    sizes = {len(key) for key in keys.values()}
    if body["format"] != _FORMAT or not isinstance(home, str) or sizes - {MASTER_SIZE}:
        raise ValueError
    return home, keys
