"""The home's state: new, locked or unlocked; makes it, opens it, and drops every key again.

The database says which generation of the master key it is sealed under; the key source keeps that
key. Writing order makes every crash in between repair itself: a key is put away and read back
before the database commits to it, and an old one is forgotten only afterwards.
"""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
from dataclasses import replace
from pathlib import Path

from devvault.access.principals import Caller
from devvault.audit.anchor import Anchor
from devvault.clock import Clock
from devvault.errors import (
    Conflict,
    Damaged,
    DevvaultError,
    Locked,
    NotFound,
    Unavailable,
    WrongUse,
)
from devvault.model import operations as op
from devvault.paths import Home, check_home, make_private_folder
from devvault.sealing.base import MASTER_SIZE, KeySource
from devvault.store.base import OpenStore, Store, Writing
from devvault.vault.changes import Changes
from devvault.vault.furnishing import furnish, new_facts
from devvault.vault.gate import Gate
from devvault.vault.opened import (
    SYSTEM,
    VALUE_GENERATION,
    VALUE_HOME,
    VALUE_RECOVERY,
    VALUE_SLOT,
    VALUE_SOURCE,
    Assembler,
    Facts,
    KeyAt,
    MakeSource,
    Opened,
    SourceChoice,
)

NEW = "new"
LOCKED = "locked"
UNLOCKED = "unlocked"


class Keeper:
    """Guards one home. Thread-safe; the state changes under one lock."""

    def __init__(
        self,
        home: Home,
        open_store: OpenStore,
        make_source: MakeSource,
        clock: Clock,
        *,
        user: str,
    ) -> None:
        self.home = home
        self.clock = clock
        self._open_store = open_store
        self.make_source = make_source
        self._user = user
        self.guard = threading.RLock()
        self.changes = Changes()
        self._anchoring = threading.Lock()
        self._unerased = self._uncompacted = False
        self._store: Store | None = None
        self._opened: Opened | None = None

    # -- state ------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """`new`, `locked` or `unlocked`."""
        if self._opened is not None:
            return UNLOCKED
        with self.guard:
            store = self._find_store()
            if store is None or self._value(store, VALUE_GENERATION) is None:
                return NEW
        return LOCKED

    @property
    def store(self) -> Store:
        """The home's store.

        Raises:
            Unavailable: there is no home yet.
        """
        with self.guard:
            store = self._find_store()
        if store is None:
            raise _no_home()
        return store

    @property
    def opened(self) -> Opened:
        """What an unlocked home works with.

        Raises:
            Locked: it is locked.
            Unavailable: there is no home yet.
        """
        opened = self._opened
        if opened is None:
            if self.state == NEW:
                raise _no_home()
            raise Locked
        return opened

    @property
    def gate(self) -> Gate:
        """The door to an unlocked home; raises as `opened` does."""
        return self.opened.gate

    def find_gate(self) -> Gate | None:
        """Return the gate of an unlocked home, or None; nothing is unlocked for it."""
        opened = self._opened
        return None if opened is None else opened.gate

    @property
    def facts(self) -> Facts:
        """What the unlocked home is.

        Raises:
            Locked: it is locked.
        """
        return self.opened.facts

    @property
    def developer(self) -> Caller:
        """The person whose home it is, as she comes over the local socket.

        Raises:
            Locked: it is locked.
        """
        return self.opened.facts.caller

    @property
    def source_name(self) -> str:
        """The name of the home's key source; empty while there is no home."""
        with self.guard:
            # A home whose making was broken off has a database, and no key source yet.
            return "" if self.state == NEW else self._stored_choice(self.store).name

    @property
    def is_automatic(self) -> bool:
        """Whether it unlocks without being given anything: not while `lock` was asked for."""
        return self.source_name in {"keyring", "file"} and not self._lock_mark.exists()

    @property
    def has_recovery(self) -> bool:
        """Whether a recovery key can unlock it."""
        with self.guard:
            store = self._find_store()
            return store is not None and self._value(store, VALUE_RECOVERY) is not None

    # -- make -------------------------------------------------------------------------------

    def init(self, choice: SourceChoice) -> bool:
        """Make the home, and unlock it; say whether it was made now. Safe to repeat.

        Raises:
            Unavailable, Locked, WrongUse: the key source cannot be used.
            Conflict: it exists with another key source.
        """
        with self.guard:
            if self.state != NEW:
                stored = self._stored_choice(self.store)
                if choice.name != stored.name:
                    raise Conflict(
                        f"this home exists and keeps its key in the {stored.name}",
                        hint="devvault rekey --key-source " + choice.name,
                    )
                self.open_gate(choice.passphrase)
                return False
            make_private_folder(self.home.root)
            self._make(self.make_store(), choice)
            return True

    def _make(self, store: Store, choice: SourceChoice) -> None:
        # The id is durable before a key is put away under it, so that a crash leaves no orphan.
        home = self._value(store, VALUE_HOME)
        if home is None:
            home = uuid.uuid4().hex.encode()
            store.write(lambda writing: writing.set_value(VALUE_HOME, home))
        self.write_id(home.decode())
        source = self.make_source(choice)
        key = os.urandom(MASTER_SIZE)
        slot = source.protect(home.decode(), 1, key)
        facts = new_facts(self._user)
        opened = self._assembler(store).fresh(source, choice, KeyAt(home.decode(), 1, key), facts)

        def act(writing: Writing) -> None:
            writing.set_value(VALUE_GENERATION, b"1")
            writing.set_value(VALUE_SOURCE, choice.to_bytes())
            writing.set_value(VALUE_SLOT, slot)
            furnish(writing, opened.records, facts, self.clock.now())

        opened.gate.change_access(SYSTEM, op.INIT_HOME, opened.target(), act)
        self._opened = opened
        self._lock_mark.unlink(missing_ok=True)
        self.save_anchor()

    # -- unlock and lock --------------------------------------------------------------------

    def open_gate(self, passphrase: bytes | None = None) -> Gate:
        """Return the gate, unlocking where that needs nothing more, or with a passphrase.

        Raises:
            Locked: something is needed that was not given.
            NotFound: the key source has lost the key.
            Unavailable: there is no home, or no key source.
        """
        opened = self._opened
        if opened is not None:
            return opened.gate
        # Under one guard: who asks while somebody locks must not undo it.
        with self.guard:
            if passphrase is None and self.state == LOCKED and not self.is_automatic:
                raise Locked
            return self.unlock(passphrase)

    def unlock(self, passphrase: bytes | None = None, recovery: str | None = None) -> Gate:
        """Unlock the home; with a recovery key, put the master key back into the key source.

        Raises:
            Locked: the source is locked, or what was given is wrong.
            NotFound: the source has lost the key, or there is no recovery key.
            Damaged: the database does not open under the key.
        """
        with self.guard:
            if self._opened is not None:
                return self._opened.gate
            if self.state == NEW:
                raise _no_home()
            store = self.store
            home = self._home_id(store)
            generation = self._generation(store)
            choice = replace(self._stored_choice(store), passphrase=passphrase)
            source = self.make_source(choice)
            if recovery is None:
                slot = self._value(store, VALUE_SLOT) or b""
                key = source.reveal(home, generation, slot)
            else:
                kept = self._value(store, VALUE_RECOVERY)
                if kept is None:
                    raise NotFound("this home has no recovery key", hint="devvault unlock")
                from devvault.sealing.recovery import open_with  # slow to load, rarely needed

                key = open_with(recovery, kept, home, generation)
            assembler = self._assembler(store)
            opened = assembler.again(source, choice, KeyAt(home, generation, key))
            # The recovery key opens the home even where its key source is gone for good.
            lenient = () if recovery is None else (Locked, Unavailable, WrongUse)
            with contextlib.suppress(*lenient):
                assembler.check_anchor(opened)
                if recovery is not None:
                    slot = source.protect(home, generation, key)
                    store.write(lambda writing: writing.set_value(VALUE_SLOT, slot))
                self._forget_orphans(source, home, generation)
            self._opened = opened
            self.changes.tell()
            self._lock_mark.unlink(missing_ok=True)
            how = "recovery key" if recovery else choice.name
            opened.gate.note(SYSTEM, op.UNLOCK_HOME, opened.target(how=how))
            return opened.gate

    def lock(self, *, remember: bool = True) -> None:
        """Drop every key; with `remember`, stay locked over a restart until `unlock`."""
        with self.guard:
            opened = self._opened
            if opened is None:
                if remember and self.state == LOCKED:
                    self._mark_locked()
                return
            if remember:
                self._mark_locked()
                opened.gate.note(SYSTEM, op.LOCK_HOME, opened.target())
            opened.gate.close()
            store = self.store
            try:
                self.secure_point()
                store.flush()
            finally:
                self._opened = None
                opened.forget()
                self.changes.tell()
            self.erase()

    def close(self) -> None:
        """Write what is queued, drop every key and close the store."""
        with self.guard:
            try:
                self.lock(remember=False)
            finally:
                store, self._store = self._store, None
                if store is not None:
                    store.close()

    # -- anchor -----------------------------------------------------------------------------

    def save_anchor(self) -> None:
        """Keep the trail's head beside the master key; never while the database is the older.

        Raises:
            Unavailable, Locked: the key source does not take it.
        """
        with self._anchoring:
            opened = self._opened
            if opened is None or opened.gate.stale is not None:
                return
            # Not `self.store`: that would take the guard, which a locking thread holds already.
            store = opened.gate.store
            store.flush()
            with store.read() as reading:
                head = reading.audit_head()
            if head is None:
                return
            anchor = Anchor(head.epoch, head.seq, head.mac).to_bytes(opened.master.audit_keys)
            if anchor != opened.anchored:
                opened.source.write_anchor(opened.gate.home, anchor)
                opened.anchored = anchor

    def erase(self, *, compact: bool = False) -> None:
        """Leave no byte of what was removed in the files; what is in the way is waited for later.

        The removal itself is durable. A reader that does not finish (a backup on a slow line)
        only puts off the end of it: `finish_erasing` tries again.
        """
        self._unerased = True
        self._uncompacted = self._uncompacted or compact
        opened = self._opened
        if opened is not None:
            opened.records.forget()
            opened.gate.changing()
        store = self.store
        with contextlib.suppress(Unavailable):
            if self._uncompacted:
                store.compact()
                self._uncompacted = False
            store.truncate()
            self._unerased = False

    def finish_erasing(self) -> None:
        """Try again what `erase` could not finish."""
        if self._unerased:
            self.erase()

    def secure_point(self) -> None:
        """Save the anchor after what must not be undone by an older copy: purge, a grant taken.

        The change itself is durable, so a key source that does not answer is no failure of it:
        the scheduler tries again.
        """
        with contextlib.suppress(DevvaultError):
            self.save_anchor()

    def accept_restore(self, caller: Caller) -> str:
        """Accept an older database as the newest there is; recorded. Return what was wrong."""
        with self.guard:
            opened = self.opened
            words = opened.gate.stale
            if words is None:
                raise Conflict("this database is not older than its anchor: nothing to accept")
            target = opened.target(accepted=words)
            opened.gate.stale = None
            try:
                opened.gate.write(caller, op.ACCEPT_RESTORE, target, lambda _writing: None)
            except DevvaultError:
                opened.gate.stale = words
                raise
            self.save_anchor()
            return words

    # -- inside -----------------------------------------------------------------------------

    def _assembler(self, store: Store) -> Assembler:
        return Assembler(store, self.clock, self.secure_point, self.erase, self.changes.tell)

    def _find_store(self) -> Store | None:
        if self._store is None and self.home.database.exists():
            check_home(self.home)
            self._store = self._open_store(self.home.database)
        return self._store

    @property
    def _lock_mark(self) -> Path:
        return self.home.run / "locked"

    def _mark_locked(self) -> None:
        make_private_folder(self.home.run)
        self._lock_mark.touch(mode=0o600)

    def make_store(self) -> Store:
        """Return the store of a home that is being made."""
        with self.guard:
            if self._store is None:
                self._store = self._open_store(self.home.database)
            return self._store

    def write_id(self, home: str) -> None:
        """Write down beside the database which home it is: another home's is noticed so."""
        path = self.home.root / "id"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(home + "\n")

    def _home_id(self, store: Store) -> str:
        home = (self._value(store, VALUE_HOME) or b"").decode()
        path = self.home.root / "id"
        said = path.read_text(encoding="ascii").strip() if path.is_file() else home
        if said != home:
            raise Damaged(
                "the database in this home belongs to another home",
                hint="put the right vault.db back, or restore a backup: devvault restore FILE",
            )
        return home

    def _generation(self, store: Store) -> int:
        text = self._value(store, VALUE_GENERATION) or b""
        if not text.isdigit():
            raise Damaged("the database does not say which key it is sealed under")
        return int(text)

    def _stored_choice(self, store: Store) -> SourceChoice:
        return SourceChoice.from_bytes(self._value(store, VALUE_SOURCE))

    def _value(self, store: Store, name: str) -> bytes | None:
        with store.read() as reading:
            return reading.value(name)

    def _forget_orphans(self, source: KeySource, home: str, generation: int) -> None:
        for other in source.generations(home):
            if other != generation:
                source.forget(home, other)


def _no_home() -> Unavailable:
    return Unavailable("there is no vault home here yet", code="NoHome", hint="devvault init")
