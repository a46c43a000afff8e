"""A vault for one test: its address, its secrets, credentials of an identity that reads it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

from devvault.cli.connection import Opened
from devvault.cli.planes import DATA_SUFFIX, ROLE_VERSION, Planes, segment
from devvault.cli.reply import Body, table, text
from devvault.testing.credential import AsyncCredential, Credential

IDENTITY_VERSION = "2024-11-30"
# Key Vault Secrets User: reads values, and nothing else.
_READER = "4633458b-17de-408a-b874-0445c86b69e6"
_GROUP = "resourceGroups/devvault"


class TestVault:
    """A vault. `set` writes as the developer; the credentials may read, as an app in Azure."""

    __test__ = False  # pytest: no class of tests

    def __init__(self, planes: Planes, name: str, opened: Opened) -> None:
        self._planes = planes
        self.name = name
        self.url = f"https://{name}{DATA_SUFFIX}"
        self.removed = tuple(opened.removed)
        self.variables: Mapping[str, str] = {
            **opened.variables,
            "DEVVAULT_HOME": str(planes.home.root),
            "DEVVAULT_IDENTITY": name,  # for the library, that references are read as this too
        }
        self.credential = Credential(
            opened.variables["IDENTITY_ENDPOINT"], opened.variables["IDENTITY_HEADER"]
        )
        self.async_credential = AsyncCredential(self.credential)

    def __repr__(self) -> str:
        """Leave the secrets out."""
        return f"TestVault({self.url!r})"

    def set(self, name: str, value: str) -> None:
        """Set a secret: a new version where there is one already.

        Raises:
            DevvaultError: a vault takes no such name or value.
        """
        seed(self._planes, self.name, {name: value})

    def reference(self, name: str) -> str:
        """Return the reference to a secret, as an App Service setting holds it."""
        return f"@Microsoft.KeyVault(VaultName={self.name};SecretName={name})"

    def allow(self, folder: str | Path) -> None:
        """Let a folder's settings files resolve from this vault, as `devvault allow` does."""
        real = str(Path(folder).resolve())
        self._planes.local("POST", "/local/trust", {"folder": real, "vault": self.name})


def seed(planes: Planes, vault: str, secrets: Mapping[str, str]) -> None:
    """Set secrets, as the developer."""
    for name, value in secrets.items():
        planes.data(vault, "PUT", f"/secrets/{segment(name)}", {"value": value})


def identity_path(name: str) -> str:
    """Return where an identity lies in the control plane."""
    return f"{_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"


def vault_path(name: str) -> str:
    """Return where a vault lies in the control plane."""
    return f"{_GROUP}/providers/Microsoft.KeyVault/vaults/{name}"


def grant(planes: Planes, vault: str, identity: Body) -> None:
    """Let an identity read the secrets of a vault, and of no other."""
    place = f"{vault_path(vault)}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    role = (
        f"/subscriptions/{planes.subscription}"
        f"/providers/Microsoft.Authorization/roleDefinitions/{_READER}"
    )
    properties = {
        "roleDefinitionId": role,
        "principalId": text(table(identity, "properties"), "principalId"),
        "principalType": "ServicePrincipal",
    }
    planes.arm("PUT", place, {"properties": properties}, version=ROLE_VERSION)
