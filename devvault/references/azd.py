"""`akvs://SUBSCRIPTION/VAULT/NAME`, as `azd env set-secret` writes it into `.azure/ENV/.env`.

Three parts, no version, scheme in lower case: azd's own rules. The subscription says nothing here.
"""

from __future__ import annotations

import re

from devvault.references.identifier import refuse, secret_name, unwrapped, vault_name
from devvault.references.reference import SERVED_SUFFIX, Reference

SCHEME = "akvs://"

_SUBSCRIPTION = re.compile(r"[0-9A-Za-z-]{1,64}")


class Azd:
    """The form `akvs://...`. It has no state."""

    name = "azd"

    def find(self, text: str) -> bool:
        """Say whether a text starts with the scheme, in any case."""
        _, inner = unwrapped(text)
        head = inner[: len(SCHEME)]
        return head.isascii() and head.lower() == SCHEME

    def parse(self, text: str) -> Reference:
        """Return the reference; see `Form.parse` for what it raises."""
        at, inner = unwrapped(text)
        if not inner.startswith(SCHEME):
            refuse(at, f"this must start with {SCHEME}, in lower case")
        parts = inner[len(SCHEME) :].split("/")
        places = [at + len(SCHEME)]
        for part in parts:
            places.append(places[-1] + len(part) + 1)
        if len(parts) != 3:
            where = places[3] if len(parts) > 3 else at + len(inner)
            refuse(where, "three parts are needed: akvs://<subscription>/<vault>/<secret>")
        if not _SUBSCRIPTION.fullmatch(parts[0]):
            refuse(places[0], "the subscription must be an id of letters, digits and hyphens")
        vault = vault_name(places[1], parts[1])
        name = secret_name(places[2], parts[2])
        return Reference(text, vault, name, None, vault + SERVED_SUFFIX, self.name)


def format_reference(subscription: str, vault: str, name: str) -> str:
    """Return the reference text for a secret; this form pins no version."""
    return f"{SCHEME}{subscription}/{vault}/{name}"
