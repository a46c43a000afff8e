"""What is known of a request before its body: which listener it came by, and its head.

A listener says who it is in the scope's extensions, exactly one of three; nothing that a client
sends can say it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from devvault.access.principals import Origin
from devvault.errors import Forbidden, Invalid

# The listeners: the socket, the port with TLS, and the port of the identity endpoints.
PEER = "devvault.peer"
TLS = "devvault.tls"
HTTP = "devvault.http"

Scope = MutableMapping[str, Any]
_TOKEN_PATHS = ("/msi/token", "/metadata/identity/oauth2/token")
_LISTENERS = (PEER, TLS, HTTP)
# Secrets and the like: where one is sent twice, neither counts.
_ONCE = frozenset({"authorization", "x-identity-header", "secret", "metadata"})
_KEPT_QUERY = 40
_SLASH = re.compile("%2f", re.IGNORECASE)
_NOTHING: Mapping[str, str] = MappingProxyType({})
_WEB_PAGE = ("origin", "sec-fetch-site")


class Head(NamedTuple):
    """A request's head. Header names are lower case; of a query's name the last value counts.

    `pid` is the process at the socket's other end; `port` the one of ours that was reached, and
    `session` the id of the session whose proxy opened the tunnel that it came through, if any.
    `is_whole` is false where the query could not be read; `check_whole` says so, once it is known
    who asks.
    """

    listener: str
    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    address: str = ""
    pid: int = 0
    port: int = 0
    session: str = ""
    is_whole: bool = True

    @property
    def shown(self) -> str:
        """The address as it may be told: a path of the identity port may be a run's secret."""
        if self.listener != HTTP:
            return f"https://{self.host}{self.path}"
        tail = next((end for end in _TOKEN_PATHS if self.path.endswith(end)), "/...")
        above = "" if tail in (self.path, "/...") else "/..."
        return f"http://{self.host}{above}{tail}"

    @property
    def origin(self) -> Origin:
        """What the trail tells of it."""
        return Origin(
            address=self.address,
            agent=self.headers.get("user-agent", "")[:200],
            uri=self.shown[:1000],
            api_version=self.query.get("api-version", "")[:40],
            correlation=self.headers.get("x-ms-client-request-id", "")[:80],
        )


def read_head(scope: Scope) -> Head:
    """Return the head of a request.

    Raises:
        Forbidden: it came by no listener of ours, or by several.
        Invalid: it names two hosts.
    """
    extensions = scope.get("extensions", {})
    known = [name for name in _LISTENERS if name in extensions]
    if len(known) != 1:
        raise Forbidden("only the home's owner may ask, over its socket")
    listener = known[0]
    facts = extensions[listener]
    raw = scope["headers"]
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
    if len(headers) != len(raw):
        headers = _repeated(raw)
    pairs = _read_query(scope["query_string"])
    client = scope.get("client")
    return Head(
        listener,
        scope["method"],
        headers.get("host", "").lower().removesuffix(":443"),
        _path(scope),
        _NOTHING if pairs is None else pairs,
        headers,
        address=client[0] if client and listener != PEER else "",
        pid=facts.get("pid", 0),
        port=facts.get("port", 0),
        session=facts.get("session") or "",
        is_whole=pairs is not None,
    )


def _path(scope: Scope) -> str:
    """Return the decoded path; a percent-coded slash stays coded, for it divides no segments."""
    path: str = scope["path"]
    raw: bytes = scope.get("raw_path") or b""
    if b"%2" not in raw or b"%2f" not in raw.lower():
        return path
    return "%2F".join(unquote(part) for part in _SLASH.split(raw.decode("latin-1")))


def _repeated(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers some of which are there more than once."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name in headers:
            if name == "host":
                raise Invalid("the request names two hosts")
            if name in _ONCE:
                value = f"{headers[name]}, {value}"
        headers[name] = value
    return headers


def _read_query(raw: bytes) -> Mapping[str, str] | None:
    """Return a query's last value of each name, or None where it is not percent-coded UTF-8."""
    # What clients of a vault send hardly differs; what may hold more than that is not kept.
    return _kept_query(raw) if len(raw) <= _KEPT_QUERY else _parse_query(raw)


def _parse_query(raw: bytes) -> Mapping[str, str] | None:
    if not raw:
        return _NOTHING
    try:
        pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, errors="strict")
    except ValueError:
        return None
    return MappingProxyType(dict(pairs))


_kept_query = lru_cache(maxsize=64)(_parse_query)


def check_whole(head: Head) -> None:
    """Refuse a query that cannot be read.

    Raises:
        Invalid: it is not percent-coded UTF-8.
    """
    if not head.is_whole:
        raise Invalid("the query string is malformed")


def refuse_web_page(head: Head) -> None:
    """Refuse what a browser sends for a page: no page has any business here.

    Raises:
        Forbidden: it bears a header that only such requests have.
    """
    if any(name in head.headers for name in _WEB_PAGE):
        raise Forbidden("requests of a web page are refused")
