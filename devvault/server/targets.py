"""What a CONNECT asks for: whose the host is, and whether it goes past the user's own proxy."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from devvault.vault.authorities import AZ, DOMAINS

CLOUD = ".vault.azure.net"
LOCAL = ".vault.localhost"
AZ_HOSTS = frozenset(DOMAINS[AZ])
# Key Vaults that no home answers for: other clouds, managed HSMs, private endpoints.
_UNSERVED = (
    "vault.azure.cn",
    "vault.usgovcloudapi.net",
    "vault.microsoftazure.de",
    "vault.cloudapi.eaglex.ic.gov",
    "vault.cloudapi.microsoft.scloud",
    "managedhsm.azure.net",
    "managedhsm.azure.cn",
    "managedhsm.usgovcloudapi.net",
    "managedhsm.microsoftazure.de",
    "vaultcore.azure.net",
    "vaultcore.azure.cn",
    "vaultcore.usgovcloudapi.net",
)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\Z")
_LONGEST = 300


class Target(NamedTuple):
    """Where a client wants to go: a name in lower case, or an address without brackets."""

    host: str
    port: int

    @property
    def words(self) -> str:
        """The target as a request line has it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_target(raw: bytes) -> Target | None:
    """Return the target of a CONNECT, or None where it is not `HOST:PORT`."""
    if len(raw) > _LONGEST or not raw.isascii():
        return None
    host, colon, port = raw.decode("ascii").lower().rpartition(":")
    if not colon or not port.isdigit() or len(port) > 5 or not 0 < int(port) < 65536:
        return None
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        return Target(host, int(port)) if _address(host) is not None else None
    host = host.removesuffix(".")
    return Target(host, int(port)) if _HOST.match(host) and ".." not in host else None


def vault_of(host: str) -> str | None:
    """Return the name of the vault that a host stands for, None where it stands for none of ours.

    The name is that of a host, and no vault need have it.
    """
    for suffix in (CLOUD, LOCAL):
        label = host.removesuffix(suffix)
        if label != host and _LABEL.fullmatch(label):
            return label
    return None


def is_key_vault(host: str) -> bool:
    """Say whether a host belongs to any Key Vault, in any cloud, served or not."""
    return any(_is_below(host, place) for place in (CLOUD[1:], LOCAL[1:], *_UNSERVED))


def excepts_all(exceptions: str) -> bool:
    """Say whether a `NO_PROXY` switches every proxy off."""
    return any(_bare_name(entry) == "" for entry in _entries(exceptions))


def without_ours(exceptions: str, *, keep_localhost: bool) -> str:
    """Return a `NO_PROXY` that excepts no vault of ours and keeps loopback out of every proxy.

    `localhost` covers `vault.localhost` as well; it has to stay where a proxy for plain HTTP is
    set, or that one would be asked for what runs on this machine.
    """
    kept = [
        entry
        for entry in _entries(exceptions)
        if not _covers_ours(entry) or (keep_localhost and _bare_name(entry) == "localhost")
    ]
    return ",".join(dict.fromkeys([*kept, "127.0.0.1", "::1"]))


def goes_past(exceptions: str, target: Target) -> bool:
    """Say whether a `NO_PROXY` lets a target past the proxy; loopback always is."""
    address = _address(target.host)
    if target.host == "localhost" or target.host.endswith(".localhost"):
        return True
    if address is not None and address.is_loopback:
        return True
    return any(_matches(entry, target, address) for entry in _entries(exceptions))


def _entries(exceptions: str) -> list[str]:
    return [entry for entry in re.split(r"[,\s]+", exceptions) if entry]


def _covers_ours(entry: str) -> bool:
    name = _bare_name(entry)
    if name is None:
        return False
    # Some programs compare ends of texts and know no dots, so `net` and `t` are excepted too much.
    ours = any(f"x{suffix}".endswith(name) for suffix in (CLOUD, LOCAL))
    return ours or name.endswith((CLOUD, LOCAL))


def _matches(
    entry: str, target: Target, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None
) -> bool:
    name = _bare_name(entry)
    if name == "":
        return True
    if address is not None:
        try:
            return address in ipaddress.ip_network(entry.strip("[]"), strict=False)
        except ValueError:
            return False
    if name is None:
        return False
    _, colon, port = entry.rpartition(":")
    if colon and port.isdigit() and int(port) != target.port:
        return False
    return _is_below(target.host, name)


def _bare_name(entry: str) -> str | None:
    """Return the name in an entry without dots and stars before it; None where it is an address."""
    if _address(entry.strip("[]")) is not None or "/" in entry:
        return None
    name, colon, port = entry.lower().rpartition(":")
    if not colon or not port.isdigit():
        name = entry.lower()
    return name.removeprefix("*").removeprefix(".").removesuffix(".")


def _is_below(host: str, place: str) -> bool:
    return host == place or host.endswith(f".{place}")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
