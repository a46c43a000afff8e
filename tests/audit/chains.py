"""A real store with a real chain in it, and ways to tamper with it behind the trail's back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from devvault.audit.anchor import Anchor
from devvault.audit.record import AuditRecord
from devvault.audit.trail import Trail, Verification
from devvault.sealing.master import AuditKeys, Master
from devvault.store.sqlite import SqliteStore

HOME = "0" * 31 + "7"
START = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)

_FIRST = Master(HOME, 1, b"1" * 32)
_SECOND = Master(HOME, 2, b"2" * 32, {1: _FIRST.archived()})


def keys(epoch: int) -> AuditKeys:
    return _SECOND.audit_keys(epoch)


def a_record(number: int) -> AuditRecord:
    return AuditRecord(
        time=START + timedelta(seconds=number),
        operation="SecretGet",
        resource="/subscriptions/x",
        result="Success",
        status=200,
        oid="o",
        appid="a",
        name=f"user {number}",
        id=f"https://v.vault.azure.net/secrets/s{number}",
    )


@dataclass
class Chain:
    path: Path
    trail: Trail

    @contextmanager
    def open(self) -> Iterator[SqliteStore]:
        store = SqliteStore(self.path)
        try:
            yield store
        finally:
            store.close()

    def append(self, *numbers: int, epoch: int | None = None) -> None:
        if epoch is not None:
            self.trail = self.trail.with_epoch(epoch, keys)
        with self.open() as store:
            for number in numbers:
                store.submit(lambda tx, number=number: self.trail.append(tx, a_record(number)))  # type: ignore[misc]
            store.flush()

    def verify(self, anchor: Anchor | None = None) -> Verification:
        with self.open() as store, store.read() as reading:
            return self.trail.verify(reading, anchor)

    def compare(self, anchor: Anchor) -> str | None:
        with self.open() as store, store.read() as reading:
            return self.trail.compare(reading, anchor)

    def prune(self, upto: int) -> int:
        with self.open() as store:
            return store.write(lambda tx: self.trail.prune(tx, upto, START))

    def anchor(self) -> Anchor:
        with self.open() as store, store.read() as reading:
            head = reading.audit_head()
        assert head is not None
        return Anchor(head.epoch, head.seq, head.mac)

    def tamper(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)


def a_chain(folder: Path, length: int = 12) -> Chain:
    """A chain whose second half was made after a rekey."""
    chain = Chain(folder / "vault.db", Trail(keys, HOME, 1))
    chain.append(*range(1, length // 2 + 1))
    chain.append(*range(length // 2 + 1, length + 1), epoch=2)
    return chain
