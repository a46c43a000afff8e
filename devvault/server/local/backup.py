"""A whole home out and in, piece by piece: neither is ever whole in memory."""

from __future__ import annotations

from collections.abc import Iterator

from devvault.errors import Invalid
from devvault.server.local.base import (
    BINARY,
    SMALL,
    Ask,
    Emit,
    Plane,
    Route,
    Stream,
    flag,
    secret,
    text,
)
from devvault.server.reply import Reply, json_reply
from devvault.vault import vaults


def backup(plane: Plane, ask: Ask) -> Stream:
    """Write the home under a passphrase, or under its recovery key."""
    members = ask.members()
    passphrase = secret(members, "passphrase")
    if (passphrase is None) != flag(members, "recovery"):
        raise Invalid("a backup is sealed under a passphrase or the recovery key: name one")
    from devvault.vault import homebackup  # rarely needed, and slow to load

    plane.gate()
    pieces = homebackup.backup_home(plane.keeper, plane.developer(), passphrase)

    def produce(emit: Emit) -> None:
        for piece in pieces:
            emit.put(piece)

    return Stream(BINARY, produce)


def restore(plane: Plane, ask: Ask) -> Reply:
    """Make the home out of a backup: a line of JSON with the keys to use, then the file.

    `bundle_passphrase` or `bundle_recovery` opens the file; `key_source`, `key_file` and
    `passphrase` say where the master key goes, as in `init`.
    """
    assert ask.chunks is not None, "the route streams"
    line, rest = _first_line(ask.chunks)
    members = Ask({}, line).members()
    choice = plane.choose(
        text(members, "key_source", plane.config().key_source),
        text(members, "key_file", ""),
        secret(members, "passphrase"),
    )
    passphrase = secret(members, "bundle_passphrase")
    recovery = text(members, "bundle_recovery", "") or None
    if (passphrase is None) == (recovery is None):
        raise Invalid("a backup is opened by its passphrase or the recovery key: name one")
    from devvault.vault import homebackup  # as above

    rows = homebackup.restore_home(
        plane.keeper, rest, choice, passphrase=passphrase, recovery=recovery
    )
    found = vaults.list_vaults(plane.gate(), plane.developer())
    return json_reply(200, {"rows": rows, "vaults": [vault.name for vault in found]})


def _first_line(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    head = b""
    for piece in chunks:
        head += piece
        line, end, rest = head.partition(b"\n")
        if end:
            return line, _joined(rest, chunks)
        if len(head) > SMALL:
            break
    raise Invalid("the request does not begin with a line of JSON")


def _joined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/local/backup"): Route(backup),
    ("POST", "/local/restore"): Route(restore, streams=True),
}
