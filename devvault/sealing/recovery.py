"""The printed recovery key: a slot of its own, for the day the keyring or passphrase is lost.

The database keeps only a public key (X25519) and the master key wrapped to it, so that a rekey
wraps the next generation without asking for the recovery key. The slot carries a MAC under the
master key: nobody can plant a recovery key of theirs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from typing import Any

from devvault.errors import Damaged, Invalid, Locked
from devvault.sealing.envelope import NONCE_SIZE, canon
from devvault.sealing.master import Master, hkdf

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PREFIX = "DVRK"
_SIZE = 32
_CHECK = 3
_LETTERS = 56
_GROUP = 7
_ALIASES = str.maketrans({"O": "0", "I": "1", "L": "1"})


def new_recovery_key() -> tuple[str, bytes]:
    """Return a recovery key as it is shown once, and its public part."""
    secret = os.urandom(_SIZE)
    return _print(secret), public_of(secret)


def public_of(secret: bytes) -> bytes:
    """Return the public part of a recovery secret."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def parse_recovery_key(text: str) -> bytes:
    """Return the secret in a typed recovery key; case, blanks and dashes do not matter.

    Raises:
        Invalid: it has a typing error.
    """
    plain = "".join(text.split()).replace("-", "").upper()
    plain = plain.removeprefix(_PREFIX).translate(_ALIASES)
    wrong = Invalid("this is no recovery key: check it for a typing error")
    if len(plain) != _LETTERS or any(letter not in _ALPHABET for letter in plain):
        raise wrong
    number = 0
    for letter in plain:
        number = number * 32 + _ALPHABET.index(letter)
    data = number.to_bytes(_SIZE + _CHECK, "big")
    secret, check = data[:_SIZE], data[_SIZE:]
    if not hmac.compare_digest(_checksum(secret), check):
        raise wrong
    return secret


def wrap_new(public: bytes, master: Master, key: bytes) -> bytes:
    """Return the slot that wraps this master key to a recovery key's public part."""
    wrapped = wrap_to(public, _place(master.home, master.generation), key)
    body = {
        "public": base64.b64encode(public).decode(),
        "wrapped": base64.b64encode(wrapped).decode(),
    }
    text = json.dumps(body, sort_keys=True)
    mac = master.mac("recovery slot", canon(master.generation, text)).hex()
    return json.dumps({"slot": text, "mac": mac}).encode()


def check_slot(slot: bytes, master: Master) -> bytes:
    """Return the public part that a slot is for.

    Raises:
        Damaged: it was not made under this master key.
    """
    text, mac = _read(slot)
    expected = master.mac("recovery slot", canon(master.generation, text)).hex()
    if not hmac.compare_digest(mac, expected):
        raise Damaged("the recovery slot in the database was changed", hint="devvault audit verify")
    public, _ = _parts(text)
    return public


def open_with(text: str, slot: bytes, home: str, generation: int) -> bytes:
    """Return the master key that a slot wraps.

    Raises:
        Invalid: the recovery key has a typing error.
        Locked: it is another home's, or an older one.
        Damaged: the slot was changed.
    """
    secret = parse_recovery_key(text)
    _, wrapped = _parts(_read(slot)[0])
    return unwrap_with(secret, _place(home, generation), wrapped)


def wrap_to(public: bytes, place: bytes, key: bytes) -> bytes:
    """Wrap some bytes to a public key: ephemeral X25519, HKDF-SHA256, AES-256-GCM."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import (
        X25519PrivateKey,
        X25519PublicKey,
    )
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    once = X25519PrivateKey.generate()
    mine = once.public_key().public_bytes_raw()
    shared = once.exchange(X25519PublicKey.from_public_bytes(public))
    nonce = os.urandom(NONCE_SIZE)
    sealed = AESGCM(_wrapping(shared, mine, public)).encrypt(nonce, key, place)
    return mine + nonce + sealed


def unwrap_with(secret: bytes, place: bytes, wrapped: bytes) -> bytes:
    """Return what `wrap_to` wrapped to this secret's public part.

    Raises:
        Locked: it was wrapped to another key, or changed.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.x25519 import (
        X25519PrivateKey,
        X25519PublicKey,
    )
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    other, nonce, sealed = (
        wrapped[:_SIZE],
        wrapped[_SIZE : _SIZE + NONCE_SIZE],
        wrapped[_SIZE + NONCE_SIZE :],
    )
    try:
        own = X25519PrivateKey.from_private_bytes(secret)
        shared = own.exchange(X25519PublicKey.from_public_bytes(other))
        public = own.public_key().public_bytes_raw()
        return AESGCM(_wrapping(shared, other, public)).decrypt(nonce, sealed, place)
    except (InvalidTag, ValueError) as error:
        raise Locked(
            "this recovery key does not open this home", hint="devvault unlock --recovery"
        ) from error


def _wrapping(shared: bytes, once: bytes, public: bytes) -> bytes:
    return hkdf(shared, salt=once + public, info=b"devvault 1 recovery")


def _place(home: str, generation: int) -> bytes:
    return canon("devvault recovery 1", home, generation)


def _read(slot: bytes) -> tuple[str, str]:
    try:
        body: dict[str, Any] = json.loads(slot)
        return str(body["slot"]), str(body["mac"])
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged("the recovery slot in the database cannot be read") from error


def _parts(text: str) -> tuple[bytes, bytes]:
    try:
        body = json.loads(text)
        return (
            base64.b64decode(body["public"], validate=True),
            base64.b64decode(body["wrapped"], validate=True),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged("the recovery slot in the database cannot be read") from error


def _print(secret: bytes) -> str:
    number = int.from_bytes(secret + _checksum(secret), "big")
    letters = ""
    for _ in range(_LETTERS):
        number, place = divmod(number, 32)
        letters = _ALPHABET[place] + letters
    groups = [letters[at : at + _GROUP] for at in range(0, _LETTERS, _GROUP)]
    return "-".join([_PREFIX, *groups])


def _checksum(secret: bytes) -> bytes:
    return hashlib.sha256(b"devvault recovery key 1" + secret).digest()[:_CHECK]
