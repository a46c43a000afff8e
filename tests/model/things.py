"""A vault and a version for the tests of this folder."""

from __future__ import annotations

from datetime import UTC, datetime

from devvault.model.attributes import Attributes
from devvault.model.secret import SecretVersion
from devvault.model.vault import Vault

AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
VAULT = Vault("My-Vault", "team", "westeurope", "sub", "tenant", AT, AT)
VERSION = SecretVersion(
    "My-Vault",
    "n",
    "0" * 32,
    Attributes(AT, AT),
    "Recoverable+Purgeable",
    90,
    value="a value nobody may see",
)
