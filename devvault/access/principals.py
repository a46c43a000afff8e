"""Who asks: the caller of an operation, and where the request came from."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Origin:
    """What the trail tells about a request besides its caller; all may be empty."""

    address: str = ""
    agent: str = ""
    uri: str = ""
    api_version: str = ""
    correlation: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated principal.

    `kind` is `User`, `ServicePrincipal`, `Group` or `System` (the vault's own upkeep). `owner` is
    true for the person whose home it is, when she comes over the local socket.
    """

    oid: str
    appid: str
    tenant: str
    name: str
    kind: str = "User"
    groups: tuple[str, ...] = ()
    owner: bool = False
    origin: Origin = Origin()

    def at(self, origin: Origin) -> Caller:
        """Return the same caller with another origin."""
        return replace(self, origin=origin)

    @property
    def ids(self) -> frozenset[str]:
        """The object ids that rights are looked up by: her own and her groups', in lower case."""
        return frozenset(id.lower() for id in (self.oid, *self.groups) if id)

    @property
    def words(self) -> str:
        """The caller as Azure's refusals name it."""
        return f"appid={self.appid};oid={self.oid};iss=https://sts.windows.net/{self.tenant}/"
