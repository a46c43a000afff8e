"""The trail as its reader sees it: list, verify, prune by retention. Each of them is recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from devvault.access.principals import Caller
from devvault.audit.anchor import Anchor
from devvault.audit.record import AuditRecord
from devvault.audit.trail import Verification
from devvault.errors import Damaged
from devvault.model import operations as op
from devvault.store.base import Reading, Writing
from devvault.vault.gate import Gate, Target
from devvault.vault.keeper import Keeper
from devvault.vault.records import SECRET, SECRET_VERSION

_PAGE = 1000
_PROBLEMS_LIMIT = 20


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

    Every record is opened too, so that an edited column anywhere is found here. Twenty problems
    are told, a sentence each.
    """
    gate.store.flush()
    gate.store.check()

    def act(reading: Reading) -> Verification:
        found = gate.trail.verify(reading, anchor, progress)
        problems = (*found.problems, *_damaged_records(gate, reading))[:_PROBLEMS_LIMIT]
        return replace(found, ok=not problems, problems=problems)

    return gate.read(caller, op.VERIFY_AUDIT, _target(gate), act)


def _damaged_records(gate: Gate, reading: Reading) -> list[str]:
    problems: list[str] = []
    for row in reading.rows():
        try:
            body = gate.records.open(row)
        except Damaged as error:
            problems.append(error.message)
        else:
            if row.kind != SECRET:
                continue
            if reading.find(SECRET_VERSION, row.scope, row.name, body["current"]) is None:
                problems.append(f"the current version of {row.scope}/{row.name} is missing")
        if len(problems) >= _PROBLEMS_LIMIT:
            break
    return problems


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
    try:
        anchor = None if kept is None else Anchor.from_bytes(kept, opened.master.audit_keys)
    except Damaged as error:
        found = verify_audit(opened.gate, caller, None, progress)
        return replace(found, ok=False, problems=(*found.problems, error.message))
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
