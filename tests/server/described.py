"""Requests made from the description of every route: right ones, and ones that are wrong somewhere.

`python -m tests.server.described [COUNT]` sends so many and prints what came back.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

from devvault.access.principals import USER
from devvault.server.app import HTTP, PEER, TLS
from devvault.vault.principals import register_named
from tests.server.listening import HTTP_PORT, HTTPS_PORT, Front
from tests.waiting import LIMIT

FILE = Path(__file__).parents[1] / "vectors" / "description.json"
DESCRIPTION = json.loads(FILE.read_text(encoding="utf-8"))
OPERATIONS: list[dict[str, Any]] = DESCRIPTION["operations"]
VALUE = "s3same-never-to-a-stranger"
HOSTS = {
    "vault": "my-vault.vault.azure.net",
    "management": "management.azure.com",
    "identity": f"127.0.0.1:{HTTP_PORT}",
    "login": "login.microsoftonline.com",
    "local": "devvault",
}
LISTENERS = {"identity": HTTP, "local": PEER}
GUID = "4633458b-17de-408a-b874-0445c86b69e6"
# What must break nothing, wherever it stands in an address.
ODD = (
    *("..", ".", "%2e%2e", "%2F", "a%2fb", "%00", "%ff", "%", "%zz", "%u0041", "a%0d%0ab", "%252f"),
    *("//", ";", "a;b", "a b", "é".encode().decode("latin-1"), "*", "$", "'", '"', "<x>", "\\"),
    *("_", "a" * 128, "A" * 5000, "CON", "null", "-", "0", "", " ", "~", "%E2%80%AE", "%C0%AE"),
)
WRONG = (
    *(None, True, False, 0, -1, 2**31, 2**63, 10**400, 1.5, -0.0, 1e308, "", "x", "\0", "\ud800"),
    *([], {}, [[]], {"": None}, "x" * 600, "x" * 30_000, ["x"] * 50, {"a": {"a": {"a": {}}}}),
)
BODIES = (
    *(b"", b" ", b"{", b"}", b"[]", b"1", b"null", b'"x"', b"\xff\xfe", b"\xef\xbb\xbf{}", b"\0"),
    b'{"value": "a", "value": "b"}',
    b'{"value": NaN}',
    b'{"value": "x", "attributes": {"exp": Infinity}}',
    b'{"attributes": {"exp": 1e400}}',
    b"[" * 20_000,
    b'{"a":' * 20_000,
    b'{"value": "' + b"x" * 1_000_000 + b'"}',
    b'{"value": "\\ud800"}',
    b"grant_type=%ff&client_id=a&client_id=b",
)
HEADERS = (
    *(("x-http-method", "DELETE"), ("x-http-method", "PUT"), ("x-http-method", "TRACE")),
    *(("content-type", "text/plain"), ("content-type", "application/json;charset=utf-16")),
    *(("x-ms-client-request-id", "a\x7f"), ("x-ms-client-request-id", "x" * 3000)),
    *(("metadata", "true"), ("x-identity-header", "x"), ("secret", "x"), ("accept", "*/*, a/b")),
    *(("authorization", "Basic eDp5"), ("host", "x"), ("content-length", "-1"), ("cookie", "a")),
    *(("origin", "https://evil.example"), ("sec-fetch-site", "same-origin"), ("range", "bytes=0-")),
)


@dataclass(frozen=True)
class Sent:
    """One request, as it is on the wire."""

    plane: str
    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class Heard:
    status: int
    headers: dict[str, str]
    body: bytes


class Maker:
    """Makes requests out of the description by a seeded chance; `whole` keeps them right."""

    def __init__(self, chance: random.Random, subscription: str, tenant: str) -> None:
        self.chance = chance
        self.known = {"subscription": [subscription], "tenant": [tenant, "common"]}
        self.known |= {
            "group": ["devvault", "team"],
            "vault": ["my-vault", "other-vault"],
            "name": ["db", "db", "fresh-1", "fresh-2"],
            "version": ["0" * 32, "f" * 32],
            "guid": [GUID, "b24988ac-6180-42a0-ab88-20f7382dd24c"],
            "kind": ["add", "replace", "remove", "appsettings", "web"],
            "location": ["westeurope"],
            "count": ["1", "25", "7"],
            "token": ["eyJhZnRlciI6ImEifQ"],
            "text": ["text/plain", "Enabled", "User", "x", "Key Vault Reader", "default"],
            "filter": ["resourceType eq 'Microsoft.KeyVault/vaults'", "atScope()"],
            "audience": ["https://vault.azure.net", "https://graph.microsoft.com"],
        }

    def often(self, share: float) -> bool:
        return self.chance.random() < share

    def word(self, kind: str) -> str:
        return self.chance.choice(self.known.get(kind, ["x"]))

    def request(self, operation: dict[str, Any]) -> Sent:
        plane = operation["plane"]
        segments = []
        for part in operation["path"].split("/")[1:]:
            given = part
            if part.startswith("{"):
                odd = self.often(0.2)
                given = self.chance.choice(ODD) if odd else quote(self.word(part[1:-1]))
            segments.append(given)
        if self.often(0.05):
            segments.insert(self.chance.randrange(len(segments) + 1), self.chance.choice(ODD))
        slashes = self.chance.choice(["/", "/", "/", "//"])
        path = slashes + "/".join(segments) + self.chance.choice(["", "", "/", "//"])
        method = operation["method"]
        if self.often(0.05):
            method = self.chance.choice(["GET", "PUT", "POST", "HEAD", "OPTIONS", "TRACE", "BREW"])
        return Sent(
            plane, method, path, self.query(operation), self.headers(), self.body(operation)
        )

    def query(self, operation: dict[str, Any]) -> str:
        pairs = []
        versions = DESCRIPTION["versions"][operation["plane"]]
        if versions and not self.often(0.05):
            pairs.append(f"api-version={self.chance.choice(versions)}")
        for name, kind in operation["query"].items():
            if self.often(0.3):
                odd = self.often(0.4)
                given = self.chance.choice(ODD) if odd else quote(self.word(kind))
                pairs.append(f"{quote(name)}={given}")
        if self.often(0.1):
            pairs.append(
                self.chance.choice(["a", "=", "&&", "%ff=%ff", "api-version=9", "a=" * 50])
            )
        return "&".join(pairs)

    def headers(self) -> tuple[tuple[str, str], ...]:
        return tuple(self.chance.sample(HEADERS, self.chance.choice([0, 0, 0, 1, 2])))

    def body(self, operation: dict[str, Any]) -> bytes:
        name = operation.get("body")
        if name is None:
            return self.chance.choice(BODIES) if self.often(0.05) else b""
        if name == "raw" or self.often(0.15):
            return self.chance.choice(BODIES)
        made = self.shaped(DESCRIPTION["bodies"][name], self.chance.choice([0.0, 0.15, 0.5]))
        if name == "form" and isinstance(made, dict):
            return urlencode(
                {key: value if isinstance(value, str) else "1" for key, value in made.items()},
                errors="surrogatepass",
            ).encode()
        return json.dumps(made).encode()

    def shaped(self, shape: Any, wrong: float) -> Any:
        if self.often(wrong):
            return self.chance.choice(WRONG)
        if isinstance(shape, dict):
            found = {
                key: self.shaped(inner, wrong) for key, inner in shape.items() if self.often(0.8)
            }
            if self.often(wrong):
                found[self.chance.choice(["", "extra", "\0"])] = self.chance.choice(WRONG)
            return found
        if isinstance(shape, list):
            return [self.shaped(shape[0], wrong) for _ in range(self.chance.choice([0, 1, 1, 3]))]
        if shape == "number":
            return self.chance.choice([0, 1, -1893456000, 90, 7, 2524608000])
        if shape == "flag":
            return self.often(0.5)
        if shape == "texts":
            return {self.word("text"): self.word("text") for _ in range(self.chance.choice([0, 1]))}
        return self.word(shape)


class Callers:
    """Nobody, somebody with a broken token, somebody without rights, and the developer."""

    def __init__(self, front: Front) -> None:
        me = front.keeper.developer
        stranger = register_named(front.gate, me, "stranger", USER).oid
        self.mine, self.stranger = (
            {
                "vault": front.token(who),
                "management": front.token(who, "https://management.azure.com", az=True),
            }
            for who in (me.oid, stranger)
        )
        self.header = front.open(stranger).header

    def nobody(self, sent: Sent, chance: random.Random) -> Sent:
        """Return the request without a token, or with one that is none."""
        given = chance.choice([None, None, "Bearer x.y.z", "Bearer", "Bearer a b", "Negotiate x"])
        if given is None:
            return sent
        return replace(sent, headers=(*sent.headers, ("authorization", given)))


def send(front: Front, sent: Sent, token: str | None = None) -> Heard:
    """Send a request as the listener of its plane would pass it on."""
    listener = LISTENERS.get(sent.plane, TLS)
    facts = {
        PEER: {"uid": 0, "pid": 0},
        TLS: {"port": HTTPS_PORT, "session": None},
        HTTP: {"port": HTTP_PORT},
    }
    headers = [("host", HOSTS[sent.plane]), *sent.headers]
    if token is not None:
        headers.append(("authorization", f"Bearer {token}"))
    if sent.body:
        headers.append(("content-length", str(len(sent.body))))
    scope = {
        "type": "http",
        "method": sent.method,
        "path": unquote(sent.path),
        "raw_path": sent.path.encode("latin-1"),
        "query_string": sent.query.encode("latin-1"),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 54321),
        "extensions": {listener: facts[listener]},
    }
    found: dict[str, Any] = {"body": b""}

    async def receive() -> dict[str, Any]:
        if found.setdefault("asked", False):
            await asyncio.sleep(0.3)  # who watches for more than that has left
            return {"type": "http.disconnect"}
        found["asked"] = True
        return {"type": "http.request", "body": sent.body}

    async def answer(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            found["status"] = message["status"]
            found["headers"] = {n.decode(): v.decode("latin-1") for n, v in message["headers"]}
        else:
            found["body"] += message.get("body", b"")

    async def whole() -> None:
        await asyncio.wait_for(front.app(scope, receive, answer), LIMIT)

    try:
        asyncio.run(whole())
    except ConnectionAbortedError:
        return Heard(0, {}, b"")  # a stream that was cut off
    return Heard(found["status"], found["headers"], found["body"])


def mend(front: Front) -> None:
    """Bring the vault back if a request has deleted it, and its secret."""
    if front.gate.find_vault("my-vault") is None:
        back = front.azure.create("my-vault", createMode="recover")
        if back.status >= 400:
            front.azure.arm("PUT", front.azure.group, {"location": "westeurope"})
            front.azure.create("my-vault", enableRbacAuthorization=True)
    front.azure.data("POST", "/deletedsecrets/db/recover")
    if front.azure.data("GET", "/secrets/db").status != 200:
        front.azure.data("PUT", "/secrets/db", {"value": VALUE})


def check(sent: Sent, heard: Heard) -> None:
    """Refuse what no answer may be, whatever was sent."""
    assert heard.status == 0 or 200 <= heard.status < 500, (sent, heard)
    for name, value in heard.headers.items():
        assert "\n" not in name + value, (sent, heard)
        assert "\r" not in name + value, (sent, heard)
    assert b"Traceback" not in heard.body, (sent, heard)
    if heard.status >= 400:
        body = json.loads(heard.body)
        words = body.get("error", body)
        assert isinstance(words, str) or {"message"} <= set(words), (sent, heard)


def main(count: int) -> None:
    from datetime import UTC, datetime

    from devvault.clock import SetClock
    from devvault.paths import Home
    from devvault.sealing.keyfile import KeyFile
    from devvault.store.sqlite import open_store
    from devvault.vault.keeper import Keeper
    from devvault.vault.opened import SourceChoice
    from devvault.vault.vaults import VaultSpec, create_vault
    from tests.server.planes import Azure

    seen: Counter[tuple[str, int]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        clock = SetClock(datetime(2026, 3, 1, tzinfo=UTC))
        keeper = Keeper(
            Home(Path(folder) / "home"),
            open_store,
            lambda choice: KeyFile(Path(choice.path)),
            clock,
            user="alice",
        )
        keeper.init(SourceChoice("file", str(Path(folder) / "key")))
        create_vault(keeper.gate, keeper.developer, VaultSpec("my-vault", "devvault"))
        front = Front(Azure(keeper, clock))
        front.set("db", VALUE)
        callers, chance = Callers(front), random.Random()
        maker = Maker(chance, front.gate.subscription, front.gate.tenant)
        planes = [item for item in OPERATIONS if item["plane"] != "local"]
        for _ in range(count):
            mend(front)
            operation = chance.choice(planes)
            sent = maker.request(operation)
            token = chance.choice([{}, callers.stranger, callers.mine]).get(operation["plane"])
            heard = send(front, sent, token)
            check(sent, heard)
            seen[operation["plane"], heard.status] += 1
        assert not front.broken, front.broken
        front.close()
        keeper.close()
    for (plane, status), number in sorted(seen.items()):
        print(f"{plane:12} {status} {number:8}")
    print(f"{'all':12}     {sum(seen.values()):8}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
