"""The printed recovery key, and the slot that it opens.

The key is shown once and kept nowhere. The slot holds the X25519 public key that belongs to it and
the master key sealed to that, so that a rekey seals the next master key without asking for the
paper. The slot is MACed under the master key: nobody can plant a recovery key of his own.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from devvault.errors import Damaged, Invalid, Locked
from devvault.sealing.base import MASTER_SIZE
from devvault.sealing.envelope import KEY_SIZE, NONCE_SIZE, TAG_SIZE, Random, canon
from devvault.sealing.master import Master, hkdf

PREFIX = "DVRK"
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base32: no I, L, O, U
_SUMMED = 3  # bytes of checksum: a typo passes once in 16 million
_SYMBOLS = (KEY_SIZE + _SUMMED) * 8 // 5  # 56
_GROUP = 4

_FORMAT = 1
_SUM = b"devvault recovery sum 1"
_PRIVATE = b"devvault recovery key 1"
_WRAP = "devvault recovery wrap 1"
_MAC = "recovery"


def new_recovery_key(random: Random = os.urandom) -> tuple[str, bytes]:
    """Return a new recovery key as it is shown, and its public key."""
    raw = random(KEY_SIZE)
    text = _write(raw)
    return text, public_of(text)


def public_of(recovery_key: str) -> bytes:
    """Return the public key that belongs to a recovery key.

    Raises:
        Invalid: it is mistyped.
    """
    return _public(private_of(recovery_key))


def wrap_new(
    public: bytes, master: Master, master_key: bytes, *, random: Random = os.urandom
) -> bytes:
    """Return the slot that holds a generation's master key for the owner of `public`."""
    sealed = wrap_for(public, canon(_WRAP, master.home, master.generation), master_key, random)
    body = {
        "format": _FORMAT,
        "public": base64.b64encode(public).decode(),
        "wrapped": base64.b64encode(sealed).decode(),
    }
    body["mac"] = base64.b64encode(_mac(master, public, sealed)).decode()
    return json.dumps(body, separators=(",", ":")).encode()


def check_slot(slot: bytes, master: Master) -> bytes:
    """Return the public key in the slot, once it is known that this home made it.

    Raises:
        Damaged: it was changed, planted, or is another generation's.
    """
    public, wrapped, mac = _parse(slot)
    if not hmac.compare_digest(mac, _mac(master, public, wrapped)):
        raise Damaged(
            "the recovery slot was not made by this home, or was changed",
            hint="devvault recovery remove && devvault recovery add",
        )
    return public


def open_with(recovery_key: str, slot: bytes, home: str, generation: int) -> bytes:
    """Return the master key in the slot. Its MAC is for `check_slot`, once there is a Master.

    Raises:
        Invalid: the recovery key is mistyped.
        Locked: it is not this slot's.
        Damaged: the slot was changed, or is another home's or generation's.
    """
    private = private_of(recovery_key)
    public, wrapped, _ = _parse(slot)
    if not hmac.compare_digest(_public(private), public):
        raise Locked("this is not the recovery key of this home", hint="devvault unlock --recovery")
    try:
        master = open_for(private, canon(_WRAP, home, generation), wrapped)
    except InvalidTag as error:
        raise _damaged() from error
    if len(master) != MASTER_SIZE:
        raise _damaged()
    return master


def wrap_for(public: bytes, context: bytes, secret: bytes, random: Random = os.urandom) -> bytes:
    """Return ephemeral public key (32) and ciphertext: `secret` for the owner of `public` alone."""
    ephemeral = random(KEY_SIZE)
    sender = _public(ephemeral)
    key = _shared(ephemeral, public, sender + public, context)
    # The key serves this one message, as in age: the nonce may be constant.
    return sender + AESGCM(key).encrypt(bytes(NONCE_SIZE), secret, context)


def open_for(private: bytes, context: bytes, wrapped: bytes) -> bytes:
    """Return what `wrap_for` was given.

    Raises:
        InvalidTag: it was changed, or is for another key or context.
    """
    sender = wrapped[:KEY_SIZE]
    if len(wrapped) < KEY_SIZE + TAG_SIZE:
        raise InvalidTag
    try:
        key = _shared(private, sender, sender + _public(private), context)
    except ValueError as error:  # a point of small order, which no honest sender has
        raise InvalidTag from error
    return AESGCM(key).decrypt(bytes(NONCE_SIZE), wrapped[KEY_SIZE:], context)


def private_of(recovery_key: str) -> bytes:
    """Return the X25519 private key that a recovery key stands for.

    Raises:
        Invalid: it is mistyped.
    """
    return hkdf(_read(recovery_key), salt=b"", info=_PRIVATE)


def _public(private: bytes) -> bytes:
    # Late: only recovery and its slots pay for loading it.
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _shared(private: bytes, public: bytes, salt: bytes, info: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.x25519 import (
        X25519PrivateKey,
        X25519PublicKey,
    )

    mine = X25519PrivateKey.from_private_bytes(private)
    return hkdf(mine.exchange(X25519PublicKey.from_public_bytes(public)), salt=salt, info=info)


def _mac(master: Master, public: bytes, wrapped: bytes) -> bytes:
    return master.mac(_MAC, canon(master.home, master.generation, public, wrapped))


def _parse(slot: bytes) -> tuple[bytes, bytes, bytes]:
    try:
        body = json.loads(slot)
        if not isinstance(body, dict):
            raise _damaged()
        if body.get("format") != _FORMAT:
            raise Damaged(
                "the recovery slot was written by a newer devvault",
                hint="pip install --upgrade devvault",
            )
        public, wrapped, mac = (
            base64.b64decode(str(body.get(name)), validate=True)
            for name in ("public", "wrapped", "mac")
        )
    except (ValueError, RecursionError) as error:
        raise _damaged() from error
    if len(public) != KEY_SIZE or len(wrapped) != KEY_SIZE + MASTER_SIZE + TAG_SIZE:
        raise _damaged()
    return public, wrapped, mac


def _damaged() -> Damaged:
    return Damaged("the recovery slot of this home is damaged", hint="devvault unlock")


def _write(raw: bytes) -> str:
    number = int.from_bytes(raw + _sum(raw), "big")
    text = ""
    for _ in range(_SYMBOLS):
        number, low = divmod(number, 32)
        text = _ALPHABET[low] + text
    groups = [text[at : at + _GROUP] for at in range(0, _SYMBOLS, _GROUP)]
    return "-".join([PREFIX, *groups])


def _read(recovery_key: str) -> bytes:
    text = "".join(recovery_key.split()).replace("-", "").upper()
    text = text.translate(str.maketrans("OIL", "011"))
    digits = text if len(text) == _SYMBOLS else text.removeprefix(PREFIX)
    if len(digits) != _SYMBOLS:
        raise _length(digits)
    number = 0
    for symbol in digits:
        value = _ALPHABET.find(symbol)
        if value < 0:
            raise _mistyped("holds a character that no recovery key has")
        number = number * 32 + value
    data = number.to_bytes(KEY_SIZE + _SUMMED, "big")
    raw, found = data[:KEY_SIZE], data[KEY_SIZE:]
    if not hmac.compare_digest(found, _sum(raw)):
        if digits.startswith(PREFIX):  # one group short, and so as long as a key without prefix
            raise _length(digits.removeprefix(PREFIX))
        raise _mistyped("is mistyped somewhere: its checksum does not match")
    return raw


def _sum(raw: bytes) -> bytes:
    return hashlib.sha256(_SUM + raw).digest()[:_SUMMED]


def _length(digits: str) -> Invalid:
    return _mistyped(f"has {len(digits)} letters and digits after {PREFIX}, not {_SYMBOLS}")


def _mistyped(what: str) -> Invalid:
    return Invalid(f"the recovery key {what}", hint="devvault unlock --recovery")
