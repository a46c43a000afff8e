"""`@Microsoft.KeyVault(...)`, both syntaxes, as App Service, Functions and Logic Apps have it.

The grammar takes what the two open resolvers (Functions Core Tools, azd) agree on and no more: the
whole value, https only, Key Vault's own hosts only, no query, fragment, user info or escapes.
Messages name a place and never repeat the text: a misplaced value may be a secret.
"""

from __future__ import annotations

from devvault.references.identifier import (
    Span,
    from_uri,
    refuse,
    secret_name,
    secret_version,
    trimmed,
    unwrapped,
    vault_name,
)
from devvault.references.reference import SERVED_SUFFIX, Reference

PREFIX = "@Microsoft.KeyVault("

_PARAMETERS = ("SecretUri", "VaultName", "SecretName", "SecretVersion")
_BY_LOWER = {name.lower(): name for name in _PARAMETERS}


class AppService:
    """The form `@Microsoft.KeyVault(...)`. It has no state."""

    name = "appservice"

    def find(self, text: str) -> bool:
        """Say whether a text starts as this form does, after white space and a quote."""
        _, inner = unwrapped(text)
        head = inner[: len(PREFIX)]
        # A Kelvin sign lowers to "k"; App Service's word is ASCII.
        return head.isascii() and head.lower() == PREFIX.lower()

    def parse(self, text: str) -> Reference:
        """Return the reference; see `Form.parse` for what it raises."""
        at, inner = unwrapped(text)
        if not self.find(text):
            refuse(at, f"this does not start with {PREFIX}")
        if not inner.endswith(")"):
            if ")" in inner:
                refuse(at + inner.rindex(")") + 1, "something follows the closing bracket")
            refuse(at + len(inner), "the closing bracket is missing")
        body = inner[len(PREFIX) : -1]
        given = _parameters(at + len(PREFIX), body)
        if "SecretUri" in given:
            # Both resolvers let SecretUri win over the other parameters.
            host, vault, name, version = from_uri(*given["SecretUri"], "SecretUri")
        else:
            host, vault, name, version = _from_names(given, at + len(PREFIX) + len(body))
        return Reference(
            text=text, vault=vault, name=name, version=version, host=host, form=self.name
        )


def format_reference(vault: str, name: str, version: str | None = None) -> str:
    """Return the reference text for a secret; names only, so that it is free of quotes."""
    pinned = f";SecretVersion={version}" if version else ""
    return f"{PREFIX}VaultName={vault};SecretName={name}{pinned})"


def _parameters(at: int, body: str) -> dict[str, Span]:
    """Split the body into its named parts."""
    if not body.strip():
        refuse(at, "the brackets are empty; SecretUri, or VaultName and SecretName, are needed")
    given: dict[str, Span] = {}
    pieces = body.split(";")
    for index, piece in enumerate(pieces):
        start, part = trimmed(at, piece)
        at += len(piece) + 1
        if not part:
            if index == len(pieces) - 1:
                break  # one semicolon at the end is allowed
            refuse(start, "a parameter is missing between the semicolons")
        word, equals, value = part.partition("=")
        if not equals:
            refuse(start, "a parameter needs the shape NAME=VALUE")
        name = _BY_LOWER.get(word.rstrip().lower()) if word.isascii() else None
        if name is None:
            refuse(start, f"no such parameter; there are {', '.join(_PARAMETERS)}")
        if name in given:
            refuse(start, f"{name} is given twice")
        given[name] = trimmed(start + len(word) + 1, value)
    return given


def _from_names(given: dict[str, Span], end: int) -> tuple[str, str, str, str | None]:
    for needed in ("VaultName", "SecretName"):
        if needed not in given:
            refuse(end, f"{needed} is missing")
    vault = vault_name(*given["VaultName"])
    name = secret_name(*given["SecretName"])
    version_at, version = given.get("SecretVersion", (end, ""))
    # An empty SecretVersion is none for both resolvers; templates write it.
    return (
        vault + SERVED_SUFFIX,
        vault,
        name,
        secret_version(version_at, version) if version else None,
    )
