"""Which plane answers for a host over TLS, and in which realm; the Host header is read exactly.

A host of Key Vault that is not served here is refused in words that say so: what an app meant for
the cloud must not seem to be an empty vault.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from devvault.errors import NotFound
from devvault.server.auth import ARM, GRAPH, VAULTS, Realm, local_realm
from devvault.server.head import Head
from devvault.server.identity.entra import is_path

VAULT = "vault"
CONTROL = "control"
DIRECTORY = "directory"
LOGIN = "login"
NOT_SERVED = "not served"

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_AZURE = re.compile(rf"({_LABEL})\.vault\.azure\.net")
_LOCAL = re.compile(rf"(?:({_LABEL})\.)?vault\.localhost(:[0-9]+)?")
# Key Vault too, and not ours: other clouds, private links, managed HSMs.
_OTHER = re.compile(
    r"(?:[a-z0-9-]+\.){1,3}(?:vault\.azure\.cn|vault\.usgovcloudapi\.net|vault\.microsoftazure\.de"
    r"|managedhsm\.azure\.net|managedhsm\.azure\.cn|managedhsm\.usgovcloudapi\.net"
    r"|privatelink\.vaultcore\.azure\.net|vaultcore\.azure\.net|vault\.azure\.net)"
)
_FIXED = {
    "management.azure.com": (CONTROL, ARM),
    "graph.microsoft.com": (DIRECTORY, GRAPH),
    "login.microsoftonline.com": (LOGIN, None),
    "login.windows.net": (LOGIN, None),
    "login.microsoft.com": (LOGIN, None),
}


@dataclass(frozen=True, slots=True)
class Served:
    """A plane, the realm that its callers are of (none: it is for everybody), and the vault."""

    kind: str
    realm: Realm | None = None
    vault: str = ""


def find_served(head: Head) -> Served | None:
    """Return who answers for the host of a head; None where nobody of ours does."""
    found = _served(head.host, head.port)
    local = found is not None and found.kind == VAULT and found.realm is not VAULTS
    # An authority host that is set to a vault's own origin: SDKs take any that is https.
    return _LOGIN if local and is_path(head.path) else found


_LOGIN = Served(LOGIN)


@lru_cache(maxsize=256)  # every request asks, for one of a few
def _served(host: str, port: int) -> Served | None:
    fixed = _FIXED.get(host)
    if fixed is not None:
        return Served(*fixed)
    azure = _AZURE.fullmatch(host)
    if azure is not None:
        return Served(VAULT, VAULTS, azure[1])
    local = _LOCAL.fullmatch(host)
    if local is not None:
        # Where the port is 443, it is not written, and was cut off.
        if (local[2] or ":443") != f":{port}":
            return None
        if local[1]:
            return Served(VAULT, local_realm(port), local[1])
        return _LOGIN
    return Served(NOT_SERVED) if _OTHER.fullmatch(host) else None


def not_here(host: str) -> NotFound:
    """Return the refusal of a vault that this home does not have, or of a host of other vaults."""
    name = host.partition(".")[0]
    return NotFound(
        f"The vault '{name}' ({host}) is not in this devvault home, and nothing was sent to the"
        " cloud. To let a program reach vaults in the cloud, start it with: devvault run"
        " --pass-through -- CMD",
        code="VaultNotFound",
        hint=f"devvault keyvault create --name {name}",
    )
