"""A whole-home backup file: a stream sealed under a passphrase or the recovery key's public part.

Chunks of 64 KiB under AES-256-GCM with a counting nonce and a flag on the last one (STREAM):
a file that was cut, reordered or changed anywhere does not open, and says so before it ends.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from devvault.errors import Damaged, Invalid, Locked
from devvault.sealing.envelope import KEY_SIZE, NONCE_SIZE, canon
from devvault.sealing.passphrase import open_slot, seal_slot
from devvault.sealing.recovery import parse_recovery_key, unwrap_with, wrap_to

MARK = b"DVHOME1\n"
_CHUNK = 64 * 1024
_TAG = 16
_HEAD_LIMIT = 16 * 1024
_LAST = 1 << 88


def seal_bundle(
    chunks: Iterable[bytes], *, passphrase: bytes | None = None, public: bytes | None = None
) -> Iterator[bytes]:
    """Yield the sealed file; exactly one of passphrase and public key is given."""
    assert (passphrase is None) != (public is None)
    key = os.urandom(KEY_SIZE)
    place = canon("devvault bundle 1")
    if passphrase is not None:
        head = {"by": "passphrase", "slot": seal_slot(passphrase, place, key).decode()}
    else:
        assert public is not None
        head = {
            "by": "recovery",
            "slot": base64.b64encode(wrap_to(public, place, key)).decode(),
        }
    text = json.dumps(head, sort_keys=True).encode()
    yield MARK + len(text).to_bytes(4, "big") + text
    cipher = AESGCM(key)
    counter = 0
    rest = b""
    for chunk in chunks:
        rest += chunk
        while len(rest) > _CHUNK:
            yield cipher.encrypt(_nonce(counter), rest[:_CHUNK], text)
            rest = rest[_CHUNK:]
            counter += 1
    yield cipher.encrypt(_nonce(counter, last=True), rest, text)


def bundle_lock(head: bytes) -> str:
    """Return what a file is opened with: `passphrase` or `recovery`.

    Raises:
        Invalid: it is no such file.
    """
    return str(_head(head)[0]["by"])


def open_bundle(
    chunks: Iterable[bytes], *, passphrase: bytes | None = None, recovery: str | None = None
) -> Iterator[bytes]:
    """Yield what was sealed; nothing of a changed chunk comes out.

    Raises:
        Invalid: it is no such file, or the recovery key has a typing error.
        Locked: the passphrase or recovery key is wrong or missing.
        Damaged: it was cut off or changed.
    """
    source = iter(chunks)
    data = b""
    for chunk in source:
        data += chunk
        if len(data) > len(MARK) + 4 + _HEAD_LIMIT:
            break
    head, text, start = _head(data)
    key = _open_head(head, passphrase, recovery)
    cipher = AESGCM(key)
    rest = data[start:]
    counter = 0
    for chunk in source:
        rest += chunk
        while len(rest) > _CHUNK + _TAG:
            yield _open(cipher, _nonce(counter), rest[: _CHUNK + _TAG], text)
            rest = rest[_CHUNK + _TAG :]
            counter += 1
    while len(rest) > _CHUNK + _TAG:
        yield _open(cipher, _nonce(counter), rest[: _CHUNK + _TAG], text)
        rest = rest[_CHUNK + _TAG :]
        counter += 1
    yield _open(cipher, _nonce(counter, last=True), rest, text)


def _open_head(head: dict[str, Any], passphrase: bytes | None, recovery: str | None) -> bytes:
    place = canon("devvault bundle 1")
    slot = str(head["slot"])
    if head["by"] == "passphrase":
        if passphrase is None:
            raise Locked("this backup is sealed under a passphrase", hint="devvault restore FILE")
        return open_slot(passphrase, place, slot.encode())
    if recovery is None:
        raise Locked(
            "this backup is sealed under the recovery key",
            hint="devvault restore --recovery FILE",
        )
    try:
        wrapped = base64.b64decode(slot, validate=True)
    except ValueError as error:
        raise _changed() from error
    return unwrap_with(parse_recovery_key(recovery), place, wrapped)


def _head(data: bytes) -> tuple[dict[str, Any], bytes, int]:
    start = len(MARK) + 4
    if data[: len(MARK)] != MARK or len(data) < start:
        raise Invalid("this file is not a backup of a devvault home")
    size = int.from_bytes(data[len(MARK) : start], "big")
    text = data[start : start + size]
    if size > _HEAD_LIMIT or len(text) != size:
        raise _changed()
    try:
        head: dict[str, Any] = json.loads(text)
        if head["by"] not in {"passphrase", "recovery"} or not isinstance(head["slot"], str):
            raise _changed()
    except (ValueError, KeyError, TypeError) as error:
        raise _changed() from error
    return head, text, start + size


def _open(cipher: AESGCM, nonce: bytes, sealed: bytes, head: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, sealed, head)
    except (InvalidTag, ValueError) as error:
        raise _changed() from error


def _nonce(counter: int, *, last: bool = False) -> bytes:
    return (counter | (_LAST if last else 0)).to_bytes(NONCE_SIZE, "big")


def _changed() -> Damaged:
    return Damaged("this backup was cut off or changed", hint="use another copy of the file")
