"""An unlocked home: everything that exists only while the master key is in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from devvault.access.principals import USER, USER_APP, Caller, Principal
from devvault.audit.anchor import Anchor, compare
from devvault.audit.trail import Trail
from devvault.clock import Clock
from devvault.errors import Damaged
from devvault.sealing.base import KeySource
from devvault.sealing.master import Archived, Master
from devvault.store.base import Reading, Store
from devvault.vault.gate import Gate, Target
from devvault.vault.records import ARCHIVE, HOME, Records

# The names of clear values. They say where the key is, and never hold one.
VALUE_HOME = "home.id"
VALUE_GENERATION = "home.generation"
VALUE_SOURCE = "home.source"
VALUE_SLOT = "slot.source"
VALUE_RECOVERY = "slot.recovery"

_NOBODY = "00000000-0000-0000-0000-000000000000"
SYSTEM = Caller(_NOBODY, _NOBODY, _NOBODY, "devvault", kind="System")


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """Which key source, and what it needs: a file's path, a passphrase."""

    name: str
    path: str = ""
    passphrase: bytes | None = None

    def __repr__(self) -> str:
        """Leave the passphrase out."""
        return f"SourceChoice({self.name!r}, {self.path!r})"

    def to_bytes(self) -> bytes:
        """Return the form that the database keeps: never the passphrase."""
        return json.dumps({"name": self.name, "path": self.path}).encode()

    @classmethod
    def from_bytes(cls, data: bytes | None) -> SourceChoice:
        """Read what `to_bytes` wrote.

        Raises:
            Damaged: it is missing or malformed.
        """
        try:
            body = json.loads(data or b"")
            return cls(str(body["name"]), str(body["path"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Damaged("the database does not say where its key is kept") from error


class MakeSource(Protocol):
    """Makes the key source that a choice names; given by the composition root."""

    def __call__(self, choice: SourceChoice) -> KeySource:
        """Return the source.

        Raises:
            WrongUse: there is no such source, or the choice lacks what it needs.
        """
        ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What a home is: its ids, and who its developer is."""

    tenant: str
    subscription: str
    developer: str
    developer_name: str

    @property
    def principal(self) -> Principal:
        """The developer as one of the home's principals."""
        return Principal(self.developer, self.developer_name, USER, USER_APP)

    @property
    def caller(self) -> Caller:
        """The person whose home it is, as she comes over the local socket."""
        return replace(self.principal.caller(self.tenant), owner=True)

    def to_body(self) -> dict[str, Any]:
        """Return the body of the home's record."""
        return {
            "tenant": self.tenant,
            "subscription": self.subscription,
            "developer": self.developer,
            "developer_name": self.developer_name,
        }

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> Facts:
        """Read the home's record."""
        return cls(body["tenant"], body["subscription"], body["developer"], body["developer_name"])


@dataclass(frozen=True, slots=True)
class KeyAt:
    """A master key, and which one it is."""

    home: str
    generation: int
    key: bytes

    def __repr__(self) -> str:
        """Leave the key out."""
        return f"KeyAt({self.home!r}, {self.generation})"


@dataclass(slots=True)
class Opened:
    """What an unlocked home works with."""

    source: KeySource
    choice: SourceChoice
    key: bytes
    master: Master
    records: Records
    gate: Gate
    facts: Facts
    anchored: bytes | None = None

    def target(self, **extra: str) -> Target:
        """Return the target of an operation on the home itself."""
        return Target(f"/devvault/homes/{self.gate.home}", extra=extra)

    def forget(self) -> None:
        """Drop the keys, and what was made with them."""
        self.gate.changing()
        self.gate.tokens = None
        self.records.forget()
        self.master.wipe()
        self.key = b""


class Assembler:
    """Puts an unlocked home together from its store, key source and key."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        secure_point: Callable[[], None],
        erase: Callable[[], None],
        announce: Callable[[], None],
    ) -> None:
        self._announce = announce
        self._store = store
        self._clock = clock
        self._secure_point = secure_point
        self._erase = erase

    def fresh(self, source: KeySource, choice: SourceChoice, key: KeyAt, facts: Facts) -> Opened:
        """Return a home that is being made."""
        return self._join(source, choice, key, facts, {})

    def again(self, source: KeySource, choice: SourceChoice, key: KeyAt) -> Opened:
        """Return a home that was made before.

        Raises:
            Damaged: its records do not open under this key.
        """
        first = Records(Master(key.home, key.generation, key.key))
        with self._store.read() as reading:
            row = reading.find(HOME, "", "home")
            if row is None:
                raise Damaged(
                    "the database has lost the record of its home",
                    hint="restore a backup: devvault restore FILE",
                )
            facts = Facts.from_body(first.open(row))
            archive = _read_archive(first, reading)
            recovery = reading.value(VALUE_RECOVERY)
        opened = self._join(source, choice, key, facts, archive)
        if recovery is not None:
            from devvault.sealing.recovery import check_slot  # slow to load

            check_slot(recovery, opened.master)
        return opened

    def check_anchor(self, opened: Opened) -> None:
        """Compare the database with its anchor; an older one is served read-only.

        Raises:
            Locked, Unavailable: the key source does not answer.
        """
        kept = opened.source.read_anchor(opened.gate.home)
        if kept is None:
            return
        with self._store.read() as reading:
            opened.gate.stale = _compare(kept, reading, opened.master)
        if opened.gate.stale is None:
            opened.anchored = kept

    def _join(
        self,
        source: KeySource,
        choice: SourceChoice,
        key: KeyAt,
        facts: Facts,
        archive: dict[int, Archived],
    ) -> Opened:
        master = Master(key.home, key.generation, key.key, archive)
        records = Records(master)
        gate = Gate(
            self._store,
            records,
            Trail(master.audit_keys, key.home, key.generation),
            self._clock,
            home=key.home,
            tenant=facts.tenant,
            subscription=facts.subscription,
            developer=facts.principal,
        )
        gate.secure_point = self._secure_point
        gate.announce = self._announce
        gate.erase = self._erase
        bare = replace(choice, passphrase=None)
        return Opened(source, bare, key.key, master, records, gate, facts)


def _read_archive(records: Records, reading: Reading) -> dict[int, Archived]:
    found: dict[int, Archived] = {}
    for row in reading.page(ARCHIVE, "", limit=100_000):
        body = records.open(row)
        found[int(row.name)] = Archived.from_bytes(bytes.fromhex(body["keys"]))
    return found


def _compare(kept: bytes, reading: Reading, master: Master) -> str | None:
    try:
        anchor = Anchor.from_bytes(kept, master.audit_keys)
    except Damaged:
        return "its anchor was made under a later key, or was changed"
    return compare(reading, anchor, master.home, master.audit_keys)
