"""A parameter of an ARM template: `{"reference": {"keyVault": {"id": ...}, "secretName": ...}}`.

Subscription and resource group say nothing here: a vault's name is unique in Azure.
"""

from __future__ import annotations

import json
import re

from devvault.references.identifier import (
    refuse,
    secret_name,
    secret_version,
    unwrapped,
    vault_name,
)
from devvault.references.objects import Members, is_object
from devvault.references.reference import SERVED_SUFFIX, Reference

_ID = re.compile(
    r"/subscriptions/[\w-]{1,64}/resourceGroups/[\w().-]{1,90}"
    r"/providers/Microsoft\.KeyVault/vaults/(?P<vault>[^/]*)",
    re.ASCII | re.IGNORECASE,
)


class Arm:
    """The form of ARM parameters. It has no state."""

    name = "arm"

    def find(self, text: str) -> bool:
        """Say whether a text starts as an object that names a vault, by its id, for a secret."""
        _, inner = unwrapped(text)
        return is_object(inner, "keyVault") and (
            is_object(inner, "secretName") or "microsoft.keyvault/vaults" in inner.lower()
        )

    def parse(self, text: str) -> Reference:
        """Return the reference; see `Form.parse` for what it raises."""
        at, inner = unwrapped(text)
        if not self.find(text):
            refuse(at, "this is no reference of an ARM parameter")
        members = Members.of(at, inner)
        if "reference" in members:
            members.check(("reference",))
            members = members.object("reference")
        members.check(("keyVault", "secretName", "secretVersion"))
        vault = members.object("keyVault")
        vault.check(("id",))
        id_at, identifier = vault.place("id"), vault.text("id")
        match = _ID.fullmatch(identifier)
        if match is None:
            refuse(id_at, "the id must be /subscriptions/.../Microsoft.KeyVault/vaults/<vault>")
        host = vault_name(id_at, match["vault"])
        name = secret_name(members.place("secretName"), members.text("secretName"))
        version = members.text("secretVersion", "")
        if version:
            secret_version(members.place("secretVersion"), version)
        return Reference(text, host, name, version or None, host + SERVED_SUFFIX, self.name)


def format_reference(identifier: str, name: str, version: str | None = None) -> str:
    """Return a parameter that refers to a secret; `identifier` is the vault's resource id."""
    inner: dict[str, object] = {"keyVault": {"id": identifier}, "secretName": name}
    if version:
        inner["secretVersion"] = version
    return json.dumps({"reference": inner}, ensure_ascii=False)
