"""The stash: a settings file as it was before an import rewrote it, sealed, for thirty days.

A kind of record of its own: it is nobody's secret, has no versions to a client, and may be larger
than a secret. Several imports of one file lie on top of each other; the newest comes back first.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devvault.access.principals import Caller
from devvault.errors import Invalid, NotFound
from devvault.model import operations as op
from devvault.model.due import is_stash_due, stash_due
from devvault.store.base import Reading, Row, Writing
from devvault.vault.codecs import moment, seconds
from devvault.vault.gate import Gate, Target
from devvault.vault.records import STASH
from devvault.vault.trust import check_folder

SIZE_LIMIT = 8 * 1024 * 1024
_BATCH = 100
_ALL = 10_000


@dataclass(frozen=True, slots=True)
class Stashed:
    """A file as it was. `after` is the SHA-256 of what was written in its place, in hex.

    `changes` says which settings were rewritten, and the reference that each got.
    """

    path: str
    data: bytes
    after: str
    changes: Mapping[str, str] = field(default_factory=dict)
    id: str = ""

    def __repr__(self) -> str:
        """Leave the file's bytes out."""
        return f"Stashed({self.path!r}, {len(self.data)} bytes)"


def put(gate: Gate, caller: Caller, stashed: Stashed) -> str:
    """Lay a file by and return the id of what was laid by; durable on return.

    Raises:
        Invalid: the path is not a real one, or the file is larger than 8 MiB.
    """
    check_folder(stashed.path)
    if len(stashed.data) > SIZE_LIMIT:
        raise Invalid("the file is larger than 8 MiB, and cannot be laid by")
    made = gate.clock.now()
    # Times first, so that the newest of a path is the last by name.
    id = f"{int(made.timestamp() * 1000):016x}{secrets.token_hex(8)}"
    body = {
        "path": stashed.path,
        "data": base64.b64encode(stashed.data).decode(),
        "after": stashed.after,
        "changes": dict(stashed.changes),
        "made": seconds(made),
    }

    def act(writing: Writing) -> str:
        due = seconds(stash_due(made))
        row = gate.records.seal(STASH, "", _name(stashed.path), body, version=id, due=due)
        writing.put(row)
        return id

    return gate.write(caller, op.PUT_STASH, _target(gate, stashed.path), act)


def get(gate: Gate, caller: Caller, path: str) -> Stashed:
    """Return the newest file that was laid by for a path.

    Raises:
        NotFound: there is none, or its thirty days are over.
    """
    check_folder(path)

    def act(reading: Reading) -> Stashed:
        rows = reading.versions(STASH, "", _name(path), limit=_ALL)
        if not rows:
            raise NotFound(
                f"nothing was laid by for {path}: no import rewrote it in the last 30 days",
                code="NoStash",
            )
        return _open(gate, rows[-1])

    return gate.read(caller, op.GET_STASH, _target(gate, path), act)


def drop(gate: Gate, caller: Caller, path: str, id: str) -> None:
    """Remove what was laid by, and every trace of it in the database files.

    Raises:
        NotFound: it is not there.
    """
    check_folder(path)

    def act(writing: Writing) -> None:
        if not writing.drop(STASH, "", _name(path), id):
            raise NotFound(f"nothing of this id was laid by for {path}", code="NoStash")

    gate.write(caller, op.DELETE_STASH, _target(gate, path), act)
    gate.erase()
    gate.secure_point()


def purge_due(gate: Gate, caller: Caller) -> int:
    """Remove what has lain by long enough; return how many."""
    now = gate.clock.now()
    with gate.store.read() as reading:
        rows = reading.due(STASH, int(now.timestamp()), _BATCH)
    done = 0
    for row in rows:
        body = gate.records.open(row)
        made = moment(body["made"])
        if made is None or not is_stash_due(made, now):
            continue

        def act(writing: Writing, row: Row = row) -> bool:
            return writing.drop(STASH, "", row.name, row.version)

        done += gate.write(caller, op.DELETE_STASH, _target(gate, str(body["path"])), act)
    if done:
        gate.erase()
        gate.secure_point()
    return done


def _open(gate: Gate, row: Row) -> Stashed:
    body: dict[str, Any] = gate.records.open(row)
    return Stashed(
        str(body["path"]),
        base64.b64decode(body["data"]),
        str(body["after"]),
        {str(key): str(value) for key, value in body["changes"].items()},
        row.version,
    )


def _name(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()


def _target(gate: Gate, path: str) -> Target:
    return Target(f"/devvault/homes/{gate.home}", extra={"file": path})
