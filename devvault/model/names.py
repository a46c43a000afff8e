"""Name grammar, vault URLs and resource ids. Names compare case-insensitively and keep their case.

Grammar: object names from the REST specification (`^[0-9a-zA-Z-]+$`, 1 to 127), vault names from
ARM (3 to 24, letter first, letter or digit last, no double hyphen).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from devvault.errors import Invalid

VAULT_SUFFIX = "vault.azure.net"
PROVIDER = "Microsoft.KeyVault"

_OBJECT = re.compile(r"[0-9a-zA-Z-]{1,127}")
_VAULT = re.compile(r"[a-zA-Z](?:-?[a-zA-Z0-9])*")
_VERSION = re.compile(r"[0-9a-f]{32}")
_GROUP = re.compile(r"[\w().-]{0,89}[\w()-]", re.UNICODE)


def fold(name: str) -> str:
    """Return the form under which a name is compared and indexed."""
    return name.lower()


def is_vault_name(name: str) -> bool:
    """Say whether ARM would take this as a vault's name."""
    return 3 <= len(name) <= 24 and _VAULT.fullmatch(name) is not None


def is_object_name(name: str) -> bool:
    """Say whether a secret, key or certificate may bear this name."""
    return _OBJECT.fullmatch(name) is not None


def is_version(text: str) -> bool:
    """Say whether this has the shape of a version: 32 lower-case hexadecimal digits."""
    return _VERSION.fullmatch(text) is not None


def check_vault_name(name: str) -> str:
    """Return the name, or refuse it in ARM's words.

    Raises:
        Invalid: `VaultNameNotValid`.
    """
    if not is_vault_name(name):
        raise Invalid(
            f"The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric"
            " characters. The name must begin with a letter, end with a letter or digit, and not"
            " contain consecutive hyphens.",
            code="VaultNameNotValid",
        )
    return name


def check_object_name(name: str) -> str:
    """Return the name, or refuse it in the service's words.

    Raises:
        Invalid: `BadParameter`.
    """
    if not is_object_name(name):
        raise Invalid(f"The request URI contains an invalid name: {name}")
    return name


def check_group_name(name: str) -> str:
    """Return the resource group's name, or refuse it.

    Raises:
        Invalid: `InvalidResourceGroup`.
    """
    if _GROUP.fullmatch(name) is None:
        raise Invalid(
            f"The provided resource group name '{name}' has these invalid characters or a length"
            " over 90. The name can only be a letter, digit, '-', '.', '(', ')' or '_'.",
            code="InvalidResourceGroup",
        )
    return name


def legal_vault_name(text: str) -> str:
    """Return a legal vault name as close to `text` as can be (a folder's name, say)."""
    kept = re.sub(r"[^a-zA-Z0-9]+", "-", text).strip("-").lower()
    if not kept or not kept[0].isalpha():
        kept = f"kv-{kept}".rstrip("-")
    kept = kept[:24].strip("-")
    return kept if len(kept) >= 3 else f"{kept}-vault".lstrip("-")


@dataclass(frozen=True, slots=True)
class ObjectId:
    """The identifier of a secret, key or certificate; `version` empty means the current one.

    `host` is the authority that the client used, so that SDKs parse the ids we build.
    """

    host: str
    kind: str
    name: str
    version: str = ""

    def __str__(self) -> str:
        tail = f"/{self.version}" if self.version else ""
        return f"https://{self.host}/{self.kind}/{self.name}{tail}"


@lru_cache(maxsize=256)  # every request asks for it
def vault_host(name: str) -> str:
    """Return the host name of a vault."""
    return f"{fold(name)}.{VAULT_SUFFIX}"


def subscription_scope(subscription: str) -> str:
    """Return the resource id of a subscription."""
    return f"/subscriptions/{subscription}"


def group_scope(subscription: str, group: str) -> str:
    """Return the resource id of a resource group."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


@lru_cache(maxsize=256)
def vault_scope(subscription: str, group: str, vault: str) -> str:
    """Return the resource id of a vault."""
    return f"{group_scope(subscription, group)}/providers/{PROVIDER}/vaults/{vault}"


def object_scope(vault: str, kind: str, name: str, version: str = "") -> str:
    """Return the resource id of one object, or of one version of it, below a vault's id."""
    tail = f"/versions/{version}" if version else ""
    return f"{vault}/{kind}/{name}{tail}"
