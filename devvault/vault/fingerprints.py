"""Is this one of my secrets? The vaults' own values, made ready for looking, in memory only.

The values stay in the daemon: what leaves is where one stands and whose it is. What was made ready
is dropped on lock, when anything changes, and after ten minutes in which nobody asked.
"""

from __future__ import annotations

import heapq
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from devvault.access.principals import Caller
from devvault.model import operations as op
from devvault.model.names import fold
from devvault.store.base import DELETED, LIVE, Reading
from devvault.vault.codecs import unpack_secret
from devvault.vault.gate import Gate, Target
from devvault.vault.records import SECRET, SECRET_VERSION

VALUES_LIMIT = 20_000
IDLE = timedelta(minutes=10)
OLDER = "an older version"
GONE = "deleted"
_PAGE = 500
_CHECKS = 256

# Makes values ready for looking; told whether these are all there are.
Make = Callable[[Sequence["KnownValue"], bool], object]


class KnownValue(NamedTuple):
    """A value of a vault, and whose it is; `state` is "", OLDER or GONE."""

    value: str
    vault: str
    secret: str
    version: str
    state: str = ""

    def __repr__(self) -> str:
        """Leave the value out."""
        return f"KnownValue({self.vault!r}, {self.secret!r})"


class Kept:
    """What `make` made of the values of some vaults, and the checks that were recorded for it."""

    __slots__ = ("checks", "made", "used", "vaults")

    def __init__(self, vaults: tuple[str, ...], made: object, used: datetime) -> None:
        self.vaults = vaults
        self.made = made
        self.used = used
        self.checks: dict[str, None] = {}


def open_check(
    gate: Gate, caller: Caller, vaults: Iterable[str], make: Make, *, folder: str = ""
) -> tuple[object, str]:
    """Return what `make` makes of every value of these vaults, and the id of this check.

    One audit record, however many texts are then compared; `continue_check` adds none.

    Raises:
        Unavailable: the trail cannot take the record.
    """
    names = tuple(sorted(fold(name) for name in vaults))
    target = Target(
        f"/devvault/homes/{gate.home}", extra={"vaults": ",".join(names), "folder": folder}
    )

    def act(reading: Reading) -> Kept:
        kept = _find_kept(gate, names)
        if kept is not None:
            return kept
        turn = gate.turn
        values, complete = _newest(gate, reading, names)
        made = Kept(names, make(values, complete), gate.clock.now())
        if turn == gate.turn:
            gate.fingerprints = made
        return made

    kept = gate.read(caller, op.SCAN_VALUES, target, act)
    check = secrets.token_hex(16)
    while len(kept.checks) >= _CHECKS:
        kept.checks.pop(next(iter(kept.checks)), None)
    kept.checks[check] = None
    kept.used = gate.clock.now()
    return kept.made, check


def continue_check(gate: Gate, vaults: Iterable[str], check: str) -> object | None:
    """Return what an open check compares with; None where it has to be opened anew."""
    kept = _find_kept(gate, tuple(sorted(fold(name) for name in vaults)))
    if kept is None or check not in kept.checks:
        return None
    kept.used = gate.clock.now()
    return kept.made


def drop_idle(gate: Gate) -> bool:
    """Forget what nobody asked for in ten minutes; say whether there was anything."""
    kept = gate.fingerprints
    if not isinstance(kept, Kept):
        return False
    idle = gate.clock.now() - kept.used
    if timedelta(0) <= idle < IDLE:  # a clock that was set back must not keep it for ever
        return False
    gate.fingerprints = None
    return True


def _find_kept(gate: Gate, names: tuple[str, ...]) -> Kept | None:
    kept = gate.fingerprints
    return kept if isinstance(kept, Kept) and kept.vaults == names else None


def _newest(gate: Gate, reading: Reading, vaults: Sequence[str]) -> tuple[list[KnownValue], bool]:
    """Return the newest values, current ones of live secrets first; and whether that is all."""
    total = 0

    def counted() -> Iterator[tuple[int, int, KnownValue]]:
        nonlocal total
        for made, known in _values(gate, reading, vaults):
            total += 1
            yield made, total, known

    newest = heapq.nlargest(VALUES_LIMIT, counted(), key=lambda one: (one[0], -one[1]))
    newest.sort(key=lambda one: bool(one[2].state))
    return [known for _, _, known in newest], total <= VALUES_LIMIT


def _values(
    gate: Gate, reading: Reading, vaults: Sequence[str]
) -> Iterator[tuple[int, KnownValue]]:
    for name in vaults:
        vault = gate.directory.within(reading).find_vault(name)
        if vault is None:
            continue
        for state in (LIVE, DELETED):
            after = ""
            while rows := reading.page(SECRET, name, state=state, after=after, limit=_PAGE):
                for row in rows:
                    secret = unpack_secret(vault.name, gate.records.open(row))
                    for version, made, value in _versions(gate, reading, name, row.name):
                        older = OLDER if version != secret.current else ""
                        known = KnownValue(
                            value,
                            vault.name,
                            secret.name,
                            version,
                            GONE if state == DELETED else older,
                        )
                        yield made, known
                after = rows[-1].name


def _versions(
    gate: Gate, reading: Reading, vault: str, name: str
) -> Iterator[tuple[str, int, str]]:
    after = ""
    while rows := reading.versions(SECRET_VERSION, vault, name, after=after, limit=_PAGE):
        for row in rows:
            body = gate.records.open(row)
            value = body["value"]
            if isinstance(value, str) and value:
                yield row.version, int(body["created"] or 0), value
        after = rows[-1].version
