"""get-secret over TLS, everything on: token, right, record, decryption. Beside nginx and a stub.

The load comes from wrk: one secret again and again, as programs read; a thousand in turn, which
the daemon still gives from memory; and more in turn than it keeps, so that each is decrypted. All
servers take turns, and the stub decrypts always.
`DEVVAULT_BENCH_SOAK=1` adds five minutes of load and looks at the memory.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.https_stub import ROWS as SECRETS
from tests.bench.https_stub import VALUE
from tests.bench.measure import Row
from tests.bench.memory import weight
from tests.bench.start import installed
from tests.journeys.installed import Installed

VAULT = "bench-vault"
CONNECTIONS = (1, 8, 64)
ROUNDS = 3
SECONDS = 2
STUB = "tests.bench.https_stub"
ROOT = Path(__file__).resolve().parents[2]
API = "api-version=2026-04-01"
# wrk walks through so many of the secrets.
WALK = """
local at = 0
request = function()
  at = (at + 7) % {count}
  return wrk.format("GET", "/secrets/s" .. at .. "/?{api}")
end
"""
ONE, MANY, ALL = "one secret", "1,000 in turn", f"{SECRETS:,} in turn, decrypted"
_WALKS = {ONE: 1, MANY: 1000, ALL: SECRETS}
_SOAK = 300


@dataclass(frozen=True)
class Load:
    """What wrk saw: requests a second, and two quantiles in seconds."""

    rate: float
    p50: float
    p99: float


@dataclass
class Desk:
    """The daemon under test, its callers' token, and the peers beside it."""

    pid: int
    port: int
    token: str
    bundle: str
    environment: dict[str, str]
    folder: Path
    nginx: int = 0
    stub: int = 0

    @property
    def host(self) -> str:
        return f"{VAULT}.vault.localhost"


def rows() -> list[Row]:
    missing = [tool for tool in ("nginx", "wrk", "openssl") if shutil.which(tool) is None]
    if missing:
        return [_skipped(f"not installed: {', '.join(missing)}")]
    if not _may_resolve():
        return [_skipped("wrk cannot be told the address of the vault's name: no root here")]
    with tempfile.TemporaryDirectory() as folder, installed() as made:
        desk = connected(made, Path(folder))
        fill(desk)
        with beside(desk):
            wrk(desk, desk.port, 8, MANY, 1)
            early = memory_row(desk, "the daemon after some 10,000 requests", 60)
            found = [*load_rows(desk), sdk_row(desk), early]
            found.append(memory_row(desk, "the daemon after some 300,000, of 64 clients too"))
            if os.environ.get("DEVVAULT_BENCH_SOAK"):
                found.append(soak_row(desk))
        return [*found, handshake_row(desk)]


def _skipped(why: str) -> Row:
    return Row("get-secret over TLS", skipped=why)


def _may_resolve() -> bool:
    return os.geteuid() == 0 and shutil.which("unshare") is not None


# -- the desk -------------------------------------------------------------------------------


def connected(made: Installed, folder: Path) -> Desk:
    """Connect a shell as a user does, and fetch the token that its SDKs would."""
    done = subprocess.run(
        ["sh", "-c", 'eval "$("$0" connect)" && exec env -0', str(made.front)],
        cwd=made.project,
        env=made.variables,
        stdout=subprocess.PIPE,
        check=True,
    )
    pairs = (item.partition("=") for item in done.stdout.decode().split("\0") if item)
    environment = {name: value for name, _, value in pairs}
    port = int(environment["DEVVAULT_HTTPS_PORT"])
    address = f"{environment['IDENTITY_ENDPOINT']}?api-version=2019-08-01"
    asked = urllib.request.Request(
        f"{address}&resource=https://vault.localhost:{port}",
        headers={"X-IDENTITY-HEADER": environment["IDENTITY_HEADER"]},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(asked) as answer:
        token = json.load(answer)["access_token"]
    pid = int(made.do("daemon", "status", "--query", "pid", "-o", "tsv"))
    bundle = environment["REQUESTS_CA_BUNDLE"]
    return Desk(pid, port, token, bundle, environment, folder)


def dial(desk: Desk) -> http.client.HTTPSConnection:
    """Return a connection to the vault that looks no name up."""
    context = ssl.create_default_context(cafile=desk.bundle)
    connection = http.client.HTTPSConnection(desk.host, desk.port, context=context)
    plain = socket.create_connection(("127.0.0.1", desk.port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sock = context.wrap_socket(plain, server_hostname=desk.host)
    return connection


def fill(desk: Desk) -> None:
    """Put the secrets in, over TLS too."""
    connection = dial(desk)
    body = json.dumps({"value": VALUE})
    headers = {"Authorization": f"Bearer {desk.token}", "Content-Type": "application/json"}
    for number in range(SECRETS):
        connection.request("PUT", f"/secrets/s{number}?{API}", body, headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
    connection.close()


@contextlib.contextmanager
def beside(desk: Desk) -> Iterator[None]:
    """Run nginx, with a file of the size of an answer, and the stub."""
    folder = desk.folder
    certificate = make_certificate(folder, "P-256")
    desk.nginx, desk.stub = free_port(), free_port()
    connection = dial(desk)
    connection.request(
        "GET", f"/secrets/s1/?{API}", headers={"Authorization": f"Bearer {desk.token}"}
    )
    whole = connection.getresponse()
    size = len(str(whole.headers)) + len(whole.read())
    connection.close()
    (folder / "www").mkdir()
    # nginx's own head is about 250 bytes.
    (folder / "www" / "secret").write_text("x" * max(1, size - 250))
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/t-{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"""daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
        user root;
        events {{ worker_connections 256; }}
        http {{ access_log off; keepalive_requests 1000000000; {temporary}
        open_file_cache max=100;
        server {{ listen 127.0.0.1:{desk.nginx} ssl backlog=512; root {folder}/www;
        ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]};
        default_type application/json; location / {{ try_files /secret =404; }} }} }}
        """
    )
    processes = [
        subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]),
        subprocess.Popen(
            [
                *(sys.executable, "-m", STUB, "stub"),
                str(desk.stub),
                *certificate,
                str(folder / "stub.db"),
            ],
            cwd=ROOT,
        ),
    ]
    try:
        for port in (desk.nginx, desk.stub):
            wait_for(port)
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


# -- rows -----------------------------------------------------------------------------------


def load_rows(desk: Desk) -> list[Row]:
    """Compare the rates, by rounds in which all take turns."""
    servers = {
        "nginx": (desk.nginx, ONE),
        ONE: (desk.port, ONE),
        MANY: (desk.port, MANY),
        ALL: (desk.port, ALL),
        "stub": (desk.stub, ALL),
    }
    seen: dict[tuple[str, int], list[Load]] = {}
    for turn in range(ROUNDS):
        for connections in CONNECTIONS:
            names = list(servers)
            for name in names[turn:] + names[:turn]:
                port, walk = servers[name]
                seen.setdefault((name, connections), []).append(wrk(desk, port, connections, walk))
    found = []
    for which in (ONE, MANY, ALL):
        for connections in CONNECTIONS:
            ours = seen[which, connections]
            for peer, bound in (("nginx", 0.10), ("stub", 0.6)):
                theirs = seen[peer, connections]
                pairs = zip(ours, theirs, strict=True)
                words = "nginx's file" if peer == "nginx" else "bare uvicorn, same rows and AES-GCM"
                found.append(
                    Row(
                        f"get-secret over TLS, {which}, {connections} connections",
                        f"{_rate(ours):.0f}/s",
                        f"{words}, {_rate(theirs):.0f}/s",
                        median(mine.rate / other.rate for mine, other in pairs),
                        bound if connections == 64 and which == ONE else None,
                        at_least=True,
                    )
                )
        eight = seen[which, 8]
        p50, p99 = (median(getattr(load, name) for load in eight) for name in ("p50", "p99"))
        found.append(
            Row(
                f"the same, {which}, p99 at 8 connections",
                f"{p99 * 1000:.2f} ms",
                f"p50, {p50 * 1000:.2f} ms",
                median(load.p99 / load.p50 for load in eight),
                4,
            )
        )
    return found


def _rate(loads: list[Load]) -> float:
    return median(load.rate for load in loads)


def sdk_row(desk: Desk, calls: int = 300) -> Row:
    """Say which part of the SDK's get_secret is ours: the same request on a bare TLS socket."""
    program = f"""
import json, os, socket, sys, time
real = socket.getaddrinfo
socket.getaddrinfo = lambda host, *more, **kw: real(
    "127.0.0.1" if "localhost" in str(host) else host, *more, **kw)
from azure.core.credentials import AccessToken
from azure.keyvault.secrets import SecretClient
class Known:
    def get_token(self, *scopes, **more):
        return AccessToken(os.environ["TOKEN"], 2**31)
client = SecretClient("https://{desk.host}:{desk.port}", Known())
for number in range({calls}):
    sys.stdin.readline()
    begun = time.perf_counter()
    client.get_secret(f"s{{number % {SECRETS}}}")
    print(time.perf_counter() - begun, flush=True)
"""
    environment = {**desk.environment, "TOKEN": desk.token, "NO_PROXY": "*"}
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    connection = dial(desk)
    plain = connection.sock
    bare, sdk = [], []
    for number in range(calls):
        head = (
            f"GET /secrets/s{number % SECRETS}/?{API} HTTP/1.1\r\nHost: {desk.host}:{desk.port}\r\n"
            f"Authorization: Bearer {desk.token}\r\n\r\n"
        ).encode()
        begun = time.perf_counter()
        plain.sendall(head)
        assert plain.recv(65536).startswith(b"HTTP/1.1 200")
        bare.append(time.perf_counter() - begun)
        child.stdin.write("\n")
        child.stdin.flush()
        sdk.append(float(child.stdout.readline()))
    child.stdin.close()
    child.wait(30)
    connection.close()
    ours, whole = median(bare), median(sdk)
    return Row(
        "the daemon's share of the SDK's get_secret",
        f"{ours * 1e6:.0f} us",
        f"get_secret, {whole * 1e6:.0f} us",
        ours / whole,
        0.2,
    )


def memory_row(desk: Desk, what: str, bound: float | None = None) -> Row:
    """Weigh the daemon after what was asked of it so far."""
    size, kind = weight(desk.pid)
    return Row(what, f"{size:.1f} MiB {kind}", "", size, bound)


def soak_row(desk: Desk) -> Row:
    """Load it for five minutes, and compare its weight at the end with that after one."""
    wrk(desk, desk.port, 8, MANY, 60)
    early, _ = weight(desk.pid)
    wrk(desk, desk.port, 8, MANY, _SOAK - 60)
    late, kind = weight(desk.pid)
    figure = f"{late:.1f} MiB {kind}"
    return Row("after a soak of 5 minutes", figure, f"after 1, {early:.1f}", late / early, 1.05)


def handshake_row(desk: Desk) -> Row:
    """Compare full handshakes for a second of the server's own time, P-256 with RSA-2048."""
    rates: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        ports, processes = {}, {}
        for kind in ("P-256", "RSA-2048"):
            certificate = make_certificate(desk.folder, kind)
            ports[kind] = free_port()
            processes[kind] = stack.enter_context(
                running([sys.executable, "-m", STUB, "handshakes", str(ports[kind]), *certificate])
            )
            wait_for(ports[kind])
        for _ in range(3):
            for kind, port in ports.items():
                begun = spent(processes[kind])
                count = handshakes(port)
                rates.setdefault(kind, []).append(count / (spent(processes[kind]) - begun))
    ratio = median(a / b for a, b in zip(rates["P-256"], rates["RSA-2048"], strict=True))
    return Row(
        "full TLS handshakes for a second of the server's time, P-256",
        f"{median(rates['P-256']):.0f}/s",
        f"RSA-2048, {median(rates['RSA-2048']):.0f}/s",
        ratio,
        1.5,
        at_least=True,
    )


# -- tools ----------------------------------------------------------------------------------


def wrk(desk: Desk, port: int, connections: int, walk: str, seconds: int = SECONDS) -> Load:
    """Load a server; its name is looked up in a hosts file of our own, in our own namespace."""
    script = desk.folder / "walk.lua"
    script.write_text(WALK.format(count=_WALKS[walk], api=API))
    hosts = desk.folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {desk.host}\n")
    command = [
        *("wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency"),
        *(("-s", str(script)) if walk != ONE else ()),
        *("-H", f"Authorization: Bearer {desk.token}"),
        f"https://{desk.host}:{port}/secrets/s1/?{API}",
    ]
    done = subprocess.run(
        [
            "unshare",
            "-m",
            "sh",
            "-c",
            f'mount --bind "{hosts}" /etc/hosts; exec "$@"',
            "-",
            *command,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout
    assert "Non-2xx" not in said, said
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert rate is not None, said
    return Load(float(rate[1]), _quantile(said, 50), _quantile(said, 99))


def _quantile(said: str, which: int) -> float:
    found = re.search(rf"{which}%\s+([\d.]+)(us|ms|s)\b", said)
    assert found is not None, said
    return float(found[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1.0}[found[2]]


def spent(pid: int) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def handshakes(port: int, seconds: int = 2) -> int:
    """Return how many full handshakes openssl did in so many seconds."""
    done = subprocess.run(
        [
            *("openssl", "s_time", "-connect", f"127.0.0.1:{port}"),
            *("-new", "-time", str(seconds)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"(\d+) connections in (\d+) real seconds", done.stdout)
    assert found is not None, done.stdout + done.stderr
    return int(found[1])


def make_certificate(folder: Path, kind: str) -> tuple[str, str]:
    """Return the files of a self-signed certificate and its key."""
    certificate, key = folder / f"{kind}.pem", folder / f"{kind}.key"
    if not key.exists():
        how = (
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            if kind == "P-256"
            else ["-newkey", "rsa:2048"]
        )
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-nodes", *how, "-days", "2", "-subj", "/CN=bench"),
                *("-keyout", str(key), "-out", str(certificate)),
            ],
            capture_output=True,
            check=True,
        )
    return str(certificate), str(key)


@contextlib.contextmanager
def running(command: list[str]) -> Iterator[int]:
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(port: int, limit: float = 15.0) -> None:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}")
