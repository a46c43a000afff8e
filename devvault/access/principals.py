"""Who there is and who asks: principals, the caller of an operation, where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

USER = "User"
GROUP = "Group"
SERVICE = "ServicePrincipal"
KINDS = (USER, GROUP, SERVICE)
# The client id under which Azure CLI's users appear; the calls of people bear it here.
USER_APP = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody or something that can be given rights, by object id.

    `appid` is the application (client) id of a service principal; `resource_id` is the ARM id of
    what a managed identity belongs to. `groups` are the object ids of the groups it is in.
    """

    oid: str
    name: str
    kind: str
    appid: str = ""
    resource_id: str = ""
    groups: tuple[str, ...] = ()

    def caller(self, tenant: str, origin: Origin | None = None, session: str = "") -> Caller:
        """Return it as the one who asks, with no right of the home's owner."""
        appid = self.appid or USER_APP
        where = origin or NOWHERE
        return Caller(
            self.oid, appid, tenant, self.name, self.kind, self.groups, False, where, session
        )


class Origin(NamedTuple):
    """What the trail tells about a request besides its caller; all may be empty."""

    address: str = ""
    agent: str = ""
    uri: str = ""
    api_version: str = ""
    correlation: str = ""


NOWHERE = Origin()


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated principal.

    `kind` is `User`, `ServicePrincipal`, `Group` or `System` (the vault's own upkeep). `owner` is
    true for the person whose home it is, when she comes over the local socket. `session` is the id
    of the run or shell that her token was issued to, if any.
    """

    oid: str
    appid: str
    tenant: str
    name: str
    kind: str = "User"
    groups: tuple[str, ...] = ()
    owner: bool = False
    origin: Origin = NOWHERE
    session: str = ""

    def at(self, origin: Origin) -> Caller:
        """Return the same caller with another origin."""
        return Caller(
            self.oid,
            self.appid,
            self.tenant,
            self.name,
            self.kind,
            self.groups,
            self.owner,
            origin,
            self.session,
        )

    @property
    def ids(self) -> frozenset[str]:
        """The object ids that rights are looked up by: her own and her groups', in lower case."""
        return frozenset(id.lower() for id in (self.oid, *self.groups) if id)

    @property
    def words(self) -> str:
        """The caller as Azure's refusals name it."""
        return f"appid={self.appid};oid={self.oid};iss=https://sts.windows.net/{self.tenant}/"
