"""A stream that tells a folder when a secret that it refers to has another version. No values.

One line of JSON at the beginning, then one for each change: `changed` names addresses and their
new versions ("" for none), `state` says that the home was locked or unlocked. Whoever comes back
after a break says what he saw, and misses nothing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Final

from devvault.errors import Invalid
from devvault.references.base import parse
from devvault.server.local.base import NDJSON, Ask, Emit, Plane, Route, Stream, text
from devvault.vault import trust
from devvault.vault.current import current_versions

_LIMIT = 1024 * 1024
_MANY = 1000
# Between two looks, in seconds: many changes in a row are one.
_PAUSE = 0.05


class _Watch:
    """One reader's view of the secrets that he named."""

    def __init__(self, plane: Plane, folder: str, seen: Mapping[str, str]) -> None:
        self._keeper: Final = plane.keeper
        self._folder = folder
        self._seen = dict(seen)
        self._names = [
            (reference.vault, reference.name)
            for reference in (parse(f"@Microsoft.KeyVault(SecretUri={uri})") for uri in seen)
        ]
        self._ended = threading.Event()
        self._open: bool | None = None

    def produce(self, emit: Emit) -> None:
        """Write lines until the reader is gone."""
        changes = self._keeper.changes
        emit.put(_line({"watching": len(self._names)}))
        while not self._ended.is_set():
            turn = changes.turn
            self._look(emit)
            if changes.turn == turn:
                changes.wait(turn, self._ended.is_set)
            self._ended.wait(_PAUSE)

    def cancel(self) -> None:
        """End it."""
        self._ended.set()
        self._keeper.changes.wake()

    def _look(self, emit: Emit) -> None:
        gate = self._keeper.find_gate()
        if (gate is not None) is not self._open:
            self._open = gate is not None
            emit.put(_line({"state": "unlocked" if self._open else "locked"}))
        if gate is None:
            return
        versions = current_versions(gate, self._folder, self._names)
        changed = {
            uri: version
            for (uri, seen), version in zip(self._seen.items(), versions, strict=True)
            if seen != version
        }
        if changed:
            self._seen |= changed
            emit.put(_line({"changed": changed}))


def watch(plane: Plane, ask: Ask) -> Stream:
    """Tell changes until the reader goes; `references` are addresses, each with the version seen.

    Raises:
        Invalid: the request is malformed.
    """
    members = ask.members()
    folder = text(members, "folder")
    trust.check_folder(folder)
    given = members.get("references", {})
    if not isinstance(given, dict) or len(given) > _MANY:
        raise Invalid(f"the member 'references' must be an object of at most {_MANY} members")
    found = _Watch(plane, folder, {uri: text(given, uri) for uri in given})
    return Stream(NDJSON, found.produce, found.cancel)


def _line(members: Mapping[str, object]) -> bytes:
    return json.dumps(members).encode() + b"\n"


ROUTES: dict[tuple[str, str], Route] = {
    # It does not count: somebody who watches keeps no vault unlocked.
    ("POST", "/local/watch"): Route(watch, limit=_LIMIT, counts=False),
}
