"""How one audit record becomes a link: what is sealed, what the MAC covers, what a checkpoint is.

PROMISE: these bytes are read for ever. A part is a four-byte big-endian length and its bytes,
numbers in decimal digits. place = parts("devvault audit 1", home, seq, at, epoch) is the associated
data of the seal; mac = HMAC(parts(mac before, place, sealed)); before the first: 32 zero bytes.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from struct import Struct
from typing import Protocol

from devvault.errors import Damaged
from devvault.model.auditrow import AuditRow

VALUE_CHECKPOINT = "audit.checkpoint"
START = bytes(32)
_CHECKPOINT = b"devvault checkpoint 1"
_MAC_SIZE = 32
_SIZE = Struct(">I").pack


class AuditKeys(Protocol):
    """The audit keys of one epoch."""

    def seal_record(self, aad: bytes, plaintext: bytes, *, random: Random) -> bytes:
        """Return the sealed record; `random` is asked for its nonce."""
        ...

    def open_record(self, aad: bytes, data: bytes) -> bytes:
        """Return what `seal_record` was given.

        Raises:
            Damaged: it was changed, or belongs elsewhere.
        """
        ...

    def mac(self, data: bytes) -> bytes:
        """Return the MAC of some bytes: 32 bytes."""
        ...


Random = Callable[[int], bytes]
# The keys of an epoch; raises Damaged where this home has no such epoch.
KeysOf = Callable[[int], AuditKeys]


class Links(Protocol):
    """What a chain is read from: a view of the store."""

    def value(self, name: str) -> bytes | None:
        """Return a named value, or None."""
        ...

    def audit_head(self) -> AuditRow | None:
        """Return the newest row."""
        ...

    def audit_row(self, seq: int) -> AuditRow | None:
        """Return one row."""
        ...

    def audit_after(self, seq: int, limit: int) -> Sequence[AuditRow]:
        """Return up to `limit` rows with a higher number, in order."""
        ...

    def audit_before(self, seq: int, limit: int) -> Sequence[AuditRow]:
        """Return up to `limit` rows with a lower number, newest first."""
        ...


class OpenLinks(Links, Protocol):
    """What a chain is added to: an open transaction of the store."""

    def append_audits(self, rows: Sequence[AuditRow]) -> None:
        """Add the next rows, in order."""
        ...

    def prune_audit(self, upto: int) -> int:
        """Remove rows with a number <= `upto`; return how many."""
        ...

    def set_value(self, name: str, value: bytes | None) -> None:
        """Set a named value."""
        ...


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a pruned chain begins: number and MAC of the last link that was removed, and when."""

    seq: int
    mac: bytes
    epoch: int
    time: datetime

    def to_bytes(self, home: str, keys: KeysOf) -> bytes:
        """Return the signed form that is stored."""
        body = json.dumps(
            {
                "seq": self.seq,
                "mac": self.mac.hex(),
                "time": self.time.astimezone(UTC).isoformat(),
                "epoch": self.epoch,
            },
            sort_keys=True,
        ).encode()
        return keys(self.epoch).mac(_signed(home, body)) + body

    @classmethod
    def from_bytes(cls, data: bytes, home: str, keys: KeysOf) -> Checkpoint:
        """Read what `to_bytes` wrote.

        Raises:
            Damaged: it was changed, or belongs to another home.
        """
        mac, body = data[:_MAC_SIZE], data[_MAC_SIZE:]
        try:
            said = json.loads(body)
            found = cls(
                int(said["seq"]),
                bytes.fromhex(said["mac"]),
                int(said["epoch"]),
                datetime.fromisoformat(said["time"]),
            )
            expected = keys(found.epoch).mac(_signed(home, body))
        except (ValueError, KeyError, TypeError, Damaged) as error:
            raise _changed_checkpoint() from error
        if not hmac.compare_digest(mac, expected):
            raise _changed_checkpoint()
        return found


def find_checkpoint(links: Links, home: str, keys: KeysOf) -> Checkpoint | None:
    """Return where the chain begins, or None where it was never pruned.

    Raises:
        Damaged: the checkpoint was changed.
    """
    data = links.value(VALUE_CHECKPOINT)
    return None if data is None else Checkpoint.from_bytes(data, home, keys)


def make_link(
    home: str,
    keys: AuditKeys,
    before: bytes,
    seq: int,
    at: int,
    epoch: int,
    record: bytes,
    *,
    random: Random = os.urandom,
) -> AuditRow:
    """Return the link that follows the one whose MAC is `before`."""
    place = _place(home, seq, at, epoch)
    sealed = keys.seal_record(place, record, random=random)
    return AuditRow(seq, at, epoch, sealed, keys.mac(_parts(before, place, sealed)))


def is_link(home: str, keys: KeysOf, before: bytes, row: AuditRow) -> bool:
    """Say whether a row is what was once appended behind the link whose MAC is `before`."""
    try:
        found = keys(row.epoch)
        place = _place(home, row.seq, row.at, row.epoch)
        if not hmac.compare_digest(row.mac, found.mac(_parts(before, place, row.sealed))):
            return False
        found.open_record(place, row.sealed)
    except Damaged:
        return False
    return True


def open_link(home: str, keys: KeysOf, row: AuditRow) -> bytes:
    """Return the record inside a link.

    Raises:
        Damaged: it does not open.
    """
    try:
        place = _place(home, row.seq, row.at, row.epoch)
        return keys(row.epoch).open_record(place, row.sealed)
    except Damaged as error:
        raise Damaged(
            f"audit record {row.seq} does not open", hint="devvault audit verify"
        ) from error


def _place(home: str, seq: int, at: int, epoch: int) -> bytes:
    return _beginning(home) + _parts(b"%d" % seq, b"%d" % at, b"%d" % epoch)


@lru_cache(maxsize=4)
def _beginning(home: str) -> bytes:
    return _parts(b"devvault audit 1", home.encode())


def _signed(home: str, body: bytes) -> bytes:
    return _parts(_CHECKPOINT, home.encode(), body)


def _parts(*parts: bytes) -> bytes:
    return b"".join([_SIZE(len(part)) + part for part in parts])


def _changed_checkpoint() -> Damaged:
    return Damaged("the trail's checkpoint was changed", hint="devvault audit verify")
