"""Container Apps and jobs: `keyvaultref:URL,identityref:ID`, and the secret entry `keyVaultUrl`.

`secretref:NAME` points at such an entry of the same app. Readers of whole files follow it; alone it
says nothing of a vault, so that it is malformed here.
"""

from __future__ import annotations

import json
import re

from devvault.references.identifier import from_uri, refuse, trimmed, unwrapped
from devvault.references.objects import Members, is_object
from devvault.references.reference import Reference

PREFIX = "keyvaultref:"
IDENTITY = "identityref:"
INNER = "secretref:"

# `system`, or the resource id of a user-assigned identity.
_IDENTITY = re.compile(r"system|/[\w()./-]{1,500}", re.ASCII | re.IGNORECASE)
_MEMBERS = ("name", "keyVaultUrl", "identity")


class Containers:
    """The forms of Container Apps. It has no state."""

    name = "containers"

    def find(self, text: str) -> bool:
        """Say whether a text starts as one of these forms does."""
        _, inner = unwrapped(text)
        head = inner[: len(PREFIX)].lower()
        if head.isascii() and head.startswith((PREFIX, INNER)):
            return True
        return is_object(inner, "keyVaultUrl")

    def parse(self, text: str) -> Reference:
        """Return the reference; see `Form.parse` for what it raises."""
        at, inner = unwrapped(text)
        if not self.find(text):
            refuse(at, f"this does not start with {PREFIX}")
        if inner[:1] == "{":
            members = Members.of(at, inner)
            members.check(_MEMBERS)
            url_at, url = members.place("keyVaultUrl"), members.text("keyVaultUrl")
            identity = members.place("identity"), members.text("identity", "system")
        elif inner[: len(INNER)].lower() == INNER:
            refuse(
                at, f"a {INNER} means a secret of a Container App, and there is none of its name"
            )
        else:
            address, comma, rest = inner[len(PREFIX) :].partition(",")
            url_at, url = trimmed(at + len(PREFIX), address)
            identity = (
                _identity(at + len(PREFIX) + len(address) + 1, rest) if comma else (at, "system")
            )
        if not _IDENTITY.fullmatch(identity[1]):
            refuse(identity[0], "the identity must be system, or the resource id of an identity")
        host, vault, name, version = from_uri(url_at, url, "the secret's URL")
        return Reference(text, vault, name, version, host, self.name)


def format_reference(uri: str, identity: str = "system") -> str:
    """Return the reference text for a secret's identifier, as `az containerapp` takes it."""
    return f"{PREFIX}{uri},{IDENTITY}{identity}"


def format_entry(uri: str, identity: str = "system") -> str:
    """Return the text that a secret's entry in an app's YAML is read as."""
    return json.dumps({"keyVaultUrl": uri, "identity": identity}, ensure_ascii=False)


def _identity(at: int, text: str) -> tuple[int, str]:
    start, piece = trimmed(at, text)
    if piece[: len(IDENTITY)].lower() != IDENTITY:
        refuse(start, f"after the comma {IDENTITY} is needed")
    return trimmed(start + len(IDENTITY), piece[len(IDENTITY) :])
