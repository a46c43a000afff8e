"""A whole home in one sealed file: every record as it rests, the trail, and the master key.

The file is opened by a passphrase or by the recovery key and by nothing else. It restores into a
place where no home is; the anchor then says whether it is older than what was there before.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any

from devvault.errors import Invalid
from devvault.store.base import AuditRow, Reading, Row, Writing

FORMAT = 1
_CHUNK = 200


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
