"""The ASGI app as its listeners reach it, without a socket: head and body in, answer out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from devvault.config import Config
from devvault.server.app import HTTP, PEER, TLS, App
from devvault.server.local.base import Plane
from devvault.server.sessions import CONNECT, OpenedSession
from devvault.vault import secrets, upkeep
from devvault.vault.opened import SourceChoice
from tests.server.planes import Azure

HTTPS_PORT, HTTP_PORT = 20443, 20080
VAULT = "my-vault.vault.azure.net"
LOCAL = f"my-vault.vault.localhost:{HTTPS_PORT}"
AUDIENCE = "https://vault.azure.net"
LOCAL_AUDIENCE = f"https://vault.localhost:{HTTPS_PORT}"


@dataclass(frozen=True)
class Heard:
    status: int
    headers: Mapping[str, str]
    body: bytes
    read: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return self.json["error"]["message"]


class Front:
    """One home's app. `broken` gathers what the app would have logged."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.clock = azure.clock
        self.keeper = azure.keeper
        self.broken: list[BaseException] = []
        self.plane = Plane(
            keeper=azure.keeper,
            config=Config,
            choose=SourceChoice,
            stop=lambda: None,
            version="1",
            started=azure.clock.now(),
            https_port=HTTPS_PORT,
            http_port=HTTP_PORT,
        )
        self.app = App(self.plane, lambda _words, error: self.broken.append(error))

    @property
    def gate(self):
        return self.keeper.gate

    def close(self) -> None:
        self.app.close()
        assert not self.broken

    def open(self, who: str = "", **more: Any) -> OpenedSession:
        """Open a shell's session, of the developer where nobody is named."""
        return self.plane.sessions.open(CONNECT, who or self.gate.developer.oid, **more)

    def set(self, name: str, value: str) -> None:
        secrets.set_secret(self.gate, self.keeper.developer, "my-vault", name, value)

    def trail(self, operation: str = "") -> list:
        found = [record for _, record in upkeep.read_audit(self.gate, self.keeper.developer)]
        return [record for record in found if operation in ("", record.operation)]

    def ask(
        self,
        listener: str,
        method: str,
        url: str,
        *,
        host: str | None = None,
        headers: Mapping[str, str] | None = None,
        more: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
        session: str | None = None,
        extensions: dict | None = None,
    ) -> Heard:
        parts = urlsplit(url)
        facts = {
            PEER: {"uid": 0, "pid": 0},
            TLS: {"port": HTTPS_PORT, "session": session},
            HTTP: {"port": HTTP_PORT},
        }
        sent = [("host", parts.netloc if host is None else host), *(headers or {}).items(), *more]
        if body:
            sent.append(("content-length", str(len(body))))
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(parts.path),
            "query_string": parts.query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent],
            "client": ("127.0.0.1", 54321),
            "extensions": {listener: facts[listener]} if extensions is None else extensions,
        }
        found: dict[str, Any] = {"body": b"", "read": False}

        async def receive() -> dict[str, Any]:
            found["read"] = True
            return {"type": "http.request", "body": body}

        async def send(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                found["status"] = message["status"]
                found["headers"] = {n.decode(): v.decode() for n, v in message["headers"]}
            else:
                found["body"] += message.get("body", b"")

        asyncio.run(self.app(scope, receive, send))
        return Heard(found["status"], found["headers"], found["body"], found["read"])

    def tls(self, method: str, url: str, token: str | None = None, **more: Any) -> Heard:
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return self.ask(TLS, method, url, headers=headers, **more)

    def msi(self, session: OpenedSession | str, audience: str = AUDIENCE, **query: str) -> Heard:
        """Ask as App Service does."""
        secret = session if isinstance(session, str) else session.header
        asked = {"api-version": "2019-08-01", "resource": audience, **query}
        words = "&".join(f"{name}={value}" for name, value in asked.items() if value)
        return self.ask(
            HTTP,
            "GET",
            f"http://127.0.0.1:{HTTP_PORT}/msi/token?{words}",
            headers={"X-IDENTITY-HEADER": secret},
        )

    def imds(self, secret: str, audience: str = AUDIENCE, **more: Any) -> Heard:
        url = (
            f"http://127.0.0.1:{HTTP_PORT}/{secret}/metadata/identity/oauth2/token"
            f"?api-version=2018-02-01&resource={audience}"
        )
        return self.ask(HTTP, "GET", url, **{"headers": {"Metadata": "true"}, **more})

    def token(self, who: str = "", audience: str = AUDIENCE, **more: Any) -> str:
        found = self.msi(self.open(who, **more), audience)
        assert found.status == 200, found.body
        return found.json["access_token"]
