"""A cloud that answers as a test says: an identity endpoint, and vaults behind a CONNECT proxy.

It speaks TLS with a certificate of its own for the vaults' real names, on loopback alone.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from devvault.clock import SystemClock
from devvault.crypto.authority import make_authority, make_leaf
from tests.waiting import LIMIT

CHALLENGE = (
    'Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net"'
)
Reply = tuple[int, dict[str, str], bytes]


def secret(vault: str, name: str, value: object) -> Reply:
    """Return what a vault says of a secret."""
    id = f"https://{vault}.vault.azure.net/secrets/{name}/{'a' * 32}"
    return 200, {}, json.dumps({"value": value, "id": id, "attributes": {}}).encode()


def refusal(status: int, code: str, inner: str = "", **headers: str) -> Reply:
    """Return an error in Key Vault's shape."""
    error: dict[str, object] = {"code": code, "message": "a message of the service"}
    if inner:
        error["innererror"] = {"code": inner}
    return status, headers, json.dumps({"error": error}).encode()


class Cloud:
    """`token` and `vault` answer; a test replaces them. `asked` are the paths that were asked."""

    def __init__(self, folder: Path, host: str) -> None:
        now = SystemClock().now()
        authority = make_authority("a cloud", [host], now)
        self.roots = folder / "roots.pem"
        self.roots.write_text(authority.certificate)
        leaf = folder / "leaf.pem"
        leaf.write_bytes(make_leaf(authority, host, now).pem)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(leaf)
        self.asked: list[str] = []
        self.tokens = 0
        self.token: Callable[[], Reply] = lambda: (
            200, {}, json.dumps({"access_token": "t", "expires_on": "9999999999",
                                 "resource": "https://vault.azure.net", "token_type": "Bearer"}
                                ).encode(),
        )  # fmt: skip
        self.vault: Callable[[str], Reply | None] = lambda name: secret("a-vault", name, "value")
        self.lets_through = True
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = LIMIT

            def do_CONNECT(self) -> None:
                if not cloud.lets_through:
                    self.send_error(502)
                    return
                self.send_response(200)
                self.end_headers()
                self.connection = cloud.context.wrap_socket(self.connection, server_side=True)
                self.close_connection = False  # some ask for the tunnel in HTTP/1.0
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb", buffering=0)

            def do_GET(self) -> None:
                if self.path.startswith("/msi/token"):
                    cloud.tokens += 1
                    self.send(cloud.token())
                elif "Authorization" not in self.headers:
                    self.send((401, {"WWW-Authenticate": CHALLENGE}, b"{}"))
                else:
                    name = self.path.split("/")[2]
                    cloud.asked.append(name)
                    self.send(cloud.vault(name))

            def send(self, reply: Reply | None) -> None:
                if reply is None:  # cut off without a word
                    self.close_connection = True
                    return
                status, headers, body = reply
                self.send_response(status)
                for key, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(key.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def finish(self) -> None:
                super().finish()
                self.connection.close()

            def log_message(self, *args: object) -> None:
                del args

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args: object) -> None:
                del args  # whoever asked has gone

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def platform(self) -> dict[str, str]:
        """What a platform sets."""
        return {"IDENTITY_ENDPOINT": f"{self.address}/msi/token", "IDENTITY_HEADER": "a header"}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(LIMIT)
