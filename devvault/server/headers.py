"""The headers that every answer of a plane bears, as the service sends them.

No answer may be kept by a cache. `x-ms-client-request-id` comes back as it was sent, where it is
harmless text.
"""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Mapping
from functools import lru_cache

from devvault.server.reply import Request

_ID = re.compile(r"[\x21-\x7e]{1,128}")
_ALWAYS: Mapping[str, str] = {
    "cache-control": "no-cache",
    "pragma": "no-cache",
    "expires": "-1",
    "x-content-type-options": "nosniff",
    "strict-transport-security": "max-age=31536000;includeSubDomains",
}
# The version of the service that the behaviour was recorded from.
_SERVICE_VERSION = "1.9.79.2"


class _RequestIds:
    """A GUID for each answer: a random beginning for this process, then a number."""

    def __init__(self) -> None:
        self._beginning = str(uuid.uuid4())[:24]
        self._numbers = itertools.count(1)

    def take(self) -> str:
        return f"{self._beginning}{next(self._numbers):012x}"


_request_ids = _RequestIds()


def data_headers(request: Request, region: str) -> dict[str, str]:
    """Return a vault's headers; `region` is the vault's location, empty where it is unknown."""
    address = request.caller.origin.address or "127.0.0.1"
    return {**_of_vault(region, address), **_ids(request)}


def control_headers(request: Request) -> dict[str, str]:
    """Return Azure Resource Manager's headers."""
    ids = _ids(request)
    return {**_ALWAYS, **ids, "x-ms-correlation-request-id": ids["x-ms-request-id"]}


@lru_cache(maxsize=64)
def _of_vault(region: str, address: str) -> Mapping[str, str]:
    family = "InterNetworkV6" if ":" in address else "InterNetwork"
    version = "Ipv6" if ":" in address else "Ipv4"
    named = {"x-ms-keyvault-region": region} if region else {}
    return {
        **_ALWAYS,
        **named,
        "x-ms-keyvault-service-version": _SERVICE_VERSION,
        "x-ms-keyvault-network-info": (
            f"conn_type={version};addr={address};act_addr_fam={family};"
        ),
    }


def _ids(request: Request) -> dict[str, str]:
    ids = {"x-ms-request-id": _request_ids.take()}
    asked = request.headers.get("x-ms-client-request-id", "")
    if asked and _ID.fullmatch(asked):
        ids["x-ms-client-request-id"] = asked
    return ids
