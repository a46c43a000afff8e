"""Credentials in the shape that Azure's SDKs take, for one identity of a throw-away home.

Nothing of Azure is imported: SDKs ask for `token` and `expires_on`, not for a class.
"""

from __future__ import annotations

import http.client
import json
import threading
from typing import NamedTuple, Self
from urllib.parse import quote, urlsplit

from devvault.clock import SystemClock
from devvault.errors import Unauthorized, Unavailable

SCOPE = "https://vault.azure.net/.default"
_VERSION = "2019-08-01"
_EARLY = 300  # seconds before its end at which a token is asked for anew
_PATIENCE = 20.0


class Token(NamedTuple):
    """An access token, as azure-core's AccessToken and AccessTokenInfo have it."""

    token: str
    expires_on: int
    token_type: str = "Bearer"  # noqa: S105  # a scheme
    refresh_on: int | None = None

    def __repr__(self) -> str:
        """Leave the token out."""
        return f"Token(expires_on={self.expires_on})"


class Credential:
    """A TokenCredential: what `SecretClient(url, credential)` wants. Safe in threads."""

    def __init__(self, endpoint: str, header: str) -> None:
        self._endpoint = endpoint
        self._header = header
        self._lock = threading.Lock()
        self._tokens: dict[str, Token] = {}

    def __repr__(self) -> str:
        """Leave the secret out."""
        return f"{type(self).__name__}()"

    def get_token(self, *scopes: str, **_more: object) -> Token:
        """Return a token for a scope; SDKs' further arguments mean nothing here.

        Raises:
            Unauthorized: the home gives none, as after the end of the test.
            Unavailable: the daemon does not answer.
        """
        scope = scopes[0] if scopes else SCOPE
        with self._lock:
            known = self._tokens.get(scope)
            if known is None or known.expires_on - _EARLY < SystemClock().now().timestamp():
                known = self._tokens[scope] = self._ask(scope.removesuffix("/.default"))
            return known

    def get_token_info(self, *scopes: str, options: object = None) -> Token:
        """As `get_token`, in the newer form of the protocol."""
        del options
        return self.get_token(*scopes)

    def close(self) -> None:
        """Forget the tokens."""
        with self._lock:
            self._tokens.clear()

    def _ask(self, resource: str) -> Token:
        where = urlsplit(self._endpoint)
        path = f"{where.path}?api-version={_VERSION}&resource={quote(resource, safe='')}"
        line = http.client.HTTPConnection(where.hostname or "", where.port, timeout=_PATIENCE)
        try:
            line.request("GET", path, headers={"X-IDENTITY-HEADER": self._header})
            reply = line.getresponse()
            status, data = reply.status, reply.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable("the identity endpoint of the test's home does not answer") from error
        finally:
            line.close()
        if status >= 400:
            raise Unauthorized(f"the test's home gives no token for {resource} (status {status})")
        found = json.loads(data)
        return Token(str(found["access_token"]), int(found["expires_on"]))


class AsyncCredential:
    """The same for the SDKs' `aio` clients. A first token is one question on the loopback."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def __repr__(self) -> str:
        """Say what it is."""
        return f"{type(self).__name__}()"

    async def get_token(self, *scopes: str, **_more: object) -> Token:
        """Return a token for a scope; see `Credential.get_token`."""
        return self._credential.get_token(*scopes)

    async def get_token_info(self, *scopes: str, options: object = None) -> Token:
        """As `get_token`, in the newer form of the protocol."""
        del options
        return self._credential.get_token(*scopes)

    async def close(self) -> None:
        """Forget the tokens."""
        self._credential.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_raised: object) -> None:
        await self.close()
