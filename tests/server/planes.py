"""A client of the two planes that stands where the socket would: requests in, replies out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from devvault.access.principals import Caller
from devvault.clock import SetClock
from devvault.server.reply import Request
from devvault.server.routes import dispatch_control, dispatch_data
from devvault.vault.keeper import Keeper

HOST = "my-vault.vault.azure.net"
ARM = "management.azure.com"
STRANGER = Caller(
    "11111111-1111-4111-8111-111111111111",
    "22222222-2222-4222-8222-222222222222",
    "33333333-3333-4333-8333-333333333333",
    "stranger",
    kind="ServicePrincipal",
)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def error(self) -> dict:
        return self.body["error"]

    @property
    def names(self) -> list[str]:
        return [found.get("name") or found["id"].rsplit("/", 1)[-1] for found in self.body["value"]]


class Azure:
    def __init__(self, keeper: Keeper, clock: SetClock) -> None:
        self.keeper = keeper
        self.clock = clock
        self.gate = keeper.gate
        self.me = keeper.developer
        self.subscription = f"/subscriptions/{self.gate.subscription}"
        self.group = f"{self.subscription}/resourceGroups/devvault"
        self.vault = self.vault_id("my-vault")

    def vault_id(self, name: str, group: str = "devvault") -> str:
        return (
            f"{self.subscription}/resourceGroups/{group}/providers/Microsoft.KeyVault/vaults/{name}"
        )

    def data(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        host: str = HOST,
        caller: Caller | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        asked = {"api-version": "7.5"} if query is None else query
        return self._ask(dispatch_data, method, host, path, asked, body, caller, headers)

    def arm(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        version: str = "2026-02-01",
        caller: Caller | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        asked = {"api-version": version, **(query or {})}
        return self._ask(dispatch_control, method, ARM, path, asked, body, caller, headers)

    def follow(self, link: str) -> Answer:
        parts = urlsplit(link)
        host = parts.netloc.removesuffix(":443")
        dispatch = dispatch_control if host == ARM else dispatch_data
        query = dict(parse_qsl(parts.query, strict_parsing=True))
        return self._ask(dispatch, "GET", host, parts.path, query, None, None, None)

    def set(self, name: str, value: str = "1", **body: object) -> Answer:
        made = self.data("PUT", f"/secrets/{name}", {"value": value, **body})
        assert made.status == 200, made.body
        return made

    def create(self, name: str, group: str = "devvault", **properties: object) -> Answer:
        body = {
            "location": "westeurope",
            "properties": {"tenantId": self.gate.tenant, "sku": {"name": "standard"}, **properties},
        }
        return self.arm("PUT", self.vault_id(name, group), body)

    def _ask(self, dispatch, method, host, path, query, body, caller, headers) -> Answer:
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        reply = dispatch(
            Request(method, host, path, query, headers or {}, raw, caller or self.me), self.gate
        )
        return Answer(reply.status, json.loads(reply.body) if reply.body else None, reply.headers)
