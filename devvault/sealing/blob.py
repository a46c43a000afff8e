"""Object backup blobs: a length-prefixed mark, then a compact JWE (`dir`, A256GCM, RFC 7516).

The shape is Azure's (a tag of 41 bytes before a JWE); the key is this home's backup key of the
generation that `kid` names, so that blobs stay restorable after a rekey. Only this home opens them.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from devvault.errors import Invalid

_TAG = 16
_NONCE = 12


def seal_blob(
    mark: str,
    key: bytes,
    kid: str,
    plaintext: bytes,
    *,
    random: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """Return the blob; `mark` says what kind of backup it is, `kid` which key opens it."""
    header = json.dumps(
        {"alg": "dir", "enc": "A256GCM", "kid": kid}, separators=(",", ":")
    ).encode()
    protected = _encode(header)
    nonce = random(_NONCE)
    sealed = AESGCM(key).encrypt(nonce, plaintext, protected)
    parts = (protected, b"", _encode(nonce), _encode(sealed[:-_TAG]), _encode(sealed[-_TAG:]))
    tag = mark.encode("ascii")
    return bytes([len(tag)]) + tag + b".".join(parts)


def open_blob(mark: str, key_of: Callable[[str], bytes], blob: bytes) -> bytes:
    """Return what `seal_blob` was given; `key_of` maps a `kid` to its key.

    Raises:
        Invalid: `BadParameter`: not such a blob, another home's, or changed.
    """
    refused = Invalid("The backup blob is not valid for this vault's subscription and geography.")
    tag = mark.encode("ascii")
    if blob[:1] != bytes([len(tag)]) or blob[1 : 1 + len(tag)] != tag:
        raise refused
    parts = blob[1 + len(tag) :].split(b".")
    if len(parts) != 5 or parts[1]:
        raise refused
    try:
        header = json.loads(_decode(parts[0]))
        if header["alg"] != "dir" or header["enc"] != "A256GCM":
            raise refused
        key = key_of(str(header["kid"]))
        nonce, text, check = (_decode(part) for part in parts[2:])
        if len(nonce) != _NONCE or len(check) != _TAG:
            raise refused
        return AESGCM(key).decrypt(nonce, text + check, parts[0])
    except (InvalidTag, ValueError, KeyError, TypeError) as error:
        raise refused from error


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    data = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    # One text for one blob: the spare bits of a last letter must be the ones that we write.
    if _encode(data) != text:
        raise ValueError("not canonical")
    return data
