"""The trail as its reader sees it: list, verify, prune by retention. Each of them is recorded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from devvault.access.principals import Caller
from devvault.audit.anchor import Anchor
from devvault.audit.record import AuditRecord
from devvault.audit.trail import Verification
from devvault.model import operations as op
from devvault.store.base import Reading, Writing
from devvault.vault.gate import Gate, Target
from devvault.vault.keeper import Keeper

_PAGE = 1000


def read_audit(
    gate: Gate,
    caller: Caller,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = 100,
) -> list[tuple[int, AuditRecord]]:
    """Return numbered records: the newest first, or with `after` in order from there."""
    gate.store.flush()

    def act(reading: Reading) -> list[tuple[int, AuditRecord]]:
        return gate.trail.page(reading, before=before, after=after, limit=limit)

    return gate.read(caller, op.READ_AUDIT, _target(gate), act)


def verify_audit(
    gate: Gate,
    caller: Caller,
    anchor: Anchor | None,
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Check the whole chain and the database's own structure; say every place that is wrong.

    Every record is opened too, so that an edited column anywhere is found here.
    """
    gate.store.flush()
    gate.store.check()

    def act(reading: Reading) -> Verification:
        return gate.trail.verify(reading, anchor, progress)

    return gate.read(caller, op.VERIFY_AUDIT, _target(gate), act)


def verify_home(
    keeper: Keeper, caller: Caller, progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Verify the trail of an unlocked home against the anchor that its key source keeps.

    Raises:
        Locked: it is locked.
        Damaged: the database's own structure is not sound.
    """
    opened = keeper.opened
    kept = opened.source.read_anchor(opened.gate.home)
    anchor = None if kept is None else Anchor.from_bytes(kept, opened.master.audit_keys)
    return verify_audit(opened.gate, caller, anchor, progress)


def prune_audit(gate: Gate, caller: Caller, before: datetime) -> int:
    """Remove records older than `before` behind a signed checkpoint; return how many."""
    until = int(before.timestamp() * 1_000_000)
    with gate.store.read() as reading:
        last = 0
        seq = 0
        while rows := reading.audit_after(seq, _PAGE):
            old = [row for row in rows if row.at < until]
            if old:
                last = old[-1].seq
            if len(old) < len(rows):
                break
            seq = rows[-1].seq
        head = reading.audit_head()
    if not last or head is None or last >= head.seq:
        return 0

    # The anchor must not name a record that is gone: it would look like another history.
    gate.secure_point()

    def act(writing: Writing) -> int:
        return gate.trail.prune(writing, last, gate.clock.now())

    return gate.write(caller, op.PRUNE_AUDIT, _target(gate), act)


def _target(gate: Gate) -> Target:
    return Target(f"/devvault/homes/{gate.home}")
