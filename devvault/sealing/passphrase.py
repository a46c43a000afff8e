"""The master key wrapped under a passphrase (Argon2id): for a machine without a keyring.

The passphrase is never kept: after it was used once, the key derived from it stays in memory until
lock, so that a rekey can wrap the next generation.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from devvault.errors import Damaged, Locked, WrongUse
from devvault.sealing.envelope import KEY_SIZE, NONCE_SIZE, canon
from devvault.sealing.keyfile import read_private, replace_private

# RFC 9106's second recommended option is 64 MiB and 3 passes with 4 lanes.
_MEMORY_KIB = 64 * 1024
_PASSES = 3
_LANES = 4
_SALT = 16
# What a slot may ask for: an edited one must not take the machine's memory or time.
_MEMORY_LIMIT_KIB = 1024 * 1024
_PASSES_LIMIT = 16
_LANES_LIMIT = 16
_HINT = "devvault unlock"


class Passphrase:
    """The key source `passphrase`. `folder` holds the anchor, outside the home."""

    name = "passphrase"

    def __init__(self, folder: Path, passphrase: bytes | None = None) -> None:
        self._folder = folder
        self._passphrase = passphrase
        self._derived: tuple[bytes, bytes] | None = None

    def protect(self, home: str, generation: int, master: bytes) -> bytes:
        """Wrap the key and return the slot."""
        salt, key = self._for_new()
        return _write_slot(salt, key, canon("devvault slot 1", home, generation), master)

    def reveal(self, home: str, generation: int, slot: bytes) -> bytes:
        """Return the key, from the passphrase that this source was made with."""
        if self._passphrase is None:
            raise Locked("the vault needs its passphrase", hint=_HINT)
        salt, cost, wrapped = _read_slot(slot)
        key = _derive(self._passphrase, salt, *cost)
        master = _unwrap(key, canon("devvault slot 1", home, generation), wrapped)
        if cost == (_MEMORY_KIB, _PASSES, _LANES):
            self._derived = (salt, key)
            self._passphrase = None
        return master

    def forget(self, home: str, generation: int) -> None:
        """Do nothing: the slot in the database was the only place."""

    def generations(self, home: str) -> list[int]:  # noqa: ARG002  # as above
        """Return nothing: the slot in the database is the only place."""
        return []

    def read_anchor(self, home: str) -> bytes | None:
        """Return the anchor from the state folder."""
        return read_private(self._folder / f"{home}.anchor")

    def write_anchor(self, home: str, anchor: bytes) -> None:
        """Replace the anchor in the state folder."""
        replace_private(self._folder / f"{home}.anchor", anchor)

    def _for_new(self) -> tuple[bytes, bytes]:
        if self._derived is None:
            if not self._passphrase:
                raise WrongUse(
                    "a passphrase is needed, and an empty one protects nothing",
                    hint="type one, or set DEVVAULT_PASSPHRASE_FILE",
                )
            salt = os.urandom(_SALT)
            key = _derive(self._passphrase, salt, _MEMORY_KIB, _PASSES, _LANES)
            self._derived = (salt, key)
            self._passphrase = None
        return self._derived


def seal_slot(passphrase: bytes, place: bytes, key: bytes) -> bytes:
    """Return a slot that wraps a key under a passphrase, bound to its place."""
    if not passphrase:
        raise WrongUse("an empty passphrase protects nothing")
    salt = os.urandom(_SALT)
    return _write_slot(salt, _derive(passphrase, salt, _MEMORY_KIB, _PASSES, _LANES), place, key)


def open_slot(passphrase: bytes, place: bytes, slot: bytes) -> bytes:
    """Return the key that a slot wraps.

    Raises:
        Locked: the passphrase is wrong.
        Damaged: the slot is malformed, or asks for absurd amounts of memory or time.
    """
    salt, cost, wrapped = _read_slot(slot)
    return _unwrap(_derive(passphrase, salt, *cost), place, wrapped)


def _write_slot(salt: bytes, key: bytes, place: bytes, wrapped_key: bytes) -> bytes:
    nonce = os.urandom(NONCE_SIZE)
    wrapped = AESGCM(key).encrypt(nonce, wrapped_key, place)
    slot = {
        "kdf": "argon2id",
        "memory_kib": _MEMORY_KIB,
        "passes": _PASSES,
        "lanes": _LANES,
        "salt": base64.b64encode(salt).decode(),
        "wrapped": base64.b64encode(nonce + wrapped).decode(),
    }
    return json.dumps(slot, sort_keys=True).encode()


def _unwrap(key: bytes, place: bytes, wrapped: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(wrapped[:NONCE_SIZE], wrapped[NONCE_SIZE:], place)
    except (InvalidTag, ValueError) as error:
        raise Locked("wrong passphrase", code="WrongPassphrase", hint=_HINT) from error


def _derive(passphrase: bytes, salt: bytes, memory_kib: int, passes: int, lanes: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    kdf = Argon2id(
        salt=salt, length=KEY_SIZE, iterations=passes, lanes=lanes, memory_cost=memory_kib
    )
    return kdf.derive(passphrase)


def _read_slot(slot: bytes) -> tuple[bytes, tuple[int, int, int], bytes]:
    damaged = Damaged(
        "the passphrase slot in the database was changed",
        hint="devvault unlock --recovery",
    )
    try:
        body: dict[str, Any] = json.loads(slot)
        cost = (int(body["memory_kib"]), int(body["passes"]), int(body["lanes"]))
        salt = base64.b64decode(body["salt"], validate=True)
        wrapped = base64.b64decode(body["wrapped"], validate=True)
        kdf = body["kdf"]
    except (ValueError, KeyError, TypeError) as error:
        raise damaged from error
    memory, passes, lanes = cost
    fits = (
        kdf == "argon2id"
        and 8 * lanes <= memory <= _MEMORY_LIMIT_KIB
        and 1 <= passes <= _PASSES_LIMIT
        and 1 <= lanes <= _LANES_LIMIT
        and 8 <= len(salt) <= 64
        and len(wrapped) == NONCE_SIZE + KEY_SIZE + 16
    )
    if not fits:
        raise damaged
    return salt, cost, wrapped
