"""The master key under a passphrase, for a machine without a keyring.

The slot in the database is the whole of it: parameters, salt, and the master key sealed under the
stretched passphrase. While the home is unlocked the stretched key stays in memory, so that a rekey
need not ask; the passphrase itself is dropped as soon as it is stretched.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from devvault.errors import Damaged, Locked, Unavailable
from devvault.paths import make_private_folder
from devvault.sealing.envelope import NONCE_SIZE, WRAPPED_SIZE, Random, canon
from devvault.sealing.privatefile import read_private, replace_private
from devvault.sealing.stretch import Cost, Stretch

_FORMAT = 1
_SLOT = "devvault slot 1"


class Passphrase:
    """A KeySource. `state_dir` keeps the anchor, away from the database and its copies."""

    name = "passphrase"

    def __init__(
        self,
        state_dir: Path,
        passphrase: bytes | None = None,
        *,
        cost: Cost | None = None,
        random: Random = os.urandom,
    ) -> None:
        self._state_dir = state_dir
        self._passphrase = passphrase
        self._cost = cost or Cost()
        self._random = random
        self._kept: tuple[Stretch, AESGCM] | None = None

    def __repr__(self) -> str:
        """Leave the passphrase out."""
        return f"Passphrase({str(self._state_dir)!r})"

    def protect(self, home: str, generation: int, master: bytes) -> bytes:
        """Return the slot that holds the key under the passphrase."""
        if self._kept is None:
            stretch = Stretch.fresh(self._cost, self._random)
            self._kept = (stretch, AESGCM(stretch.key(self._take())))
        stretch, kek = self._kept
        nonce = self._random(NONCE_SIZE)
        wrapped = nonce + kek.encrypt(nonce, master, canon(_SLOT, home, generation))
        body = {
            "format": _FORMAT,
            **stretch.to_body(),
            "wrapped": base64.b64encode(wrapped).decode(),
        }
        slot = json.dumps(body, separators=(",", ":")).encode()
        if not hmac.compare_digest(self.reveal(home, generation, slot), master):
            raise Unavailable("the passphrase slot does not give back what was put into it")
        return slot

    def reveal(self, home: str, generation: int, slot: bytes) -> bytes:
        """Return the key in the slot."""
        stretch, wrapped = _parse(slot)
        kept = self._kept
        known = kept is not None and kept[0] == stretch
        kek = kept[1] if kept is not None and known else AESGCM(stretch.key(self._take()))
        try:
            master = kek.decrypt(
                wrapped[:NONCE_SIZE], wrapped[NONCE_SIZE:], canon(_SLOT, home, generation)
            )
        except InvalidTag as error:
            if known:
                raise _damaged() from error
            raise Locked("wrong passphrase", code="WrongPassphrase") from error
        self._kept = (stretch, kek)
        return master

    def forget_kek(self) -> None:
        """Drop the stretched key, and the passphrase if it is still there."""
        self._kept = None
        self._passphrase = None

    def forget(self, home: str, generation: int) -> None:
        """Do nothing: the slot is in the database, and goes with its generation there."""

    def generations(self, home: str) -> list[int]:  # noqa: ARG002  # the database has the slots
        """Return nothing: there is no place but the slot."""
        return []

    def read_anchor(self, home: str) -> bytes | None:
        """Return what the anchor file of this home holds."""
        return read_private(self._anchor(home))

    def write_anchor(self, home: str, anchor: bytes) -> None:
        """Replace the anchor file of this home."""
        make_private_folder(self._state_dir)
        replace_private(self._anchor(home), anchor)

    def _anchor(self, home: str) -> Path:
        return self._state_dir / f"{home}.anchor"

    def _take(self) -> bytes:
        given, self._passphrase = self._passphrase, None
        if given is None:
            raise Locked("the vault is locked, and its passphrase is needed")
        return given


def _parse(slot: bytes) -> tuple[Stretch, bytes]:
    try:
        body = json.loads(slot)
        if not isinstance(body, dict):
            raise _damaged()
        if body.get("format") != _FORMAT:
            raise Damaged(
                "the passphrase slot was written by a newer devvault",
                hint="pip install --upgrade devvault",
            )
        wrapped = base64.b64decode(str(body.get("wrapped")), validate=True)
    except (ValueError, RecursionError) as error:
        raise _damaged() from error
    if len(wrapped) != WRAPPED_SIZE:
        raise _damaged()
    return Stretch.from_body(body), wrapped


def _damaged() -> Damaged:
    return Damaged("the passphrase slot of this home is damaged", hint="devvault unlock --recovery")
