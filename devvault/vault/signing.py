"""The key that signs the home's access tokens: made when the first is asked for, sealed like all.

It rests with the records, so it survives restart, backup and restore, and so do the tokens under
it; whether their session and identity still are is asked of them each time. A rekey ends it.
"""

from __future__ import annotations

from devvault.access.tokens import Tokens, new_signing_key
from devvault.model import operations as op
from devvault.store.base import Reading, Writing
from devvault.vault.gate import Gate, Target
from devvault.vault.opened import SYSTEM
from devvault.vault.records import SIGNING, SIGNING_NAME


def get_tokens(gate: Gate) -> Tokens:
    """Return what issues and verifies the tokens of an unlocked home.

    Raises:
        Stale: it has no key yet, and the database is older than its anchor.
        Locked: it was locked in between.
    """
    kept = gate.tokens
    while kept is None:
        key = _find(gate) or _make(gate)
        made = gate.tokens = Tokens(key, gate.tenant)
        # A rekey may have replaced it since it was read; one that comes later drops what we kept.
        if _find(gate) == key:
            return made
        gate.tokens = None
    return kept


def _find(gate: Gate) -> bytes | None:
    with gate.store.read() as reading:
        return _read(gate, reading)


def _read(gate: Gate, reading: Reading) -> bytes | None:
    row = reading.find(SIGNING, "", SIGNING_NAME)
    return None if row is None else bytes.fromhex(gate.records.open(row)["key"])


def _make(gate: Gate) -> bytes:
    fresh = new_signing_key()

    def act(writing: Writing) -> bytes:
        # Somebody else may have been faster: one home, one key.
        known = _read(gate, writing)
        if known is not None:
            return known
        writing.put(gate.records.seal(SIGNING, "", SIGNING_NAME, {"key": fresh.hex()}))
        return fresh

    target = Target(f"/devvault/homes/{gate.home}")
    return gate.write(SYSTEM, op.MAKE_SIGNING_KEY, target, act)
