"""Programs that know nothing of devvault, connected by `run`: Node, curl, and all their other
traffic, which goes on as if we were not there.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from devvault.client.daemon import find
from devvault.clock import SystemClock
from devvault.crypto.authority import make_authority, make_leaf
from devvault.paths import Home
from tests.journeys.desk import Desk, grant
from tests.services import need_programs
from tests.waiting import LIMIT

PROGRAMS = Path(__file__).with_name("programs")
MODULES = Path(sys.prefix) / "node" / "node_modules"
SECRET = "Server=db;Password=correct horse"
URL = "https://my-app-vault.vault.azure.net/secrets/db-connection-string?api-version=7.4"
CURL = f"""
token=$(curl -sSf -H "X-IDENTITY-HEADER: $IDENTITY_HEADER" \
  "$IDENTITY_ENDPOINT?api-version=2019-08-01&resource=https://vault.azure.net" \
  | sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/') &&
curl -sS -w '\\n%{{http_code}}\\n' -H "Authorization: Bearer $token" '{URL}'
"""
# Uses a vault and another site, in turn, and says what certificate the site showed.
BOTH = """
import hashlib, http.client, json, os, ssl, sys
from urllib.parse import urlsplit
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient
import base64

client = SecretClient("https://my-app-vault.vault.azure.net/", DefaultAzureCredential())
proxy = urlsplit(os.environ["HTTPS_PROXY"])
pair = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
context = ssl.create_default_context(cafile=sys.argv[2])
seen = []
for _ in range(3):
    assert client.get_secret("db-connection-string").value == sys.argv[3]
    site = http.client.HTTPSConnection(proxy.hostname, proxy.port, context=context)
    site.set_tunnel("localhost", int(sys.argv[1]), {"Proxy-Authorization": "Basic " + pair})
    site.request("GET", "/")
    shown = hashlib.sha256(site.sock.getpeercert(binary_form=True)).hexdigest()
    seen.append([site.getresponse().read().decode(), shown])
    site.close()
print(json.dumps(seen))
"""
# Asks the other site over and over; a line for each time: when it began, and what came of it.
PULSE = """
import http.client, os, sys, time, base64, ssl
from urllib.parse import urlsplit
proxy = urlsplit(os.environ["HTTPS_PROXY"])
pair = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
context = ssl.create_default_context(cafile=sys.argv[2])
while True:
    begun = time.monotonic()
    try:
        site = http.client.HTTPSConnection(proxy.hostname, proxy.port, context=context, timeout=60)
        site.set_tunnel("localhost", int(sys.argv[1]), {"Proxy-Authorization": "Basic " + pair})
        site.request("GET", "/")
        print(begun, site.getresponse().read().decode(), flush=True)
        site.close()
    except OSError as error:
        print(begun, "down", flush=True)
    time.sleep(0.05)
"""


class Site(BaseHTTPRequestHandler):
    """Another site: not a vault, with a certificate of its own."""

    def do_GET(self) -> None:
        body = b"another site"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        del args


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return its port, the file of its root, and the fingerprint of its certificate."""
    folder = tmp_path_factory.mktemp("site")
    now = SystemClock().now()
    authority = make_authority("another authority", ["localhost"], now)
    (folder / "root.pem").write_text(authority.certificate)
    pem = make_leaf(authority, "localhost", now).pem
    (folder / "leaf.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    import hashlib

    der = ssl.PEM_cert_to_DER_cert(pem[pem.index(b"-----BEGIN CERT") :].decode())
    yield server.server_port, folder / "root.pem", hashlib.sha256(der).hexdigest()
    server.shutdown()
    server.server_close()
    thread.join(LIMIT)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    made = Desk(tmp_path_factory.mktemp("connected"))
    made.do("init", "--name", "my-app-vault")
    (made.project / ".env").write_text("")
    where = ["--vault-name", "my-app-vault", "--name", "db-connection-string"]
    made.do("keyvault", "secret", "set", *where, "--value", "-", "-o", "none", given=SECRET)
    yield made
    made.do("daemon", "stop")


def assign(desk: Desk, name: str) -> None:
    desk.do("webapp", "identity", "assign", "--name", name, "-o", "none")


def test_node_finds_the_missing_role_and_then_the_value(desk):
    need_programs("node")
    if not (MODULES / "@azure" / "keyvault-secrets").is_dir():
        reason = f"no packages of Azure for Node in {MODULES}: tests/run.sh puts them there"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    assign(desk, "my-node-app")
    command = ["run", "--no-mask", "--identity", "my-node-app", "--", "node"]
    program = str(PROGRAMS / "get_secret.js")
    refused = desk.do(*command, program, code=1, NODE_PATH=str(MODULES))
    assert "403 Forbidden" in refused
    assert "ForbiddenByRbac" in refused or "Caller is not authorized" in refused
    grant(desk, "my-node-app")
    assert desk.do(*command, program, NODE_PATH=str(MODULES)) == SECRET


def test_curl_finds_the_missing_role_and_then_the_value(desk):
    need_programs("curl", "sed")
    assign(desk, "my-curl-app")
    command = ["run", "--no-mask", "--identity", "my-curl-app", "--", "sh", "-c", CURL]
    body, status = desk.do(*command).rsplit("\n", 1)
    assert status == "403"
    assert json.loads(body)["error"]["innererror"]["code"] == "ForbiddenByRbac"
    grant(desk, "my-curl-app")
    body, status = desk.do(*command).rsplit("\n", 1)
    assert (status, json.loads(body)["value"]) == ("200", SECRET)


@pytest.mark.parametrize("flags", [(), ("--on-unresolved=fail", "--settings", "plain.json")])
def test_what_a_program_fetches_is_masked_where_its_output_is_a_pipe(desk, flags):
    """On the fast path, and where the full command does the same."""
    need_programs("curl", "sed")
    (desk.project / "plain.json").write_text('{"Port": "25"}')
    body, status = desk.do("run", *flags, "--", "sh", "-c", CURL).rsplit("\n", 1)
    assert (status, json.loads(body)["value"]) == ("200", "[masked]")
    assert not list((desk.home / "run").glob("m*")), "the mask's socket goes with the run"


def test_what_a_program_asks_the_library_or_the_command_for_is_masked_too(desk):
    reference = "@Microsoft.KeyVault(VaultName=my-app-vault;SecretName=db-connection-string)"
    code = "import devvault, sys; print(devvault.resolve(sys.argv[1]), flush=True)"
    where = "--vault-name my-app-vault --name db-connection-string --query value -o tsv"
    line = f'"$0" -c "$1" "$2" && devvault keyvault secret show {where}'
    shown = desk.do("run", "--", "sh", "-c", line, sys.executable, code, reference)
    assert shown == "[masked]\n[masked]"


def test_a_mask_hears_on_when_the_daemon_starts_anew(desk):
    need_programs("curl", "sed")
    line = f"devvault daemon stop >&2; devvault daemon start >&2; {CURL}"
    body, status = desk.do("run", "--", "sh", "-c", line).rsplit("\n", 1)
    assert (status, json.loads(body)["value"]) == ("200", "[masked]")


def test_another_site_keeps_its_own_certificate_while_a_vault_is_used(desk, site):
    port, root, fingerprint = site
    assign(desk, "my-busy-app")
    grant(desk, "my-busy-app")
    said = desk.run(BOTH, str(port), str(root), SECRET, who="my-busy-app")
    assert json.loads(said) == [["another site", fingerprint]] * 3


def test_what_runs_goes_on_at_once_when_a_killed_daemon_is_there_again(desk, site):
    port, root, _ = site
    program = subprocess.Popen(
        ["devvault", "run", "--no-mask", "--", sys.executable, "-c", PULSE, str(port), str(root)],
        cwd=desk.project,
        env=desk.environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def pulse() -> tuple[float, str]:
        assert program.stdout is not None
        begun, _, said = program.stdout.readline().partition(" ")
        return float(begun), said.strip()

    try:
        assert pulse()[1] == "another site"
        facts = find(Home(desk.home))
        assert facts is not None
        os.kill(facts.pid, 9)
        while pulse()[1] != "down":
            pass
        desk.do("daemon", "start")
        up = time.monotonic()
        while (last := pulse())[0] < up:
            pass
        assert last[1] == "another site"
        assert desk.do("resolve", "@Microsoft.KeyVault(VaultName=my-app-vault;"
                       "SecretName=db-connection-string)") == SECRET  # fmt: skip
    finally:
        program.kill()
        program.communicate()
