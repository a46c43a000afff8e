"""The anchor: a point of the chain kept beside the master key, that the database must still hold.

A database that does not reach its anchor, or has another link at that number, is older or other
than the one that was last seen: it is served read-only until that is accepted. An anchor is
written only after the link it names is durable.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass

from devvault.audit.chain import KeysOf, Links, find_checkpoint
from devvault.errors import Damaged

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


def compare(links: Links, anchor: Anchor, home: str, keys: KeysOf) -> str | None:
    """Return None where the database holds the anchor's link, else what is wrong in a few words.

    A link that is not there counts as held only behind a checkpoint that was signed later.
    """
    row = links.audit_row(anchor.count)
    if row is not None:
        if hmac.compare_digest(row.mac, anchor.mac):
            return None
        return f"its audit record {anchor.count} is not the one that was known: another history"
    try:
        checkpoint = find_checkpoint(links, home, keys)
    except Damaged as error:
        return error.message
    floor = 0 if checkpoint is None else checkpoint.seq
    if checkpoint is not None and floor == anchor.count:
        if hmac.compare_digest(checkpoint.mac, anchor.mac):
            return None
        return f"its audit record {anchor.count} is not the one that was known: another history"
    if floor > anchor.count:
        return None
    head = links.audit_head()
    reached = floor if head is None else head.seq
    if reached > anchor.count:
        return f"its audit record {anchor.count} is missing"
    return f"it ends at audit record {reached}, and had reached {anchor.count}"
