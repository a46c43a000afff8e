"""Do these texts hold values of the vaults that the folder may resolve from? Places, no values.

The body is the folder, the id of the check that this is a further part of (empty for the first),
then each text as number, length and bytes; every field but the bytes ends with a NUL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from devvault.errors import Invalid
from devvault.server.local.base import Ask, Plane, Route
from devvault.server.reply import Reply, json_reply
from devvault.vault import fingerprints, trust
from devvault.vault.fingerprints import KnownValue

if TYPE_CHECKING:
    from devvault.scan.values import Place, ValueIndex

LIMIT = 32 * 1024 * 1024
_TEXTS = 100_000


def scan(plane: Plane, ask: Ask) -> Reply:
    """Return where in which text which secret's value stands."""
    folder, check, texts = _fields(ask.body)
    index, check = find_index(plane, folder, check)
    findings = [_told(name, place) for name, body in texts for place in index.places(body)]
    answer = {
        "findings": findings,
        "complete": index.complete,
        "values": index.count,
        "check": check,
    }
    return json_reply(200, answer)


def find_index(plane: Plane, folder: str, check: str = "") -> tuple[ValueIndex, str]:
    """Return the values to compare with for a folder, and the id of the check.

    Raises:
        Invalid: this is no folder.
        Locked: the home is locked.
        Unavailable: there is no home, or the trail cannot take the record.
    """
    trust.check_folder(folder)
    gate = plane.gate()
    vaults = trust.trusted_vaults(gate, folder)
    found = fingerprints.continue_check(gate, vaults, check) if check else None
    if found is None:
        found, check = fingerprints.open_check(
            gate, plane.developer(), vaults, _index, folder=folder
        )
    return cast("ValueIndex", found), check


def _index(values: Sequence[KnownValue], complete: bool) -> ValueIndex:
    from devvault.scan.needles import Held  # few daemons are ever asked
    from devvault.scan.values import ValueIndex

    return ValueIndex([Held(*one) for one in values], complete=complete)


def _told(name: int, place: Place) -> dict[str, object]:
    owner = place.owner
    return {
        "name": name,
        "line": place.line,
        "column": place.column,
        "start": place.start,
        "end": place.end,
        "vault": owner.vault,
        "secret": owner.secret,
        "version": owner.version,
        "state": owner.state,
        "form": place.form,
        "part": place.part,
    }


def _fields(body: bytes) -> tuple[str, str, list[tuple[int, bytes]]]:
    folder, at = _field(body, 0)
    check, at = _field(body, at)
    texts: list[tuple[int, bytes]] = []
    while at < len(body):
        name, at = _field(body, at)
        size, at = _field(body, at)
        if not (_is_number(name) and _is_number(size)) or at + int(size) > len(body):
            raise Invalid("a text of the check is cut off")
        if len(texts) >= _TEXTS:
            raise Invalid("the check holds too many texts")
        texts.append((int(name), body[at : at + int(size)]))
        at += int(size)
    return folder, check, texts


def _field(body: bytes, at: int) -> tuple[str, int]:
    end = body.find(b"\0", at)
    if end < 0:
        raise Invalid("a field of the check is cut off")
    return body[at:end].decode("utf-8", "surrogateescape"), end + 1


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


ROUTES: dict[tuple[str, str], Route] = {("POST", "/local/scan"): Route(scan, limit=LIMIT)}
