"""A sealed record: a fresh data key for each, bound to what the record is and where it stands.

Promise of compatibility: whatever devvault has ever written in format 1, every later devvault
opens. A record that begins with another format byte is refused, never guessed at; a change of
layout, algorithm or associated data takes a new byte. `devvault help format` is the reference, and
`tests/vectors/sealing.json`, made by other code, pins every byte.

Layout of format 1 (every cipher is AES-256-GCM with a tag of 16 bytes):
    wrapped = nonce (12) || seal(wrapping key, data key (32), canon("devvault wrap 1", *identity,
              generation))
    sealed  = 0x01 || nonce (12) || seal(data key, plaintext, canon("devvault record 1", *identity))
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from devvault.errors import Damaged

FORMAT = b"\x01"
KEY_SIZE = 32
NONCE_SIZE = 12
TAG_SIZE = 16
WRAPPED_SIZE = NONCE_SIZE + KEY_SIZE + TAG_SIZE

# (home, kind, scope, name, version): what a record is, and where it stands.
Identity = tuple[str, str, str, str, str]

Random = Callable[[int], bytes]

_SIZES = [size.to_bytes(4, "big") for size in range(256)]
_WRAP = "devvault wrap 1"
_RECORD = "devvault record 1"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed record: under which generation of the master key, its data key, its content."""

    generation: int
    wrapped: bytes
    sealed: bytes


def canon(*parts: str | bytes | int) -> bytes:
    """Return parts as bytes that no other list of parts gives.

    Each part is its length (four bytes, big endian) and its bytes: text in UTF-8 (an undecodable
    byte of a file name as its surrogate, three bytes), a number in decimal digits.
    """
    found = b""
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
        size = len(data)
        found += (_SIZES[size] if size < 256 else size.to_bytes(4, "big")) + data
    return found


def seal(
    wrap: AESGCM,
    generation: int,
    identity: Identity,
    plaintext: bytes,
    *,
    random: Random = os.urandom,
) -> Sealed:
    """Return the plaintext sealed under a fresh data key, and that key wrapped.

    `random` is asked for the data key, the nonce of its wrapping, the nonce of the content.
    """
    key = random(KEY_SIZE)
    nonce = random(NONCE_SIZE)
    for_wrap, for_record = _bindings(identity, generation)
    wrapped = nonce + wrap.encrypt(nonce, key, for_wrap)
    nonce = random(NONCE_SIZE)
    content = AESGCM(key).encrypt(nonce, plaintext, for_record)
    return Sealed(generation, wrapped, FORMAT + nonce + content)


def open_sealed(wrap: AESGCM, identity: Identity, sealed: Sealed) -> bytes:
    """Return what `seal` was given.

    Raises:
        Damaged: a byte of it was changed, it belongs to another identity, generation or home, or
            its format is a later one.
    """
    if len(sealed.wrapped) != WRAPPED_SIZE or len(sealed.sealed) < 1 + NONCE_SIZE + TAG_SIZE:
        raise _damaged(identity, "is cut short")
    if sealed.sealed[:1] != FORMAT:
        raise _damaged(identity, f"has format {sealed.sealed[0]}, which is not known here")
    for_wrap, for_record = _bindings(identity, sealed.generation)
    try:
        key = wrap.decrypt(sealed.wrapped[:NONCE_SIZE], sealed.wrapped[NONCE_SIZE:], for_wrap)
        return AESGCM(key).decrypt(
            sealed.sealed[1 : 1 + NONCE_SIZE], sealed.sealed[1 + NONCE_SIZE :], for_record
        )
    except InvalidTag as error:
        raise _damaged(identity, "was changed, or moved here from another place") from error


def _bindings(identity: Identity, generation: int) -> tuple[bytes, bytes]:
    """Return the associated data of the wrapping and of the record; every read pays for this."""
    place = canon(*identity)
    return _WRAP_BEGIN + place + canon(generation), _RECORD_BEGIN + place


_WRAP_BEGIN = canon(_WRAP)
_RECORD_BEGIN = canon(_RECORD)


def _damaged(identity: Identity, what: str) -> Damaged:
    return Damaged(f"the record {describe(identity)} {what}", hint="devvault audit verify")


def describe(identity: Identity) -> str:
    """Return the kind and name of a record for a message; names come from a file, so escaped."""
    _home, kind, scope, name, version = identity
    place = "/".join(part for part in (scope, name, version) if part)
    text = f"{kind} {place}".strip()
    return ascii(text if len(text) <= 300 else text[:300] + "...")
