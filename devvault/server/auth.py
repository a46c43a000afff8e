"""Bearer token -> Caller, and the 401 challenge.

Who a token was issued to is looked up with every request: an ended run, a deleted identity and a
locked home make it worthless at once, whatever it says of itself.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from devvault.access import tokens
from devvault.access.principals import Caller
from devvault.access.tokens import VAULT_APP, VAULT_AUDIENCE
from devvault.errors import Unauthorized
from devvault.server.head import Head
from devvault.server.local.base import Plane
from devvault.vault.gate import Gate
from devvault.vault.principals import find_by_oid
from devvault.vault.signing import get_tokens

LOGIN = "https://login.microsoftonline.com"
ARM_AUDIENCES = tuple(
    f"https://management.{domain}{end}"
    for domain in ("azure.com", "core.windows.net")
    for end in ("/", "")
)
GRAPH_AUDIENCES = ("https://graph.microsoft.com", "https://graph.microsoft.com/")
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=-]+) *", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Realm:
    """What a plane asks tokens for: its audiences, and the resource that its challenge names.

    An empty resource means ARM's form of challenge, which names none.
    """

    audiences: Sequence[str]
    resource: str = ""

    def challenge(self, tenant: str, renewed: datetime | None = None) -> str:
        """Return the WWW-Authenticate header.

        With `renewed`, it asks for a token that is newer than that: a client that gets this does
        not offer once more the one that it has kept.
        """
        if not self.resource:
            return f'Bearer authorization_uri="{LOGIN}/{tenant}", error="invalid_token"'
        plain = f'Bearer authorization="{LOGIN}/{tenant}", resource="{self.resource}"'
        if renewed is None:
            return plain
        since = {"nbf": {"essential": True, "value": str(int(renewed.timestamp()))}}
        claims = base64.b64encode(json.dumps({"access_token": since}).encode()).decode()
        return f'{plain}, error="insufficient_claims", claims="{claims}"'


VAULTS = Realm((VAULT_AUDIENCE, VAULT_APP), VAULT_AUDIENCE)
ARM = Realm(ARM_AUDIENCES)
GRAPH = Realm(GRAPH_AUDIENCES)


def local_realm(port: int) -> Realm:
    """Return the realm of vaults at `NAME.vault.localhost:PORT`."""
    own = local_audience(port)
    return Realm((own, VAULT_AUDIENCE, VAULT_APP), own)


def local_audience(port: int) -> str:
    """Return the audience of the vaults at this daemon's own port."""
    return "https://vault.localhost" + ("" if port == 443 else f":{port}")


def authenticate(plane: Plane, gate: Gate, head: Head, realm: Realm) -> Caller:
    """Return who asks, by the bearer token of the head; no body was looked at.

    Raises:
        Unauthorized: there is no token, or it is not valid, not ours, or of what is no more.
        Locked: the home was locked in between.
    """
    given = head.headers.get("authorization", "")
    known = get_tokens(gate)
    token = (
        given[7:] if given.startswith("Bearer ") and known.has_seen(given[7:]) else _token(given)
    )
    claims = known.verify(token, realm.audiences, plane.keeper.clock.now())
    if claims.session and plane.sessions.find(claims.session) is None:
        raise Unauthorized(tokens.ENDED)
    who = find_by_oid(gate, claims.oid)
    if who is None:
        raise Unauthorized(tokens.UNKNOWN)
    return who.caller(gate.tenant, head.origin, claims.session)


def _token(given: str) -> str:
    found = _BEARER.fullmatch(given)
    if found is None:
        raise Unauthorized(tokens.MISSING)
    return found[1]
