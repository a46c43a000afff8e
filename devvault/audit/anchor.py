"""The anchor: a point of the chain kept beside the master key, that the database must still hold.

A database that does not reach its anchor, or has another link at that number, is older or other
than the one that was last seen: it is served read-only until that is accepted.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass

from devvault.audit.trail import KeysOf
from devvault.errors import Damaged
from devvault.store.base import Reading

_MARK = b"devvault anchor 1\0"


@dataclass(frozen=True, slots=True)
class Anchor:
    """The head of the chain at some time: its epoch, its number, its MAC."""

    epoch: int
    count: int
    mac: bytes

    def to_bytes(self, keys: KeysOf) -> bytes:
        """Return the signed form that is kept."""
        body = json.dumps(
            {"epoch": self.epoch, "count": self.count, "mac": self.mac.hex()}, sort_keys=True
        ).encode()
        return keys(self.epoch).mac(_MARK + body).hex().encode() + b" " + body

    @classmethod
    def from_bytes(cls, data: bytes, keys: KeysOf) -> Anchor:
        """Read a kept anchor.

        Raises:
            Damaged: it is malformed, was changed, or was made under keys that we do not have.
        """
        said, _, body = data.partition(b" ")
        try:
            parts = json.loads(body)
            found = cls(int(parts["epoch"]), int(parts["count"]), bytes.fromhex(parts["mac"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Damaged("the anchor beside the master key is malformed") from error
        if not hmac.compare_digest(said, keys(found.epoch).mac(_MARK + body).hex().encode()):
            raise Damaged("the anchor beside the master key was changed")
        return found


def compare(reading: Reading, anchor: Anchor) -> str | None:
    """Return None where the database holds the anchor's link, else what is wrong in a few words."""
    head = reading.audit_head()
    reached = 0 if head is None else head.seq
    if reached < anchor.count:
        return f"it ends at audit record {reached}, and had reached {anchor.count}"
    row = reading.audit_row(anchor.count)
    if row is None:
        # Pruned behind a checkpoint: the chain from there on is what `audit verify` checks.
        return None
    if not hmac.compare_digest(row.mac, anchor.mac):
        return f"its audit record {anchor.count} is not the one that was known: another history"
    return None
