"""The trail: append-only, sealed, and chained by a keyed hash that survives a rekey.

Each link's MAC covers the link before it. An epoch is the master generation whose audit keys a
link is made with; the first link of a new epoch continues the chain of the old one. Pruning
leaves a signed checkpoint that verification starts from.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from devvault.audit.record import AuditRecord
from devvault.errors import Damaged
from devvault.store.base import AuditRow, Reading, Writing

VALUE_CHECKPOINT = "audit.checkpoint"
_START = bytes(32)
_PAGE = 500
_PROBLEMS_LIMIT = 20


class AuditKeys(Protocol):
    """The audit keys of one epoch."""

    def seal_record(self, aad: bytes, plaintext: bytes) -> bytes:
        """Return the sealed record."""
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


KeysOf = Callable[[int], AuditKeys]


class Head(Protocol):
    """A point of the chain that was known to be reached (see `anchor`)."""

    @property
    def count(self) -> int:
        """Its number."""
        ...

    @property
    def mac(self) -> bytes:
        """Its MAC."""
        ...


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a pruned chain begins: the number and MAC of the last link that was removed."""

    seq: int
    mac: bytes
    time: datetime


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check found. `head_seq` is the newest number; `checked` counts links."""

    ok: bool
    checked: int
    problems: tuple[str, ...]
    head_seq: int
    since: datetime | None = None


class Trail:
    """Appends, reads, verifies and prunes the chain of one home."""

    def __init__(self, keys: KeysOf, home: str, epoch: int) -> None:
        self._keys = keys
        self._home = home
        self._epoch = epoch

    def with_epoch(self, epoch: int, keys: KeysOf) -> Trail:
        """Return the trail that continues the same chain under the keys of a new epoch."""
        return Trail(keys, self._home, epoch)

    def append(self, writing: Writing, record: AuditRecord) -> AuditRow:
        """Add a record to the chain inside an open transaction."""
        seq, before = self._last(writing)
        at = int(record.time.timestamp() * 1_000_000)
        keys = self._keys(self._epoch)
        place = self._place(seq + 1, at, self._epoch)
        sealed = keys.seal_record(place, record.to_bytes())
        mac = keys.mac(_link(before, place, sealed))
        row = AuditRow(seq + 1, at, self._epoch, sealed, mac)
        writing.append_audit(row)
        return row

    def page(
        self, reading: Reading, *, before: int | None, after: int | None, limit: int
    ) -> list[tuple[int, AuditRecord]]:
        """Return numbered records: in order after a number, else the newest (before a number).

        Raises:
            Damaged: one of them does not open.
        """
        if after is not None:
            rows = reading.audit_after(after, limit)
        else:
            rows = reading.audit_before(2**62 if before is None else before, limit)
        return [(row.seq, self._open(row)) for row in rows]

    def verify(
        self,
        reading: Reading,
        anchor: Head | None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Verification:
        """Check every link, from the checkpoint to the head, and the head against the anchor."""
        problems: list[str] = []
        seq, before, since = 0, _START, None
        try:
            checkpoint = self._checkpoint(reading)
        except Damaged as error:
            problems.append(error.message)
            checkpoint = None
        if checkpoint is not None:
            seq, before, since = checkpoint.seq, checkpoint.mac, checkpoint.time
        if reading.audit_before(seq + 1, 1):
            problems.append(f"records up to number {seq} were pruned, and some are there again")
        head = reading.audit_head()
        total = head.seq if head else seq
        checked = 0
        anchored = anchor is None or (anchor.count == seq and anchor.mac == before)
        while rows := reading.audit_after(seq, _PAGE):
            for row in rows:
                if row.seq != seq + 1:
                    problems.append(f"records {seq + 1} to {row.seq - 1} are missing")
                elif not self._holds(before, row):
                    problems.append(f"record {row.seq} was changed, moved or put in")
                if anchor is not None and row.seq == anchor.count:
                    anchored = hmac.compare_digest(row.mac, anchor.mac)
                seq, before = row.seq, row.mac
                checked += 1
            if progress is not None:
                progress(checked, total)
            if len(problems) >= _PROBLEMS_LIMIT:
                break
        if anchor is not None and not problems and not anchored:
            problems.append(
                f"the trail ends at record {seq}, and had reached {anchor.count}:"
                " its end was cut off, or the database is an older copy"
                if seq < anchor.count
                else f"record {anchor.count} is not the one that was known: another history"
            )
        return Verification(not problems, checked, tuple(problems), seq, since)

    def prune(self, writing: Writing, upto: int, now: datetime) -> int:
        """Remove records up to a number behind a signed checkpoint; return how many.

        Raises:
            Damaged: the chain is not sound up to there: nothing is removed then.
        """
        last = writing.audit_row(upto)
        if last is None:
            raise Damaged(f"audit record {upto} is missing", hint="devvault audit verify")
        found = self.verify(writing, None)
        if not found.ok:
            raise Damaged(
                "the trail is not sound, so nothing of it is pruned", hint="devvault audit verify"
            )
        body = json.dumps(
            {
                "seq": upto,
                "mac": last.mac.hex(),
                "time": now.astimezone(UTC).isoformat(),
                "epoch": self._epoch,
            },
            sort_keys=True,
        ).encode()
        mac = self._keys(self._epoch).mac(_field(b"devvault checkpoint 1") + self._signed(body))
        writing.set_value(VALUE_CHECKPOINT, mac + body)
        return writing.prune_audit(upto)

    # -- inside -----------------------------------------------------------------------------

    def _last(self, reading: Reading) -> tuple[int, bytes]:
        head = reading.audit_head()
        if head is not None:
            return head.seq, head.mac
        checkpoint = self._checkpoint(reading)
        return (0, _START) if checkpoint is None else (checkpoint.seq, checkpoint.mac)

    def _checkpoint(self, reading: Reading) -> Checkpoint | None:
        raw = reading.value(VALUE_CHECKPOINT)
        if raw is None:
            return None
        mac, body = raw[:32], raw[32:]
        try:
            said = json.loads(body)
            keys = self._keys(int(said["epoch"]))
            found = Checkpoint(
                int(said["seq"]), bytes.fromhex(said["mac"]), datetime.fromisoformat(said["time"])
            )
        except (ValueError, KeyError, TypeError) as error:
            raise Damaged("the trail's checkpoint was changed") from error
        expected = keys.mac(_field(b"devvault checkpoint 1") + self._signed(body))
        if not hmac.compare_digest(mac, expected):
            raise Damaged("the trail's checkpoint was changed")
        return found

    def _signed(self, body: bytes) -> bytes:
        return _field(self._home.encode()) + _field(body)

    def _holds(self, before: bytes, row: AuditRow) -> bool:
        try:
            keys = self._keys(row.epoch)
            place = self._place(row.seq, row.at, row.epoch)
            if not hmac.compare_digest(row.mac, keys.mac(_link(before, place, row.sealed))):
                return False
            keys.open_record(place, row.sealed)
        except Damaged:
            return False
        return True

    def _open(self, row: AuditRow) -> AuditRecord:
        place = self._place(row.seq, row.at, row.epoch)
        try:
            data = self._keys(row.epoch).open_record(place, row.sealed)
        except Damaged as error:
            raise Damaged(
                f"audit record {row.seq} does not open", hint="devvault audit verify"
            ) from error
        return AuditRecord.from_bytes(data)

    def _place(self, seq: int, at: int, epoch: int) -> bytes:
        return b"".join(
            _field(part)
            for part in (
                b"devvault audit 1",
                self._home.encode(),
                str(seq).encode(),
                str(at).encode(),
                str(epoch).encode(),
            )
        )


def _link(before: bytes, place: bytes, sealed: bytes) -> bytes:
    return _field(before) + _field(place) + _field(sealed)


def _field(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part
