"""A vault and the group it lies in: tier, access model, recovery settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from devvault.errors import Invalid
from devvault.model.attributes import no_tags
from devvault.model.names import PROVIDER, vault_host, vault_scope

RETENTION_DEFAULT = 90
RETENTION_MIN = 7


@dataclass(frozen=True, slots=True)
class Group:
    """A resource group."""

    name: str
    location: str
    created: datetime
    tags: Mapping[str, str] = field(default_factory=no_tags)


@dataclass(frozen=True, slots=True)
class Policy:
    """One access policy entry: who, and which verbs per kind of object."""

    tenant: str
    oid: str
    appid: str = ""
    keys: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    storage: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """The vault firewall as ARM holds it."""

    bypass: str = "AzureServices"
    default_action: str = "Allow"
    ip_rules: tuple[str, ...] = ()
    subnet_rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Vault:
    """A vault's settings.

    `retention` is in days and fixed at creation; `purge_protection` never goes back to false.
    `deleted` is None while the vault lives.
    """

    name: str
    group: str
    location: str
    subscription: str
    tenant: str
    created: datetime
    updated: datetime
    sku: str = "standard"
    rbac: bool = True
    retention: int = RETENTION_DEFAULT
    purge_protection: bool = False
    for_deployment: bool = False
    for_disk_encryption: bool = False
    for_template_deployment: bool = False
    public_network: str = "Enabled"
    network: Network = Network()
    policies: tuple[Policy, ...] = ()
    tags: Mapping[str, str] = field(default_factory=no_tags)
    deleted: datetime | None = None

    @property
    def id(self) -> str:
        """The ARM resource id."""
        return vault_scope(self.subscription, self.group, self.name)

    @property
    def uri(self) -> str:
        """The data plane's address, with the closing slash that ARM shows."""
        return f"https://{vault_host(self.name)}/"

    @property
    def deleted_id(self) -> str:
        """The ARM id under which a deleted vault is found."""
        return (
            f"/subscriptions/{self.subscription}/providers/{PROVIDER}"
            f"/locations/{self.location}/deletedVaults/{self.name}"
        )

    @property
    def purge_at(self) -> datetime | None:
        """When the deleted vault is purged by itself."""
        return None if self.deleted is None else self.deleted + timedelta(days=self.retention)

    @property
    def recovery_level(self) -> str:
        """The recoveryLevel that every object of this vault shows (swagger enum)."""
        level = "Recoverable" if self.retention == RETENTION_DEFAULT else "CustomizedRecoverable"
        return level if self.purge_protection else f"{level}+Purgeable"


def check_retention(days: int) -> int:
    """Return the retention, or refuse it.

    Raises:
        Invalid: not within 7 to 90 days.
    """
    if not RETENTION_MIN <= days <= RETENTION_DEFAULT:
        raise Invalid(
            "The parameter softDeleteRetentionInDays has an invalid value."
            f" It must be between {RETENTION_MIN} and {RETENTION_DEFAULT} days.",
            code="BadRequest",
        )
    return days
