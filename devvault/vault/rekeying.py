"""New keys for a home: rekey, and the recovery key.

Everything happens in one transaction. The new master key is put away and read back before the
database commits to it; the old one is forgotten when no file holds anything under it any more.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from devvault.access.principals import Caller
from devvault.errors import NotFound
from devvault.model import operations as op
from devvault.sealing.base import MASTER_SIZE
from devvault.sealing.master import Master
from devvault.sealing.recovery import check_slot, new_recovery_key, wrap_new
from devvault.store.base import Writing
from devvault.vault.keeper import Keeper
from devvault.vault.opened import (
    VALUE_GENERATION,
    VALUE_RECOVERY,
    VALUE_SLOT,
    VALUE_SOURCE,
    SourceChoice,
)
from devvault.vault.records import ARCHIVE, SIGNING, SIGNING_NAME


def rekey(
    keeper: Keeper,
    caller: Caller,
    progress: Callable[[int, int], None],
    choice: SourceChoice | None = None,
) -> int:
    """Seal every record anew under a new master key; return its generation.

    With `choice`, the new key goes to another key source. Everything happens in one
    transaction; the old key is forgotten only when no file holds anything under it any more.

    Raises:
        Stale: the database is older than its anchor.
        Locked, Unavailable: the key source cannot take the new key.
    """
    with keeper.guard:
        opened = keeper.opened
        old = opened.master
        number = old.generation + 1
        home = opened.gate.home
        source = opened.source if choice is None else keeper.make_source(choice)
        chosen = choice or opened.choice
        key = os.urandom(MASTER_SIZE)
        slot = source.protect(home, number, key)
        archive = {**old.archive, old.generation: old.archived()}
        master = Master(home, number, key, archive)
        records = opened.records
        gate = opened.gate
        kept_trail = gate.trail
        records.add(master)

        def act(writing: Writing) -> None:
            # The old key's holder could sign tokens with it: the next one asked for makes another.
            writing.drop(SIGNING, "", SIGNING_NAME)
            total = writing.count()
            for done, row in enumerate(writing.rows(), 1):
                writing.put(records.reseal(row, master))
                if done % 256 == 0 or done == total:
                    progress(done, total)
            body = {"keys": old.archived().to_bytes().hex()}
            name = str(old.generation)
            writing.put(records.seal(ARCHIVE, "", name, body, sealer=master))
            writing.set_value(VALUE_GENERATION, str(number).encode())
            writing.set_value(VALUE_SOURCE, chosen.to_bytes())
            writing.set_value(VALUE_SLOT, slot)
            recovery = writing.value(VALUE_RECOVERY)
            if recovery is not None:
                public = check_slot(recovery, old)
                writing.set_value(VALUE_RECOVERY, wrap_new(public, master, key))
            records.advance(number)
            gate.trail = kept_trail.with_epoch(number, master.audit_keys)
            gate.tokens = None

        def undone() -> None:
            # Before anything else is written: nothing may be sealed under a key that is no home's.
            records.advance(old.generation)
            records.retire(number)
            gate.trail = kept_trail

        # Where this fails, the next unlock forgets the new key: only then is it sure that no
        # interrupted commit comes back with it.
        target = opened.target(generation=str(number))
        gate.write(caller, op.REKEY_HOME, target, act, undone=undone)
        gate.tokens = None  # made anew in between, it would be of the key that is gone
        previous = opened.source
        opened.master, opened.key, opened.source, opened.choice = master, key, source, chosen
        keeper.erase(compact=True)
        records.retire(old.generation)
        old.wipe()
        keeper.save_anchor()
        previous.forget(home, old.generation)
        return number


def add_recovery(keeper: Keeper, caller: Caller) -> str:
    """Make a recovery key and return it: it is shown once and kept nowhere in clear."""
    with keeper.guard:
        opened = keeper.opened
        text, public = new_recovery_key()
        slot = wrap_new(public, opened.master, opened.key)
        opened.gate.write(
            caller,
            op.ADD_RECOVERY,
            opened.target(),
            lambda writing: writing.set_value(VALUE_RECOVERY, slot),
        )
        return text


def remove_recovery(keeper: Keeper, caller: Caller) -> None:
    """Make the recovery key useless.

    Raises:
        NotFound: there is none.
    """
    with keeper.guard:
        opened = keeper.opened

        def act(writing: Writing) -> None:
            if writing.value(VALUE_RECOVERY) is None:
                raise NotFound("this home has no recovery key", hint="devvault recovery add")
            writing.set_value(VALUE_RECOVERY, None)

        opened.gate.write(caller, op.REMOVE_RECOVERY, opened.target(), act)
        keeper.erase()
