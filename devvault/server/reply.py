"""Requests and replies as values, and errors as bodies: one place says which status is which.

What a plane's functions take and give; they know nothing of sockets, streams or event loops.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple

from devvault.access.principals import Caller
from devvault.errors import DevvaultError, PlaintextSecret, Unresolved
from devvault.vault.gate import status_of

JSON = "application/json; charset=utf-8"
_JSON_ONLY: Mapping[str, str] = {"content-type": JSON}
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Request(NamedTuple):
    """One request; header names are lower case, `query` holds the last value of each name."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    caller: Caller


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def json_reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a reply with a JSON body."""
    data = _encode(body).encode("utf-8", "surrogatepass")
    return Reply(status, data, {"content-type": JSON, **headers} if headers else _JSON_ONLY)


def whole_reply(reply: Reply, *, keep: bool) -> bytes:
    """Return the reply as HTTP/1.1 has it, from the status line to the body's last byte.

    Raises:
        ValueError: a header does not stay on its line.
    """
    lines = [f"HTTP/1.1 {reply.status} {_PHRASES.get(reply.status, '')}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    if reply.status != 204:  # which has no body, and so no length of one
        lines.append(f"content-length: {len(reply.body)}")
    if not keep:
        lines.append("connection: close")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        raise ValueError("a header does not stay on its line")
    return f"{head}\r\n\r\n".encode("latin-1") + reply.body


def error_reply(error: DevvaultError) -> Reply:
    """Return the reply that tells an error."""
    facts: dict[str, object] = {"code": error.code, "message": error.message}
    if error.inner:
        facts["innererror"] = {"code": error.inner}
    if error.hint:
        facts["hint"] = error.hint
    body: dict[str, object] = {"error": facts}
    if isinstance(error, Unresolved):
        body["failures"] = [
            dict(zip(("setting", "status", "reason", "hint"), item, strict=True))
            for item in error.failures
        ]
    status = 422 if isinstance(error, (Unresolved, PlaintextSecret)) else status_of(error)
    named = (("allow", "allow"), ("challenge", "www-authenticate"))
    headers = {name: error.fields[field] for field, name in named if field in error.fields}
    return json_reply(status, body, headers)


def with_headers(reply: Reply, headers: Mapping[str, str]) -> Reply:
    """Return the reply with further headers; its own go before them."""
    return Reply(reply.status, reply.body, {**headers, **reply.headers})
