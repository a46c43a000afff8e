"""A whole home in one sealed file: every record as it rests, the trail, and the master key.

The file is opened by a passphrase or by the recovery key and by nothing else. It restores into a
place where no home is; the anchor then says whether it is older than what was there before.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any

from devvault.access.principals import Caller
from devvault.errors import Conflict, Invalid, NotFound
from devvault.model import operations as op
from devvault.paths import make_private_folder
from devvault.sealing.bundle import open_bundle, seal_bundle
from devvault.sealing.recovery import check_slot
from devvault.store.base import AuditRow, Reading, Row, Writing
from devvault.vault.keeper import NEW, Keeper
from devvault.vault.opened import (
    VALUE_GENERATION,
    VALUE_HOME,
    VALUE_RECOVERY,
    VALUE_SLOT,
    VALUE_SOURCE,
    SourceChoice,
)

FORMAT = 1
_CHUNK = 200


def backup_home(keeper: Keeper, caller: Caller, passphrase: bytes | None = None) -> Iterator[bytes]:
    """Return the sealed file in pieces, under a passphrase or (None) the home's recovery key.

    The record of it is durable before the first piece is made.

    Raises:
        NotFound: no passphrase was given and there is no recovery key.
        Locked: the home is locked.
    """
    opened = keeper.opened
    store = keeper.store
    public = None
    with store.read() as reading:
        slot = reading.value(VALUE_RECOVERY)
    if passphrase is None:
        if slot is None:
            raise NotFound("this home has no recovery key", hint="devvault recovery add")
        public = check_slot(slot, opened.master)
    opened.gate.note(caller, op.BACKUP_HOME, opened.target())
    store.flush()
    secrets = {"home": opened.gate.home, "key": _encode(opened.key)}

    def lines() -> Iterator[bytes]:
        with store.read() as view:
            generation = (view.value(VALUE_GENERATION) or b"").decode()
            yield from dump(view, {**secrets, "generation": generation})

    return seal_bundle(lines(), passphrase=passphrase, public=public)


def restore_home(
    keeper: Keeper,
    chunks: Iterable[bytes],
    choice: SourceChoice,
    *,
    passphrase: bytes | None = None,
    recovery: str | None = None,
) -> int:
    """Make the home that a backup file holds, its key in the chosen key source; unlock it.

    Nothing is there until everything is: the rows are one transaction.

    Raises:
        Conflict: a home is here already.
        Invalid, Damaged: the file is no whole backup.
        Locked: the passphrase or recovery key is wrong.
    """
    with keeper.guard:
        if keeper.state != NEW:
            raise Conflict(
                "a vault home is here already, and a backup is never restored over one",
                hint="export DEVVAULT_HOME=/an/empty/folder",
            )
        plain = open_bundle(chunks, passphrase=passphrase, recovery=recovery)
        lines = split_lines(plain)
        head = read_head(lines)
        try:
            home, generation = str(head["home"]), int(head["generation"])
            key = _decode(str(head["key"]))
        except (KeyError, ValueError) as error:
            raise Invalid("this file is not a backup of a devvault home") from error
        make_private_folder(keeper.home.root)
        store = keeper.make_store()
        source = keeper.make_source(choice)
        kept: list[bytes] = []

        def act(writing: Writing) -> int:
            found = load(writing, lines)
            if writing.value(VALUE_HOME) != home.encode():
                raise Invalid("this backup is not of the home that it names")
            # The key is put away only when the whole file has been read and found sound.
            kept.append(source.protect(home, generation, key))
            writing.set_value(VALUE_SOURCE, choice.to_bytes())
            writing.set_value(VALUE_SLOT, kept[0])
            return found

        rows = store.write(act)
        keeper.write_id(home)
        gate = keeper.unlock(choice.passphrase)
        gate.note(keeper.developer, op.RESTORE_HOME, keeper.opened.target(rows=str(rows)))
        return rows


def dump(reading: Reading, secrets: dict[str, str]) -> Iterator[bytes]:
    """Yield the lines of a backup: a head with the keys, every row, and a closing count."""
    yield _line({"head": {"format": FORMAT, **secrets}})
    for name, value in sorted(reading.values("").items()):
        yield _line({"value": [name, _encode(value)]})
    rows = 0
    for row in reading.rows():
        rows += 1
        yield _line(
            {
                "row": [
                    row.kind,
                    row.scope,
                    row.name,
                    row.version,
                    row.state,
                    row.due,
                    row.generation,
                    _encode(row.wrapped),
                    _encode(row.sealed),
                ]
            }
        )
    audit = 0
    seq = -1
    while page := reading.audit_after(seq, _CHUNK):
        for link in page:
            audit += 1
            yield _line(
                {"audit": [link.seq, link.at, link.epoch, _encode(link.sealed), _encode(link.mac)]}
            )
        seq = page[-1].seq
    yield _line({"end": {"rows": rows, "audit": audit}})


def read_head(lines: Iterator[bytes]) -> dict[str, Any]:
    """Return the head of a backup.

    Raises:
        Invalid: it is no backup, or one of a newer devvault.
    """
    head = _parse(next(lines, b"")).get("head")
    if not isinstance(head, dict):
        raise Invalid("this file is not a backup of a devvault home")
    if head.get("format") != FORMAT:
        raise Invalid(
            "this backup was made by a newer devvault", hint="pip install --upgrade devvault"
        )
    return head


def load(writing: Writing, lines: Iterable[bytes]) -> int:
    """Write every line after the head into an empty store; return how many records there were.

    Raises:
        Invalid: a line is malformed, or the closing count is missing or wrong.
    """
    rows = audit = 0
    for line in lines:
        body = _parse(line)
        try:
            if "value" in body:
                name, value = body["value"]
                writing.set_value(str(name), _decode(value))
            elif "row" in body:
                kind, scope, name, version, state, due, generation, wrapped, sealed = body["row"]
                writing.put(
                    Row(
                        kind,
                        scope,
                        name,
                        version,
                        state,
                        due,
                        generation,
                        _decode(wrapped),
                        _decode(sealed),
                    )
                )
                rows += 1
            elif "audit" in body:
                seq, at, epoch, sealed, mac = body["audit"]
                writing.append_audit(AuditRow(seq, at, epoch, _decode(sealed), _decode(mac)))
                audit += 1
            elif body.get("end") == {"rows": rows, "audit": audit}:
                return rows
            else:
                break
        except (TypeError, ValueError) as error:
            raise Invalid("a line of this backup is malformed") from error
    raise Invalid("this backup is not complete", hint="make a new one: devvault backup FILE")


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream of chunks into its lines."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _line(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode() + b"\n"


def _parse(line: bytes) -> dict[str, Any]:
    try:
        body = json.loads(line)
    except ValueError as error:
        raise Invalid("this file is not a backup of a devvault home") from error
    if not isinstance(body, dict):
        raise Invalid("this file is not a backup of a devvault home")
    return body


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
