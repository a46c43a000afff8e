"""A whole home in one file, sealed under a passphrase or for the owner of a recovery key.

It is written and read as a stream. Pieces of 64 KiB are sealed by AES-256-GCM with a counter and a
flag on the last one as nonce (the STREAM construction): a piece that was changed, moved, left out
or added does not open, and a file that was cut off says so at its end. What comes out before the
end is sound as far as it goes; keep none of it until the end has come.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from devvault.errors import Damaged, Invalid, Locked
from devvault.sealing.envelope import KEY_SIZE, TAG_SIZE, Random, canon
from devvault.sealing.master import hkdf
from devvault.sealing.recovery import open_for, private_of, public_of, wrap_for
from devvault.sealing.stretch import Cost, Stretch

MARK = b"DVHOME1\n"
PIECE = 64 * 1024
_HEAD_LIMIT = 16 * 1024
_MAC_SIZE = 32
_WRAP = canon("devvault bundle wrap 1")
_HEAD = "devvault bundle head 1"
_BODY = "devvault bundle body 1"


@dataclass(frozen=True, slots=True)
class _Head:
    by: str
    text: bytes
    mac: bytes
    stretch: Stretch | None = None
    public: bytes = b""
    wrapped: bytes = b""


def seal_bundle(
    chunks: Iterable[bytes],
    *,
    passphrase: bytes | None = None,
    public: bytes | None = None,
    cost: Cost | None = None,
    random: Random = os.urandom,
) -> Iterator[bytes]:
    """Yield the sealed file; exactly one of passphrase and a recovery key's public key is given.

    Raises:
        WrongUse: the passphrase is empty.
    """
    assert (passphrase is None) != (public is None)
    if passphrase is not None:
        stretch = Stretch.fresh(cost or Cost(), random)
        root = stretch.key(passphrase)
        body: dict[str, object] = {"by": "passphrase", **stretch.to_body()}
    else:
        assert public is not None
        root = random(KEY_SIZE)
        body = {
            "by": "recovery",
            "public": base64.b64encode(public).decode(),
            "wrapped": base64.b64encode(wrap_for(public, _WRAP, root, random)).decode(),
        }
    text = json.dumps(body, separators=(",", ":")).encode()
    yield MARK + len(text).to_bytes(4, "big") + text + _mac(root, text)
    cipher = _cipher(root, text)
    number = 0
    held = bytearray()
    for chunk in chunks:
        held += chunk
        # A full piece waits until more follows: only the last one bears the flag.
        while len(held) > PIECE:
            yield cipher.encrypt(_nonce(number), bytes(held[:PIECE]), None)
            del held[:PIECE]
            number += 1
    yield cipher.encrypt(_nonce(number, last=True), bytes(held), None)


def bundle_lock(begin: bytes) -> str:
    """Return what opens a file, from its first 16 KiB or more: `passphrase` or `recovery`.

    Raises:
        Invalid: it is no such file.
        Damaged: its head is cut short or malformed.
    """
    return _read_head(begin)[0].by


def open_bundle(
    chunks: Iterable[bytes], *, passphrase: bytes | None = None, recovery: str | None = None
) -> Iterator[bytes]:
    """Yield what was sealed, piece by piece; see the top of this file.

    Raises:
        Invalid: it is no such file, or the recovery key is mistyped.
        Locked: the passphrase or recovery key is wrong, or the other one is needed.
        Damaged: it was cut off or changed.
    """
    source = iter(chunks)
    held = bytearray()
    for chunk in source:
        held += chunk
        if len(held) >= len(MARK) + 4 + _HEAD_LIMIT + _MAC_SIZE:
            break
    head, size = _read_head(bytes(held))
    del held[:size]
    cipher = _cipher(_root(head, passphrase, recovery), head.text)
    number = 0
    whole = PIECE + TAG_SIZE
    for chunk in chain((b"",), source):
        held += chunk
        while len(held) > whole:
            yield _open(cipher, _nonce(number), bytes(held[:whole]))
            del held[:whole]
            number += 1
    last = _open(cipher, _nonce(number, last=True), bytes(held))
    if number and not last:
        raise _changed()
    yield last


def _root(head: _Head, passphrase: bytes | None, recovery: str | None) -> bytes:
    if head.stretch is not None:
        if passphrase is None:
            raise Locked("this backup is sealed under a passphrase", hint="devvault restore FILE")
        root = head.stretch.key(passphrase)
        if not hmac.compare_digest(_mac(root, head.text), head.mac):
            raise Locked("wrong passphrase", code="WrongPassphrase", hint="devvault restore FILE")
        return root
    hint = "devvault restore --recovery FILE"
    if recovery is None:
        raise Locked("this backup is sealed under a recovery key", hint=hint)
    if not hmac.compare_digest(public_of(recovery), head.public):
        raise Locked("this is not the recovery key of this backup", hint=hint)
    try:
        root = open_for(private_of(recovery), _WRAP, head.wrapped)
    except InvalidTag as error:
        raise _changed() from error
    if not hmac.compare_digest(_mac(root, head.text), head.mac):
        raise _changed()
    return root


def _read_head(data: bytes) -> tuple[_Head, int]:
    start = len(MARK) + 4
    if data[: len(MARK)] != MARK:
        raise Invalid("this file is not a backup of a devvault home")
    size = int.from_bytes(data[len(MARK) : start], "big")
    end = start + size
    if size > _HEAD_LIMIT or len(data) < end + _MAC_SIZE:
        raise _changed()
    text, mac = data[start:end], data[end : end + _MAC_SIZE]
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _changed() from error
    if not isinstance(body, dict):
        raise _changed()
    if body.get("by") == "passphrase":
        return _Head("passphrase", text, mac, Stretch.from_body(body)), end + _MAC_SIZE
    if body.get("by") != "recovery":
        raise _changed()
    try:
        public, wrapped = (
            base64.b64decode(str(body.get(name)), validate=True) for name in ("public", "wrapped")
        )
    except ValueError as error:
        raise _changed() from error
    return _Head("recovery", text, mac, public=public, wrapped=wrapped), end + _MAC_SIZE


def _mac(root: bytes, text: bytes) -> bytes:
    key = hkdf(root, salt=b"", info=canon(_HEAD))
    return hmac.digest(key, MARK + text, "sha256")


def _cipher(root: bytes, text: bytes) -> AESGCM:
    return AESGCM(hkdf(root, salt=b"", info=canon(_BODY, text)))


def _nonce(number: int, *, last: bool = False) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _open(cipher: AESGCM, nonce: bytes, sealed: bytes) -> bytes:
    if len(sealed) < TAG_SIZE:
        raise _changed()
    try:
        return cipher.decrypt(nonce, sealed, None)
    except InvalidTag as error:
        raise _changed() from error


def _changed() -> Damaged:
    return Damaged("this backup was cut off or changed", hint="use another copy of the file")
