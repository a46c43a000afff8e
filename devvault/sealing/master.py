"""One generation of the master key, and the separate keys derived from it.

The master key itself encrypts nothing. Keys for wrapping, MACs, audit, object backups and
fingerprints come from it by HKDF-SHA256 (RFC 5869), bound to home and generation, so that one of
them tells nothing of another. The audit and backup keys of past generations are carried along:
the trail and the backup blobs outlive a rekey, the records of a past generation do not.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from devvault.errors import Damaged, Locked
from devvault.sealing.base import MASTER_SIZE
from devvault.sealing.envelope import (
    KEY_SIZE,
    NONCE_SIZE,
    TAG_SIZE,
    Random,
    Sealed,
    canon,
    describe,
    open_sealed,
    seal,
)

_NONE: Mapping[int, Archived] = MappingProxyType({})
_ARCHIVED_FORMAT = b"\x01"
_MAC = "devvault mac 1"


def hkdf(key: bytes, *, salt: bytes, info: bytes, size: int = KEY_SIZE) -> bytes:
    """Return `size` bytes derived by HKDF-SHA256 (RFC 5869), 8,160 at most.

    Written out over hmac: cryptography's own would cost the daemon's start more than it saves.
    """
    assert 0 < size <= 255 * 32
    drawn = hmac.digest(salt or bytes(32), key, "sha256")
    found = block = b""
    number = 0
    while len(found) < size:
        number += 1
        block = hmac.digest(drawn, block + info + bytes([number]), "sha256")
        found += block
    return found[:size]


def next_master() -> bytes:
    """Return a new master key."""
    return os.urandom(MASTER_SIZE)


@dataclass(frozen=True, slots=True, repr=False)
class Archived:
    """What is still needed of a past generation; it rests only inside a sealed record."""

    generation: int
    audit_mac: bytes
    audit_seal: bytes
    backup: bytes

    def to_bytes(self) -> bytes:
        """Return format byte, generation (eight bytes, big endian), the three keys in order."""
        keys = self.audit_mac + self.audit_seal + self.backup
        return _ARCHIVED_FORMAT + self.generation.to_bytes(8, "big") + keys

    @classmethod
    def from_bytes(cls, data: bytes) -> Archived:
        """Read what `to_bytes` wrote.

        Raises:
            Damaged: it is something else.
        """
        if len(data) != 9 + 3 * KEY_SIZE or data[:1] != _ARCHIVED_FORMAT:
            raise Damaged("the archived keys of a past generation are malformed")
        generation = int.from_bytes(data[1:9], "big")
        mac, sealing, backup = (data[at : at + KEY_SIZE] for at in range(9, len(data), KEY_SIZE))
        return cls(generation, mac, sealing, backup)


class AuditKeys:
    """The two audit keys of one generation, at work; they are not handed out."""

    __slots__ = ("_aead", "_mac")

    def __init__(self, mac: bytes, seal: bytes) -> None:
        self._mac = mac
        self._aead = AESGCM(seal)

    def seal_record(self, aad: bytes, plaintext: bytes, *, random: Random = os.urandom) -> bytes:
        """Return nonce (12) and ciphertext of an audit record, bound to `aad`."""
        nonce = random(NONCE_SIZE)
        return nonce + self._aead.encrypt(nonce, plaintext, aad)

    def open_record(self, aad: bytes, data: bytes) -> bytes:
        """Return what `seal_record` was given.

        Raises:
            Damaged: it was changed, or stands at another place.
        """
        if len(data) < NONCE_SIZE + TAG_SIZE:
            raise Damaged("an audit record is cut short", hint="devvault audit verify")
        try:
            return self._aead.decrypt(data[:NONCE_SIZE], data[NONCE_SIZE:], aad)
        except InvalidTag as error:
            raise Damaged(
                "an audit record was changed, or moved here from another place",
                hint="devvault audit verify",
            ) from error

    def mac(self, data: bytes) -> bytes:
        """Return the HMAC-SHA256 of `data` under the chain's key."""
        return hmac.digest(self._mac, data, "sha256")


class Master:
    """The keys of one home and generation while it is unlocked.

    Thread-safe: nothing changes after it was made but by `wipe`, after which everything raises
    Locked. Python cannot erase memory: `wipe` drops the references and the allocator does the rest
    in its own time, which is why the process that holds a Master is not dumpable.
    """

    def __init__(
        self, home: str, generation: int, key: bytes, archive: Mapping[int, Archived] = _NONE
    ) -> None:
        assert len(key) == MASTER_SIZE
        assert generation > 0
        salt = bytes.fromhex(home)

        def derive(purpose: bytes) -> bytes:
            info = b"devvault 1 " + purpose + b" " + str(generation).encode()
            return hkdf(key, salt=salt, info=info)

        self.home = home
        self.generation = generation
        self._archive: Mapping[int, Archived] = MappingProxyType(dict(archive))
        self._wrap: AESGCM | None = AESGCM(derive(b"wrap"))
        self._mac = derive(b"mac")
        self._fingerprint = derive(b"fingerprint")
        self._own: Archived | None = Archived(
            generation, derive(b"audit-mac"), derive(b"audit-seal"), derive(b"backup")
        )
        self._audit: dict[int, AuditKeys] = {}

    def __repr__(self) -> str:
        """Leave every key out."""
        return f"Master({self.home!r}, {self.generation})"

    @property
    def archive(self) -> Mapping[int, Archived]:
        """What is kept of past generations."""
        return self._archive

    @property
    def fingerprint_key(self) -> bytes:
        """The key of fingerprints of values, which never leave memory.

        Raises:
            Locked: the keys were wiped.
        """
        return _held(self._fingerprint)

    def seal(
        self,
        kind: str,
        scope: str,
        name: str,
        version: str,
        plaintext: bytes,
        *,
        random: Random = os.urandom,
    ) -> Sealed:
        """Return the plaintext sealed as this record of this home.

        Raises:
            Locked: the keys were wiped.
        """
        identity = (self.home, kind, scope, name, version)
        return seal(self._wrapping(), self.generation, identity, plaintext, random=random)

    def open(self, kind: str, scope: str, name: str, version: str, sealed: Sealed) -> bytes:
        """Return what `seal` was given.

        Raises:
            Damaged: it was changed, or is another record, another home's, another generation's.
            Locked: the keys were wiped.
        """
        identity = (self.home, kind, scope, name, version)
        if sealed.generation != self.generation:
            raise Damaged(
                f"the record {describe(identity)} is sealed under key generation"
                f" {sealed.generation}, and this is generation {self.generation}",
                hint="devvault audit verify",
            )
        return open_sealed(self._wrapping(), identity, sealed)

    def mac(self, purpose: str, data: bytes) -> bytes:
        """Return a MAC that only this home and generation can make, and for this purpose alone.

        Raises:
            Locked: the keys were wiped.
        """
        return hmac.digest(_held(self._mac), canon(_MAC, purpose, data), "sha256")

    def audit_keys(self, epoch: int) -> AuditKeys:
        """Return the audit keys of this or a past generation.

        Raises:
            Damaged: this home never had that generation.
            Locked: the keys were wiped.
        """
        found = self._audit.get(epoch)
        if found is None:
            try:
                kept = self._kept(epoch)
            except KeyError as error:
                raise Damaged(
                    f"an audit record names key generation {epoch}, which this home never had",
                    hint="devvault audit verify",
                ) from error
            found = self._audit[epoch] = AuditKeys(kept.audit_mac, kept.audit_seal)
        return found

    def backup_key(self, generation: int) -> bytes:
        """Return the key of object backups made under this or a past generation.

        Raises:
            KeyError: this home never had that generation.
            Locked: the keys were wiped.
        """
        return self._kept(generation).backup

    def archived(self) -> Archived:
        """Return what the next generation must carry of this one.

        Raises:
            Locked: the keys were wiped.
        """
        own = self._own
        if own is None:
            raise Locked
        return own

    def wipe(self) -> None:
        """Drop every key."""
        self._wrap = None
        self._own = None
        self._mac = self._fingerprint = b""
        self._archive = _NONE
        self._audit = {}

    def _wrapping(self) -> AESGCM:
        wrap = self._wrap
        if wrap is None:
            raise Locked
        return wrap

    def _kept(self, generation: int) -> Archived:
        own = self.archived()
        return own if generation == self.generation else self._archive[generation]


def _held(key: bytes) -> bytes:
    # Looked at once, so that a wipe by another thread in between cannot leave an empty key in use.
    if not key:
        raise Locked
    return key
