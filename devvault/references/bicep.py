"""`az.getSecret('SUBSCRIPTION', 'GROUP', 'VAULT', 'NAME'[, 'VERSION'])` of a bicepparam file.

`kv.getSecret('NAME')` within a Bicep file names no vault by itself; a reader of the whole file
knows it, and alone it is malformed here.
"""

from __future__ import annotations

import re

from devvault.references.identifier import (
    Span,
    refuse,
    secret_name,
    secret_version,
    trimmed,
    unwrapped,
    vault_name,
)
from devvault.references.reference import SERVED_SUFFIX, Reference

FUNCTION = "az.getSecret("

_CALL = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\.getSecret\(\s*(?=['),]|$)", re.ASCII | re.IGNORECASE)
_QUOTED = re.compile(r"'([^'\\]*)'")
_SCOPE = re.compile(r"[\w().-]{1,90}", re.ASCII)


class Bicep:
    """The form of Bicep's getSecret. It has no state."""

    name = "bicep"

    def find(self, text: str) -> bool:
        """Say whether a text starts as a call of getSecret does."""
        _, inner = unwrapped(text)
        return _CALL.match(inner) is not None

    def parse(self, text: str) -> Reference:
        """Return the reference; see `Form.parse` for what it raises."""
        at, inner = unwrapped(text)
        call = _CALL.match(inner)
        if call is None:
            refuse(at, f"this does not start with {FUNCTION}")
        if not inner.startswith(FUNCTION):
            refuse(at, f"only the Bicep file knows which vault this is; write {FUNCTION}...)")
        if not inner.endswith(")"):
            refuse(at + len(inner), "the closing bracket is missing, or something follows it")
        given = _arguments(at + len(FUNCTION), inner[len(FUNCTION) : -1])
        if len(given) not in (4, 5):
            refuse(
                at + len(inner) - 1,
                "four texts are needed: subscription, resource group, vault, secret;"
                " a version may follow",
            )
        for where, scope in given[:2]:
            if not _SCOPE.fullmatch(scope):
                refuse(where, "subscription and resource group must be plain names")
        vault = vault_name(*given[2])
        name = secret_name(*given[3])
        version = secret_version(*given[4]) if len(given) == 5 else None
        return Reference(text, vault, name, version, vault + SERVED_SUFFIX, self.name)


def format_reference(
    subscription: str, group: str, vault: str, name: str, version: str | None = None
) -> str:
    """Return the call for a secret."""
    pinned = f", '{version}'" if version else ""
    return f"{FUNCTION}'{subscription}', '{group}', '{vault}', '{name}'{pinned})"


def _arguments(at: int, body: str) -> list[Span]:
    """Return the texts of a call, without their quotes, and where they begin."""
    found: list[Span] = []
    for piece in body.split(","):
        start, part = trimmed(at, piece)
        at += len(piece) + 1
        match = _QUOTED.fullmatch(part)
        if match is None:
            refuse(start, "a text in single quotes is needed, without escapes")
        found.append((start + 1, match[1]))
    return found
