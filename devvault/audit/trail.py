"""The trail: append-only, sealed, and chained by a keyed hash that survives a rekey.

Each link's MAC covers the link before it. An epoch is the master generation whose audit keys a
link is made with; the first link of a new epoch continues the chain of the old one. Pruning
leaves a signed checkpoint that verification starts from.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO

from devvault.audit.anchor import Anchor, compare
from devvault.audit.chain import (
    START,
    VALUE_CHECKPOINT,
    AuditKeys,
    Checkpoint,
    KeysOf,
    Links,
    OpenLinks,
    find_checkpoint,
    is_link,
    make_link,
    open_link,
)
from devvault.audit.record import AuditRecord
from devvault.errors import Damaged
from devvault.model.auditrow import AuditRow

__all__ = ["AuditKeys", "KeysOf", "Trail", "Verification"]

_PAGE = 500
_PROBLEMS_LIMIT = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEWEST = 2**62
_NONCE_SIZE = 12
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of the chain found.

    `checked` is how many links were looked at, `head_seq` the newest number; `since` is when what
    lay before was pruned. The problems are one sentence each, and end after the twentieth.
    """

    ok: bool
    checked: int
    problems: tuple[str, ...]
    head_seq: int
    since: datetime | None = None


class Trail:
    """Appends, reads, verifies and prunes the chain of one home. Holds no state but its keys."""

    def __init__(self, keys: KeysOf, home: str, epoch: int) -> None:
        self._keys = keys
        self._home = home
        self._epoch = epoch

    def with_epoch(self, epoch: int, keys: KeysOf) -> Trail:
        """Return the trail that continues the same chain under the keys of a new epoch."""
        return Trail(keys, self._home, epoch)

    def append(self, writing: OpenLinks, record: AuditRecord) -> AuditRow:
        """Add a record to the chain inside an open transaction.

        Raises:
            Damaged: its end, or the checkpoint that it must continue, was changed.
        """
        return self.append_all(writing, (record,))[0]

    def append_all(self, writing: OpenLinks, records: Sequence[AuditRecord]) -> list[AuditRow]:
        """Add records in order; as `append`, at the price of one look at the chain's end."""
        seq, mac = self._last(writing)
        keys = self._keys(self._epoch)
        # Drawn once: every question to the system would let others run before the next link.
        noise = BytesIO(os.urandom(_NONCE_SIZE * len(records)))
        rows: list[AuditRow] = []
        for record in records:
            seq += 1
            at = (record.time - _EPOCH) // _MICROSECOND
            row = make_link(
                self._home, keys, mac, seq, at, self._epoch, record.to_bytes(), random=noise.read
            )
            mac = row.mac
            rows.append(row)
        writing.append_audits(rows)
        return rows

    def page(
        self, reading: Links, *, before: int | None, after: int | None, limit: int
    ) -> list[tuple[int, AuditRecord]]:
        """Return numbered records: in order after a number, else the newest (before a number).

        Raises:
            Damaged: one of them does not open.
        """
        if after is not None:
            rows = reading.audit_after(after, limit)
        else:
            rows = reading.audit_before(_NEWEST if before is None else before, limit)
        return [(row.seq, self._open(row)) for row in rows]

    def compare(self, reading: Links, anchor: Anchor) -> str | None:
        """Return None where the database holds the anchor's link, else what is wrong in words.

        A quick look at the one link: `verify` goes through them all.
        """
        return compare(reading, anchor, self._home, self._keys)

    def verify(
        self,
        reading: Links,
        anchor: Anchor | None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Verification:
        """Check every link, from the checkpoint to the head, and the head against the anchor.

        Finds edits of any column, dropped, added and reordered records, and, by the anchor, a
        truncated tail and an older copy. `progress` is told (links checked, newest number).
        """
        problems: list[str] = []
        checkpoint = None
        try:
            checkpoint = find_checkpoint(reading, self._home, self._keys)
        except Damaged as error:
            problems.append(error.message)
        floor = 0 if checkpoint is None else checkpoint.seq
        if found := reading.audit_before(floor + 1, 1):
            problems.append(
                f"record {found[0].seq} does not belong: the trail begins at {floor + 1}"
            )
        mac = START if checkpoint is None else checkpoint.mac
        checked, head = self._walk(reading, floor, mac, None, problems, progress)
        if anchor is not None and (words := self.compare(reading, anchor)) is not None:
            problems.append(f"the database is not the newest: {words}")
        return Verification(
            not problems,
            checked,
            tuple(problems[:_PROBLEMS_LIMIT]),
            head,
            None if checkpoint is None else checkpoint.time,
        )

    def prune(self, writing: OpenLinks, upto: int, now: datetime) -> int:
        """Remove records up to a number behind a signed checkpoint; return how many.

        Raises:
            Damaged: the chain is not sound up to there, and a checkpoint must not hide that;
                nothing is removed then.
        """
        checkpoint = find_checkpoint(writing, self._home, self._keys)
        floor, mac = (0, START) if checkpoint is None else (checkpoint.seq, checkpoint.mac)
        if upto <= floor:
            return 0
        last = writing.audit_row(upto)
        problems: list[str] = []
        if not writing.audit_before(floor + 1, 1):
            self._walk(writing, floor, mac, upto, problems, None)
        else:
            problems.append("records that were pruned are there again")
        if last is None or problems:
            raise Damaged(
                "the trail is not sound, so nothing of it is pruned",
                hint="devvault audit verify",
            )
        signed = Checkpoint(upto, last.mac, self._epoch, now)
        writing.set_value(VALUE_CHECKPOINT, signed.to_bytes(self._home, self._keys))
        return writing.prune_audit(upto)

    def _last(self, reading: Links) -> tuple[int, bytes]:
        head = reading.audit_head()
        if head is not None:
            if head.seq >= _NEWEST:
                raise Damaged(f"audit record {head.seq} was put in", hint="devvault audit verify")
            return head.seq, head.mac
        checkpoint = find_checkpoint(reading, self._home, self._keys)
        return (0, START) if checkpoint is None else (checkpoint.seq, checkpoint.mac)

    def _walk(
        self,
        reading: Links,
        seq: int,
        mac: bytes,
        upto: int | None,
        problems: list[str],
        progress: Callable[[int, int], None] | None,
    ) -> tuple[int, int]:
        """Check the links behind `seq`; return how many, and the last number."""
        head = reading.audit_head()
        newest = seq if head is None else head.seq
        checked = epoch = 0
        while rows := reading.audit_after(seq, _PAGE):
            for row in rows:
                if upto is not None and row.seq > upto:
                    return checked, seq
                problem = self._problem(row, seq, mac, epoch)
                if problem is not None:
                    problems.append(problem)
                # One wrong record is told once: what follows is measured by the MAC that stands.
                seq, mac, epoch = row.seq, row.mac, max(epoch, row.epoch)
                checked += 1
                if len(problems) >= _PROBLEMS_LIMIT:
                    return checked, newest
            if progress is not None:
                progress(checked, newest)
        return checked, seq

    def _problem(self, row: AuditRow, seq: int, mac: bytes, epoch: int) -> str | None:
        if row.seq == seq + 2:
            return f"record {seq + 1} is missing"
        if row.seq != seq + 1:
            return f"records {seq + 1} to {row.seq - 1} are missing"
        if row.epoch < epoch or not is_link(self._home, self._keys, mac, row):
            return f"record {row.seq} was changed, moved or put in"
        return None

    def _open(self, row: AuditRow) -> AuditRecord:
        data = open_link(self._home, self._keys, row)
        try:
            return AuditRecord.from_bytes(data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Damaged(
                f"audit record {row.seq} is in a form that this devvault does not know",
                hint="pip install --upgrade devvault",
            ) from error
