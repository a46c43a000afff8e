"""What https.py compares with, each a process of its own: `https_stub.py WHAT PORT CERT KEY ...`.

`stub` is a bare ASGI app on uvicorn that reads the same rows as the daemon and opens them with the
same AES-GCM, with nothing around it: no token, no right, no record. `handshakes` is a TLS server
that answers nothing.
"""

import asyncio
import json
import sqlite3
import ssl
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from devvault.sealing.envelope import canon, seal
from devvault.store import queries
from devvault.store.base import LIVE, Row
from devvault.store.sqlite import SqliteStore

ROWS = 3000
VALUE = "x" * 100
VERSION = "0123456789abcdef" * 2
_HOME = "00000000-0000-0000-0000-000000000000"
_KEY = bytes(range(32))


def make_database(path: str) -> None:
    """Make the secrets, a pointer and a version each, sealed as the daemon seals them."""
    store = SqliteStore(Path(path))
    wrap = AESGCM(_KEY)
    version: dict[str, object] = dict.fromkeys(("type", "nbf", "exp"))
    version |= {"value": VALUE, "tags": {}, "enabled": True, "created": 1, "updated": 1}

    def row(kind: str, name: str, body: dict[str, object], number: str = "") -> Row:
        plain = json.dumps({"state": LIVE, "due": None, "body": body}).encode()
        made = seal(wrap, 1, (_HOME, kind, "bench-vault", name, number), plain)
        return Row(kind, "bench-vault", name, number, LIVE, None, 1, made.wrapped, made.sealed)

    def work(writing: object) -> None:
        for at in range(ROWS):
            name = f"s{at}"
            pointer = {"name": name, "current": VERSION, "created": 1, "deleted": None}
            writing.put(row("secret", name, {**pointer, "purge_at": None}))
            writing.put(row("secret.version", name, version, VERSION))

    store.write(work)
    store.close()


def stub(port: int, certificate: str, key: str, database: str) -> None:
    import uvicorn

    make_database(database)
    wrap = AESGCM(_KEY)
    connection = sqlite3.connect(database, isolation_level=None)

    def opened(kind: str, name: str, version: str) -> dict:
        place = (kind, "bench-vault", name, version)
        found = connection.execute(queries.FIND, place).fetchone()
        size, data = found[7], found[9]
        wrapped, sealed = data[:size], data[size : size + found[8]]
        for_wrap = canon("devvault wrap 1", _HOME, *place, 1)
        for_record = canon("devvault record 1", _HOME, *place)
        own = wrap.decrypt(wrapped[:12], wrapped[12:], for_wrap)
        return json.loads(AESGCM(own).decrypt(sealed[1:13], sealed[13:], for_record))["body"]

    async def app(scope, receive, send):
        name = scope["path"].split("/")[2]
        pointer = opened("secret", name, "")
        version = opened("secret.version", name, pointer["current"])
        body = json.dumps(
            {
                "value": version["value"],
                "id": f"https://bench-vault.vault.localhost/secrets/{name}/{pointer['current']}",
                "attributes": {
                    "enabled": version["enabled"],
                    "created": version["created"],
                    "updated": version["updated"],
                    "recoveryLevel": "Recoverable+Purgeable",
                    "recoverableDays": 90,
                },
            }
        ).encode()
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        log_level="critical",
        access_log=False,
        loop="uvloop",
        http="httptools",
        lifespan="off",
    )


def handshakes(port: int, certificate: str, key: str) -> None:
    import uvloop

    async def main() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        loop = asyncio.get_running_loop()
        await loop.create_server(asyncio.Protocol, "127.0.0.1", port, ssl=context, backlog=512)
        await asyncio.Event().wait()

    uvloop.run(main())


if __name__ == "__main__":
    {"stub": stub, "handshakes": handshakes}[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
