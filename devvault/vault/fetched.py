"""Rows fetched with fewer questions than they are asked for: those of several secrets, or of one.

Both kinds answer `find` for what they fetched; nothing is decided or opened here but which version
is the current one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from devvault.errors import Damaged
from devvault.model.names import fold
from devvault.store.base import Reading, Row, Store
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


class Glance:
    """The rows of one secret and of the version that is wanted, fetched with one question.

    Which version is current stands in the secret's own row. `guesses` remembers what it was, by
    (vault, name); where that has changed, `find` asks once more.
    """

    _MANY = 4096

    def __init__(
        self,
        store: Store,
        guesses: dict[tuple[str, str], str],
        scope: str,
        name: str,
        version: str = "",
    ) -> None:
        self._store = store
        self._guesses = guesses
        self._place = (scope, name)
        self._guess = version or guesses.get(self._place, "")
        self._secret, self._version = store.find_two(
            (SECRET, scope, name, ""), (SECRET_VERSION, scope, name, self._guess)
        )

    def find(self, kind: str, scope: str, name: str, version: str = "") -> Row | None:
        """Return the row with this identity, or None."""
        if (scope, name) == self._place:
            if kind == SECRET:
                return self._secret
            if kind == SECRET_VERSION and version == self._guess:
                return self._version
        wanted = (kind, scope, name, version)
        row, _ = self._store.find_two(wanted, wanted)
        if row is not None and kind == SECRET_VERSION:
            if len(self._guesses) >= self._MANY:
                self._guesses.clear()
            self._guesses[self._place] = version
        return row
