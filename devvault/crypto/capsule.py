"""A few bytes sealed under a secret of 256 random bits that somebody else keeps."""

from __future__ import annotations

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


def close(secret: str, purpose: str, plaintext: bytes) -> bytes:
    """Return the bytes, sealed; the purpose is bound in. The secret must be random, no password."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(_key(secret, purpose)).encrypt(nonce, plaintext, purpose.encode())


def find(secret: str, purpose: str, sealed: bytes) -> bytes | None:
    """Return what was sealed, or None: another secret, another purpose, or changed bytes."""
    if len(sealed) < _NONCE:
        return None
    nonce, rest = sealed[:_NONCE], sealed[_NONCE:]
    try:
        return AESGCM(_key(secret, purpose)).decrypt(nonce, rest, purpose.encode())
    except InvalidTag:
        return None


def _key(secret: str, purpose: str) -> bytes:
    return hashlib.sha256(f"devvault capsule 1\0{purpose}\0{secret}".encode()).digest()
