"""Reference: what every form of a reference parses to. A value; it asks nobody."""

from __future__ import annotations

from typing import NamedTuple

SERVED_SUFFIX = ".vault.azure.net"
INVALID_SYNTAX = "InvalidSyntax"  # App Service's word, and the code of every refusal to parse


# A NamedTuple here and in the other rooms that the library opens: `dataclasses` takes as long to
# load as all of them together, and a program that resolves one reference would pay for it.
class Reference(NamedTuple):
    """One secret that a setting points at.

    `text` is the setting as it was written, `vault` and `host` are in lower case, `name` and
    `version` as written (Key Vault compares names case-insensitively); no `version` means the
    newest one. `version` is not checked to be 32 hexadecimal characters: App Service sends it as
    it is, and the vault answers that there is no such version. `encoding` is how the vault's text
    stands for the value: "" (it is the value), `hex` or `base64`.
    """

    text: str
    vault: str
    name: str
    version: str | None
    host: str
    form: str
    encoding: str = ""

    @property
    def uri(self) -> str:
        """The secret's identifier, with the version where one is pinned."""
        base = f"https://{self.host}/secrets/{self.name}"
        return f"{base}/{self.version}" if self.version else base

    @property
    def is_served(self) -> bool:
        """Whether the host is of the cloud that we answer for, and of no other."""
        return self.host == f"{self.vault}{SERVED_SUFFIX}"
