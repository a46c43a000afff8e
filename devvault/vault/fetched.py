"""The rows of several secrets, fetched with two questions instead of two for each.

It stands before a view and answers `find` for what it fetched; nothing is decided or opened here
but which version is the current one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from devvault.errors import Damaged
from devvault.model.names import fold
from devvault.store.base import Reading, Row
from devvault.vault.records import SECRET, SECRET_VERSION, Records


class Fetched:
    """A view that knows some rows already; what it does not know it asks the view behind it."""

    def __init__(
        self, reading: Reading, records: Records, wanted: Sequence[tuple[str, str, str]]
    ) -> None:
        self._reading = reading
        pointers = dict.fromkeys((fold(vault), fold(name), "") for vault, name, _ in wanted)
        secrets = reading.find_many(SECRET, list(pointers))
        places = []
        for vault, name, version in wanted:
            scope, folded = fold(vault), fold(name)
            row = secrets.get((scope, folded, ""))
            if version:
                places.append((scope, folded, fold(version)))
            elif row is not None:
                with suppress(Damaged):  # told by whoever asks for it
                    places.append((scope, folded, str(records.open(row)["current"])))
        self._rows: dict[tuple[str, str, str, str], Row] = {
            (SECRET, *place): row for place, row in secrets.items()
        }
        found = reading.find_many(SECRET_VERSION, places)
        self._rows |= {(SECRET_VERSION, *place): row for place, row in found.items()}

    def find(self, kind: str, scope: str, name: str, version: str = "") -> Row | None:
        """Return the row with this identity, or None."""
        row = self._rows.get((kind, scope, name, version))
        return row if row is not None else self._reading.find(kind, scope, name, version)
