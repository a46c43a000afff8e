"""The one door: authorise, act in a transaction, audit.

Nothing reads or changes a vault but through here. A change and its audit record are one
transaction; a value leaves only after its record is queued; a refusal is recorded like a success.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from devvault.access.decide import Decision, Question, decide, refusal
from devvault.access.principals import Caller, Principal
from devvault.audit.record import AuditRecord
from devvault.errors import (
    Conflict,
    Damaged,
    DevvaultError,
    Forbidden,
    Invalid,
    Locked,
    NotFound,
    Stale,
    Unauthorized,
    Unavailable,
    WrongMethod,
)
from devvault.model.operations import Operation
from devvault.model.vault import Vault
from devvault.store.base import Finding, Reading, Store, Writing
from devvault.vault.directory import Directory, Snapshot
from devvault.vault.records import Records

if TYPE_CHECKING:
    from devvault.access.tokens import Tokens
    from devvault.audit.trail import Trail
    from devvault.clock import Clock

T = TypeVar("T")

_LOOKED_LIMIT = 1024
# Characters of values among them, at four bytes the most: few large ones must not weigh more.
_LOOKED_SIZE = 1024 * 1024
_DETAIL_LENGTH = 2000  # a message may quote what was sent

_STATUS: tuple[tuple[type[DevvaultError], int], ...] = (
    (Invalid, 400),
    (Unauthorized, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (WrongMethod, 405),
    (Conflict, 409),
    (Stale, 409),
    (Damaged, 422),
    (Locked, 423),
    (Unavailable, 424),
)


def status_of(error: DevvaultError) -> int:
    """Return the HTTP status that an error is told and recorded with."""
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    return 400


# Marks the record of a 401 to which a token is the usual answer: refused, and nothing to look into.
CHALLENGE = "challenge"


@dataclass(frozen=True, slots=True)
class Target:
    """What an operation is about: an ARM resource id, its vault, and how the trail names it.

    `role` is the GUID of the role that is given or taken away, if that is what is done. `version`
    is the version of an object that is asked for; where that is the current one, `current` finds
    out which it is, for whoever has a role on single versions only.
    """

    resource: str
    vault: Vault | None = None
    id: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    role: str = ""
    version: str = ""
    current: Callable[[Finding], str] | None = None


class Receipts:
    """The records of reads that were answered, so that the same answer can be given again."""

    __slots__ = ("records",)

    def __init__(self) -> None:
        self.records: list[AuditRecord] = []

    @property
    def all_granted(self) -> bool:
        """Whether every one of the reads was allowed and found what it asked for."""
        return all(record.status == 200 for record in self.records)


class Gate:
    """Holds what an unlocked home works with; every operation takes it first."""

    def __init__(
        self,
        store: Store,
        records: Records,
        trail: Trail,
        clock: Clock,
        *,
        home: str,
        tenant: str,
        subscription: str,
        developer: Principal,
    ) -> None:
        self.store = store
        self.records = records
        self.trail = trail
        self.clock = clock
        self.directory = Directory(records)
        self.home = home
        self.tenant = tenant
        self.subscription = subscription
        self.developer = developer
        # What issues and verifies access tokens, once one was asked for: see vault/signing.py.
        self.tokens: Tokens | None = None
        self.stale: str | None = None
        self._door = threading.Lock()
        self._closed = False
        self._append = self._append_all  # one object, so that the store can gather for it
        # What a front may answer again without asking: gone with the keys, and with every change.
        self.answers: dict[bytes, object] = {}
        self.turn = 0
        self._looked: dict[Hashable, tuple[object, AuditRecord]] = {}
        self._looked_size = 0
        # What vault/fingerprints.py made of the values, for `check`; gone as the answers are.
        self.fingerprints: object | None = None
        # Which version of a secret was the current one when it was last read: see `Glance`.
        self.guesses: dict[tuple[str, str], str] = {}
        self.secure_point: Callable[[], None] = lambda: None
        self.announce: Callable[[], None] = lambda: None
        self.erase: Callable[[], None] = store.truncate

    def find_vault(self, name: str) -> Vault | None:
        """Return a live vault by name, or None; no right is needed to know that a name exists."""
        return self.snapshot().find_vault(name)

    def snapshot(self) -> Snapshot:
        """Return what decisions rest on, as it is now."""
        kept = self.directory.kept()
        if kept is None:
            with self.store.read() as reading:
                kept = self.directory.at(reading)
        return kept

    def read(
        self, caller: Caller, operation: Operation, target: Target, act: Callable[[Reading], T]
    ) -> T:
        """Run a read as this caller.

        Raises:
            Forbidden: the caller may not.
            Unavailable: the trail cannot take the record; nothing is handed out then.
        """
        started = self.clock.now()
        granted: Decision | None = None
        try:
            with self.store.read() as reading:
                snapshot = self.directory.at(reading)
                granted = self._authorise(caller, operation, target, snapshot, reading)
                result = act(reading)
        except DevvaultError as error:
            self._queue(self._record(caller, operation, target, started, granted, error))
            raise
        self._queue(self._record(caller, operation, target, started, granted))
        return result

    def look(
        self,
        caller: Caller,
        operation: Operation,
        target: Target,
        fetch: Callable[[], Finding],
        act: Callable[[Finding], T],
        key: Hashable,
        size: Callable[[T], int],
    ) -> T:
        """Run a read that needs no view of its own: `fetch` gets what it wants to know at once.

        The answer, of so many characters, is kept under `key` for `look_again`, until anything in
        the home changes.

        Raises:
            Forbidden: the caller may not.
            Unavailable: the trail cannot take the record; nothing is handed out then.
        """
        started, turn = self.clock.now(), self.turn
        granted: Decision | None = None
        try:
            # In this order: what is fetched is never newer than what it is decided by.
            finding = fetch()
            granted = self._authorise(caller, operation, target, self.snapshot(), finding)
            result = act(finding)
        except DevvaultError as error:
            self._queue(self._record(caller, operation, target, started, granted, error))
            raise
        record = self._record(caller, operation, target, started, granted)
        self._queue(record)
        weight = size(result)
        if len(self._looked) >= _LOOKED_LIMIT or self._looked_size + weight > _LOOKED_SIZE:
            self._looked.clear()
            self._looked_size = 0
        self._looked[key] = (result, record)
        self._looked_size += weight
        if self.turn != turn:
            self._looked.clear()
        return result

    def look_again(self, caller: Caller, key: Hashable) -> object | None:
        """Return what `look` kept under this key, recorded once more; None where nothing is kept.

        Nothing was changed since, so what was allowed is allowed; the key must say who asks.

        Raises:
            Unavailable: the trail cannot take the record; nothing is handed out then.
        """
        kept = self._looked.get(key)
        if kept is None:
            return None
        result, record = kept
        origin = caller.origin
        self._queue(
            record._replace(
                time=self.clock.now(),
                duration_ms=0,
                address=origin.address,
                agent=origin.agent,
                uri=origin.uri,
                api_version=origin.api_version,
                correlation=origin.correlation,
            )
        )
        return result

    def read_each(
        self,
        caller: Caller,
        operation: Operation,
        questions: Sequence[tuple[Target, Callable[[Finding], T]]],
        fetch: Callable[[Reading], Finding],
        receipts: Receipts | None = None,
    ) -> list[T | DevvaultError]:
        """Run several reads in one view; each is decided, answered and recorded for itself.

        `fetch` may get all at once what they will ask for; it hands nothing out. `receipts` are
        what `repeat` wants.

        Raises:
            Damaged: the database itself cannot be read.
            Unavailable: the trail cannot take the records; nothing is handed out then.
        """
        found: list[T | DevvaultError] = []
        records: list[AuditRecord] = []

        try:
            with self.store.read() as reading:
                snapshot = self.directory.at(reading)
                fetched = fetch(reading)
                for target, act in questions:
                    started = self.clock.now()
                    problem: DevvaultError | None = None
                    granted: Decision | None = None
                    try:
                        granted = self._authorise(caller, operation, target, snapshot, fetched)
                        found.append(act(fetched))
                    except DevvaultError as error:
                        problem = error
                        found.append(error)
                    records.append(
                        self._record(caller, operation, target, started, granted, problem)
                    )
        finally:
            if records:
                self._queue(*records)
        if receipts is not None:
            receipts.records += records
        return found

    def repeat(self, receipts: Receipts) -> None:
        """Record once more what is answered once more: nothing was changed since, so it is allowed.

        Raises:
            Unavailable: the trail cannot take the records; nothing may be handed out then.
        """
        if not receipts.records:
            return
        now = self.clock.now()
        records = [record._replace(time=now, duration_ms=0) for record in receipts.records]

        self._queue(*records)

    def changing(self) -> None:
        """Forget every kept answer: something is changing or has changed."""
        self.turn += 1
        self.answers.clear()
        self._looked.clear()
        self._looked_size = 0
        self.fingerprints = None
        self.announce()

    def write(
        self,
        caller: Caller,
        operation: Operation,
        target: Target,
        act: Callable[[Writing], T],
        *,
        undone: Callable[[], None] | None = None,
    ) -> T:
        """Run a change as this caller; return once it is durable together with its record.

        `undone` takes back what `act` changed in memory; see `Store.write`.

        Raises:
            Forbidden: the caller may not.
            Stale: the database is older than its anchor.
        """
        started = self.clock.now()

        def work(writing: Writing) -> T:
            self._refuse_stale()
            snapshot = self.directory.at(writing)
            granted = self._authorise(caller, operation, target, snapshot, writing)
            result = act(writing)
            self.trail.append(writing, self._record(caller, operation, target, started, granted))
            return result

        self.changing()
        try:
            return self.store.write(work, undone)
        except DevvaultError as error:
            self._queue(self._record(caller, operation, target, started, None, error))
            raise
        finally:
            # Twice: what was answered in between may have come from before the commit.
            self.changing()

    def change_access(
        self, caller: Caller, operation: Operation, target: Target, act: Callable[[Writing], T]
    ) -> T:
        """Run a change to vaults or assignments, which later decisions must see."""

        def work(writing: Writing) -> T:
            self.directory.changed()
            return act(writing)

        try:
            return self.write(caller, operation, target, work)
        finally:
            self.directory.changed()

    def note(
        self,
        caller: Caller,
        operation: Operation,
        target: Target,
        error: DevvaultError | None = None,
    ) -> None:
        """Record something that happened outside a transaction (a refusal before the door)."""
        self._queue(self._record(caller, operation, target, self.clock.now(), None, error))

    def _refuse_stale(self) -> None:
        if self.stale is not None:
            raise Stale(
                f"the vault is read-only: {self.stale}",
                hint="restore the newer one, or accept this: devvault audit accept-restore",
            )

    def demand(
        self,
        writing: Writing,
        caller: Caller,
        operation: Operation,
        target: Target,
        snapshot: Snapshot,
    ) -> None:
        """See that the caller may do one more thing within a change, and record that it is done.

        Raises:
            Forbidden: she may not; the whole change is undone, and recorded as refused.
        """
        started = self.clock.now()
        granted = self._authorise(caller, operation, target, snapshot, writing)
        self.trail.append(writing, self._record(caller, operation, target, started, granted))

    def _authorise(
        self,
        caller: Caller,
        operation: Operation,
        target: Target,
        snapshot: Snapshot,
        finding: Finding,
    ) -> Decision:
        resource, grants = target.resource, snapshot.grants
        vault = target.vault
        if vault is not None and operation.data:
            # As it is now: its model or policies may have changed while this waited for its turn.
            name = vault.name
            vault = snapshot.find_vault(name)
            if vault is None:
                raise NotFound(
                    f"there is no vault named {name} in this home",
                    code="VaultNotFound",
                )
        question = Question(caller, operation, resource, vault, target.role, target.version)
        decision = decide(question, grants)
        if decision.allowed:
            return decision
        # Only somebody with a role on single versions learns which one is the current one.
        if target.current is not None and grants.has_versions(caller.ids, resource):
            decision = decide(replace(question, version=target.current(finding)), grants)
            if decision.allowed:
                return decision
        raise refusal(question, decision)

    def close(self) -> None:
        """Let nothing more through: the home is being locked.

        Whoever asks from here on finds it locked and is handed nothing; what was queued before can
        still be sealed, as long as the keys are kept until it is written.
        """
        with self._door:
            self._closed = True

    def _queue(self, *records: AuditRecord) -> None:
        # A record that came after the last flush would find no key, and stop all that follow it.
        with self._door:
            if self._closed:
                raise Locked
            for record in records:
                self.store.gather(self._append, record)

    def _append_all(self, writing: Writing, records: list[AuditRecord]) -> None:
        # By the trail as it is now: a rekey may have come since they were queued.
        self.trail.append_all(writing, records)

    def _record(
        self,
        caller: Caller,
        operation: Operation,
        target: Target,
        started: datetime,
        granted: Decision | None,
        error: DevvaultError | None = None,
    ) -> AuditRecord:
        now = self.clock.now()
        extra = target.extra
        if granted is not None and granted.assignment is not None:
            # Azure's own name for it, in its log of a vault's data plane.
            extra = {**extra, "appliedAssignmentId": granted.assignment.id}
        spent = (now - started).total_seconds()
        origin = caller.origin
        if error is not None:
            error.recorded = True
        return AuditRecord(
            time=now,
            operation=operation.audit,
            resource=target.resource,
            result="Success" if error is None else error.inner or error.code,
            status=200 if error is None else status_of(error),
            oid=caller.oid,
            appid=caller.appid,
            name=caller.name,
            id=target.id,
            detail="" if error is None else error.message[:_DETAIL_LENGTH],
            address=origin.address,
            agent=origin.agent,
            uri=origin.uri,
            api_version=origin.api_version,
            correlation=origin.correlation,
            duration_ms=max(0, int(spent * 1000)),
            extra=extra,
        )
