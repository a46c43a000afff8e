"""What https.py compares with, each a process of its own: `https_stub.py WHAT PORT CERT KEY ...`.

`stub` is a bare ASGI app on uvicorn that reads one row from SQLite, opens it with AES-GCM and
answers JSON: no token, no right, no record. `handshakes` is a TLS server that answers nothing.
"""

import asyncio
import json
import os
import sqlite3
import ssl
import sys

ROWS = 1000
VALUE = "x" * 100


def make_database(path: str, key: bytes) -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE secrets (name TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID")
    aead = AESGCM(key)
    connection.execute("BEGIN")
    for number in range(ROWS):
        name, nonce = f"s{number}", os.urandom(12)
        sealed = nonce + aead.encrypt(nonce, VALUE.encode(), name.encode())
        connection.execute("INSERT INTO secrets VALUES (?, ?)", (name, sealed))
    connection.execute("COMMIT")
    connection.close()


def stub(port: int, certificate: str, key: str, database: str) -> None:
    import uvicorn
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    secret = os.urandom(32)
    make_database(database, secret)
    aead = AESGCM(secret)
    connection = sqlite3.connect(database, isolation_level=None)

    async def app(scope, receive, send):
        name = scope["path"].split("/")[2]
        row = connection.execute("SELECT data FROM secrets WHERE name = ?", (name,)).fetchone()
        value = aead.decrypt(row[0][:12], row[0][12:], name.encode()).decode()
        body = json.dumps(
            {
                "value": value,
                "id": f"https://bench-vault.vault.localhost/secrets/{name}/{'0' * 32}",
                "attributes": {
                    "enabled": True,
                    "created": 1,
                    "updated": 1,
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
