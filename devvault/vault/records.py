"""Model object <-> sealed record: the only place that opens a record's seal.

A row's clear columns are an index. What they say stands inside the seal too, and is compared on
every read, so that an edited column is an error and never an answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from devvault.errors import Damaged
from devvault.sealing.envelope import Sealed
from devvault.sealing.master import Master
from devvault.store.base import LIVE, Row

# The kinds of records. A name here is part of the format: it is bound into every seal.
HOME = "home"
ARCHIVE = "archive"
GROUP = "group"
VAULT = "vault"
ASSIGNMENT = "assignment"
PRINCIPAL = "principal"
IDENTITY = "identity"
APP = "app"
CREDENTIAL = "credential"
SIGNING = "signing"
SIGNING_NAME = "tokens"
ROLE = "role"
TRUST = "trust"
STASH = "stash"
AUTHORITY = "authority"
SECRET = "secret"  # noqa: S105  # a kind of record
SECRET_VERSION = "secret.version"  # noqa: S105  # a kind of record
# What a program asks for again and again: secrets, by name and by version.
# A pointer is small and holds no value; of versions, with their values, fewer are kept.
_REMEMBERED = {SECRET: 2048, SECRET_VERSION: 512}
_decode = json.JSONDecoder().decode


class Records:
    """Seals new rows under the current generation; opens rows of any generation it holds."""

    def __init__(self, sealer: Master) -> None:
        self._sealers: dict[int, Master] = {sealer.generation: sealer}
        self._current = sealer
        self._opened: dict[str, dict[Row, dict[str, Any]]] = {kind: {} for kind in _REMEMBERED}

    @property
    def generation(self) -> int:
        """The generation that new rows are sealed under."""
        return self._current.generation

    def backup_key(self, generation: int) -> bytes:
        """Return the key of object backups made under a generation, past ones included.

        Raises:
            KeyError: this home never had that generation.
        """
        return self._current.backup_key(generation)

    def add(self, sealer: Master) -> None:
        """Accept rows of another generation: during a rekey readers may meet both."""
        self._sealers[sealer.generation] = sealer

    def advance(self, generation: int) -> None:
        """Seal under this generation from now on."""
        self._current = self._sealers[generation]

    def retire(self, generation: int) -> None:
        """Forget a generation that no row uses any more."""
        if generation != self._current.generation:
            self._sealers.pop(generation, None)
            self.forget()

    def forget(self) -> None:
        """Forget what was opened: the home is being locked."""
        for opened in self._opened.values():
            opened.clear()

    def seal(
        self,
        kind: str,
        scope: str,
        name: str,
        body: Mapping[str, Any],
        *,
        version: str = "",
        state: int = LIVE,
        due: int | None = None,
        sealer: Master | None = None,
    ) -> Row:
        """Return the row that keeps `body` under this identity and index."""
        by = sealer or self._current
        whole = {"state": state, "due": due, "body": dict(body)}
        plaintext = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "surrogatepass"
        )
        made = by.seal(kind, scope, name, version, plaintext)
        return Row(
            kind, scope, name, version, state, due, made.generation, made.wrapped, made.sealed
        )

    def open(self, row: Row) -> dict[str, Any]:
        """Return the body of a row.

        Raises:
            Damaged: the seal does not open, or a clear column says something else than the seal.
        """
        opened = self._opened.get(row.kind)
        kept = None if opened is None else opened.get(row)
        if kept is not None:
            return kept
        whole = self._open_whole(row)
        body = whole.get("body")
        if whole.get("state") != row.state or whole.get("due") != row.due or body is None:
            raise Damaged(
                f"the index of a {row.kind} record does not match what is sealed",
                hint="devvault audit verify",
            )
        assert isinstance(body, dict)
        self._keep(row, body)
        return body

    def _keep(self, row: Row, body: dict[str, Any]) -> None:
        """Remember what a row held, every column of it: an edited one is opened anew.

        It lives as long as the keys do, in the same memory, and is forgotten with them.
        """
        opened = self._opened.get(row.kind)
        if opened is not None:
            if len(opened) >= _REMEMBERED[row.kind]:
                opened.clear()
            opened[row] = body

    def reseal(self, row: Row, sealer: Master) -> Row:
        """Return the same record under a fresh data key of another generation."""
        return self.seal(
            row.kind,
            row.scope,
            row.name,
            self.open(row),
            version=row.version,
            state=row.state,
            due=row.due,
            sealer=sealer,
        )

    def _open_whole(self, row: Row) -> dict[str, Any]:
        sealer = self._sealers.get(row.generation)
        if sealer is None:
            raise Damaged(
                f"a {row.kind} record is sealed under key generation {row.generation},"
                " which this home does not have",
                hint="devvault audit verify",
            )
        closed = Sealed(row.generation, row.wrapped, row.sealed)
        plaintext = sealer.open(row.kind, row.scope, row.name, row.version, closed)
        whole = _decode(plaintext.decode("utf-8", "surrogatepass"))
        assert isinstance(whole, dict)
        return whole
