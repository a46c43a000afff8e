"""An object of a `SecretProviderClass`, with its vault: what the Secrets Store CSI driver fetches.

In its file it is YAML within YAML; the reader of such files hands it on as one JSON object. Only
`objectType: secret` is a value: keys and certificates come as their public part.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from devvault.references.identifier import (
    refuse,
    secret_name,
    secret_version,
    unwrapped,
    vault_name,
)
from devvault.references.objects import Members, is_object
from devvault.references.reference import SERVED_SUFFIX, Reference

KNOWN = (
    "keyvaultName",
    "cloudName",
    "objectName",
    "objectType",
    "objectVersion",
    "objectAlias",
    "objectFormat",
    "objectEncoding",
    "objectVersionHistory",
    "filePermission",
)

_CLOUDS = {
    "": SERVED_SUFFIX,
    "azurepubliccloud": SERVED_SUFFIX,
    "azurechinacloud": ".vault.azure.cn",
    "azureusgovernmentcloud": ".vault.usgovcloudapi.net",
    "azuregermancloud": ".vault.microsoftazure.de",
}
_ENCODINGS = {"": "", "utf-8": "", "hex": "hex", "base64": "base64"}
_ALIAS = re.compile(r"(?!\.{1,2}$)[\w.-]{1,253}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{0,4}")


class Csi:
    """The form of SecretProviderClass objects. It has no state."""

    name = "csi"

    def find(self, text: str) -> bool:
        """Say whether a text starts as an object that names a vault and an object in it."""
        _, inner = unwrapped(text)
        return is_object(inner, "keyvaultName", "objectName")

    def parse(self, text: str) -> Reference:
        """Return the reference; see `Form.parse` for what it raises."""
        at, inner = unwrapped(text)
        if not self.find(text):
            refuse(at, "this is no object of a SecretProviderClass")
        members = Members.of(at, inner)
        members.check(KNOWN)
        suffix = _CLOUDS.get(members.text("cloudName", "").lower())
        if suffix is None:
            refuse(members.place("cloudName"), f"cloudName must be one of {', '.join(_CLOUDS)[2:]}")
        if members.text("objectType", "secret").lower() != "secret":
            refuse(
                members.place("objectType"),
                "objectType must be secret: that of a certificate is its key and chain",
            )
        encoding = _ENCODINGS.get(members.text("objectEncoding", "").lower())
        if encoding is None:
            refuse(members.place("objectEncoding"), "objectEncoding must be utf-8, hex or base64")
        alias = members.text("objectAlias", "")
        if alias and not _ALIAS.fullmatch(alias):
            refuse(members.place("objectAlias"), "objectAlias must be a file's plain name")
        for name in ("objectVersionHistory", "filePermission"):
            if not _NUMBER.fullmatch(members.text(name, "")):
                refuse(members.place(name), f"{name} must be a number in quotes")
        vault = vault_name(members.place("keyvaultName"), members.text("keyvaultName"))
        name = secret_name(members.place("objectName"), members.text("objectName"))
        version = members.text("objectVersion", "")
        if version:
            secret_version(members.place("objectVersion"), version)
        return Reference(text, vault, name, version or None, vault + suffix, self.name, encoding)


def format_reference(members: Mapping[str, str]) -> str:
    """Return the text of an object; `members` are its own, and `keyvaultName`."""
    return json.dumps(dict(members), ensure_ascii=False)
