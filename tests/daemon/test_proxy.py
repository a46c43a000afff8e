"""The CONNECT proxy of a real daemon: who may use it, where it goes, and where it does not."""

from __future__ import annotations

import json
import os
import random
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.daemon.connected import (
    OwnProxy,
    Program,
    Site,
    Socks,
    Tunnel,
    ask,
    close_all,
    dial,
    echo,
    read_all,
    state_of,
)
from tests.daemon.running import NOBODY, Daemon
from tests.waiting import LIMIT, wait_for

VAULT = "my-vault.vault.azure.net"
SECRETS = "/secrets?api-version=7.4"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with a vault, for all tests that leave it as it is."""
    made = Daemon(tmp_path_factory.mktemp("proxy") / "home").up()
    made.init(vaults=["my-vault"])
    made.set("my-vault", "db", "value-1")
    yield made
    made.kill()


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    yield
    close_all()


@pytest.fixture
def own(daemon: Daemon) -> Daemon:
    """A daemon with a vault, for one test."""
    daemon.up()
    daemon.init(vaults=["my-vault"])
    daemon.set("my-vault", "db", "value-1")
    return daemon


@pytest.fixture
def program(home: Daemon) -> Program:
    return Program(home)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(echo)
    yield made
    made.close()


def trail(daemon: Daemon) -> list[tuple[str, str]]:
    """Return what the proxy refused: where to, and why."""
    found = daemon.ask("GET", "/local/audit?limit=100").json["records"]
    return [
        (json.dumps(record), record["resultType"])
        for record in found
        if record["operationName"] == "ProxyConnect"
    ]


# -- who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["example.com:443", f"{VAULT}:443", "127.0.0.1:22"])
def test_without_a_secret_it_goes_nowhere(program: Program, target: str) -> None:
    found = program.raw(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    assert found.status == 407
    assert 'proxy-authenticate: basic realm="devvault"' in found.head
    assert found.code == "ProxyAuthenticationRequired"


@pytest.mark.parametrize("secret", ["", "x", "0" * 59, "\u00e9" * 20, "x" * 100_000])
def test_a_wrong_secret_is_none(program: Program, site: Site, secret: str) -> None:
    found = program.connect(f"127.0.0.1:{site.port}", secret=secret)
    assert found.status in (407, 431)


def test_the_secret_of_something_else_is_none(program: Program, site: Site) -> None:
    path = program.variables["AZURE_POD_IDENTITY_AUTHORITY_HOST"].rpartition("/")[2]
    for secret in (program.header, path, program.secret[:-1], program.secret + "x"):
        assert program.connect(f"127.0.0.1:{site.port}", secret=secret).status == 407
    target = f"127.0.0.1:{site.port}"
    other = program.raw(
        f"CONNECT {target} HTTP/1.1\r\n{program.basic(user='root')}\r\n\r\n".encode()
    )
    assert other.status == 407


def test_the_secret_dies_with_the_run(home: Daemon, site: Site) -> None:
    # The process that asks ends before the proxy is used.
    done = subprocess.run(
        ["setsid", "curl", "-sS", "--unix-socket", home.home.socket, "http://devvault/local/run",
         "-H", "Content-Type: application/octet-stream", "--data-binary", "@-", "-o", "-"],
        input=b"P1\0Vrun\0C/app\0R/app\0",
        capture_output=True,
        check=True,
    )  # fmt: skip
    proxy = next(f for f in done.stdout.split(b"\0") if f.startswith(b"SHTTPS_PROXY="))
    secret = proxy.decode().partition(":")[2].partition(":")[2].partition("@")[0]
    late = Program(home)
    # What it left behind may still go out; vaults are not for it any more.
    assert late.connect(f"127.0.0.1:{site.port}", secret=secret).status == 200
    refused = late.connect(f"{VAULT}:443", secret=secret)
    assert (refused.status, refused.code) == (403, "SessionOver")


def test_another_user_of_the_machine_is_cut_off(home: Daemon, program: Program) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    script = (
        "import socket, sys\n"
        "for port in map(int, sys.argv[1:]):\n"
        "    with socket.create_connection(('127.0.0.1', port)) as s:\n"
        "        try:\n"
        "            s.sendall(b'GET / HTTP/1.1\\r\\n\\r\\n')\n"
        "            print(repr(s.recv(10)))\n"
        "        except OSError:\n"
        "            print(repr(b''))\n"
    )
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", script, str(program.http), str(program.https)],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["b''", "b''"]
    wait_for(lambda: f"refused a connection of uid {NOBODY}" in home.log)


# -- odd requests -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "example.com", ":443", "example.com:", "example.com:0", "example.com:65536",
        "example.com:443:443", "user@example.com:443", "exa mple.com:443", "ex%61mple.com:443",
        "http://example.com:443/", "[::1:443", "::1:443", "-x:443", "a..b:443", "x" * 260 + ":443",
        "ex\u00e4mple.com:443", "example.com:4a", "example.com:+1", "/:443",
    ],
)  # fmt: skip
def test_what_is_no_target_is_refused(program: Program, target: str) -> None:
    found = program.raw(
        f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{program.basic()}\r\n\r\n".encode()
    )
    assert found.status == 400


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 5"],
        ["Transfer-Encoding: chunked"],
        ["Content-Length: 0", "Transfer-Encoding: chunked"],
        ["Host: other.example:443"],
        ["Proxy-Authorization: Basic eDp5"],
        ["Content-Length: 1", "Content-Length: 2"],
        ["Bad Header: x"],
        [" folded: x"],
        ["X: \x01"],
    ],
)
def test_a_smuggled_shape_is_refused(program: Program, site: Site, lines: list[str]) -> None:
    assert program.connect(f"127.0.0.1:{site.port}", *lines).status == 400


def test_what_comes_before_the_answer_is_refused(program: Program, site: Site) -> None:
    target = f"127.0.0.1:{site.port}"
    head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{program.basic()}\r\n\r\n"
    for more in ("GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01"):
        assert program.raw((head + more).encode("latin-1")).status == 400


def test_the_host_must_be_the_targets(program: Program, site: Site) -> None:
    target = f"127.0.0.1:{site.port}"
    for host, status in ((target, 200), ("127.0.0.1", 200), ("example.com", 400), ("", 400)):
        found = program.raw(
            f"CONNECT {target} HTTP/1.1\r\nHost: {host}\r\n{program.basic()}\r\n\r\n".encode()
        )
        assert found.status == status
        found.sock.close()


@pytest.mark.parametrize("line", ["Origin: https://evil.example", "Sec-Fetch-Site: cross-site"])
def test_a_web_page_is_refused_on_every_listener(program: Program, site: Site, line: str) -> None:
    assert program.connect(f"127.0.0.1:{site.port}", line).status == 403
    name, _, value = line.partition(": ")
    token = {"X-IDENTITY-HEADER": program.header, name: value}
    path = "/msi/token?api-version=2019-08-01&resource=https://vault.azure.net"
    plain = dial(program.http)
    assert ask(plain, path, f"127.0.0.1:{program.http}", token).status == 403
    tunnel = program.connect(f"{VAULT}:443")
    secure = program.context().wrap_socket(tunnel.sock, server_hostname=VAULT)
    bearer = {"Authorization": f"Bearer {program.token()}", name: value}
    assert ask(secure, SECRETS, VAULT, bearer).status == 403


@pytest.mark.parametrize("host", ["", "example.com", "127.0.0.1", "127.0.0.1:1", VAULT])
def test_a_foreign_host_gets_no_token(program: Program, host: str) -> None:
    plain = dial(program.http)
    path = "/msi/token?api-version=2019-08-01&resource=https://vault.azure.net"
    found = ask(plain, path, host, {"X-IDENTITY-HEADER": program.header})
    assert found.status in (400, 421)
    assert b"access_token" not in found.body


def test_it_is_no_proxy_for_plain_http(program: Program) -> None:
    found = program.raw(
        f"GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n{program.basic()}\r\n\r\n".encode()
    )
    assert (found.status, found.code) == (403, "HttpsOnly")


@pytest.mark.parametrize("at_once", [True, False])
def test_a_flood_of_headers_is_cut_off(program: Program, at_once: bool) -> None:
    sock = dial(program.http)
    sock.sendall(b"GET / HTTP/1.1\r\n")
    lines = b"".join(b"X-%d: y\r\n" % number for number in range(6000))
    try:
        if at_once:
            sock.sendall(lines + b"\r\n")
        else:
            for number in range(6000):
                sock.sendall(b"X-%d: y\r\n" % number)
    except OSError:
        pass
    answer = read_all(sock)
    assert answer[:12] in (b"HTTP/1.1 431", b"")


def test_no_bytes_make_a_defect(own: Daemon) -> None:
    program = Program(own)
    chance = random.Random(20261125)
    pieces = [
        b"GET ", b"CONNECT ", b"POST / HTTP/1.1\r\n", b"a.vault.azure.net:443 ", b"HTTP/1.1\r\n",
        b"Host: 127.0.0.1\r\n", program.basic().encode() + b"\r\n", b"\r\n", b"\0", b"\xff" * 9,
        b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Upgrade: h2c\r\n",
        b"Connection: upgrade\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b"*", b" ", b"/%zz?\x80=",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x00\x05hello",
        b"Expect: 100-continue\r\n",
    ]  # fmt: skip
    for number in range(400):
        data = b"".join(chance.choices(pieces, k=chance.randint(1, 9)))
        kind = number % 3
        sock = dial(program.https if kind == 2 else program.http)
        if kind == 1:
            close_all()
            sock = program.connect(f"{VAULT}:443").sock
            sock = program.context().wrap_socket(sock, server_hostname=VAULT)
        with sock:
            try:
                sock.sendall(data)
                sock.settimeout(0.002)
                sock.recv(10)
            except OSError:
                pass
        if number % 20 == 0:
            close_all()
    assert program.vault(VAULT, SECRETS).status == 401
    assert "error" not in own.log
    assert " failed" not in own.log


# -- where it goes ------------------------------------------------------------------------------


def test_other_hosts_are_passed_on_byte_for_byte(program: Program, site: Site) -> None:
    tunnel = program.connect(f"127.0.0.1:{site.port}")
    assert tunnel.status == 200
    data = os.urandom(5_000_000)
    heard = bytearray()

    def send() -> None:
        tunnel.sock.sendall(data)
        tunnel.sock.shutdown(socket.SHUT_WR)

    import threading

    thread = threading.Thread(target=send)
    thread.start()
    heard += read_all(tunnel.sock)
    thread.join(LIMIT)
    # The far end speaks once more after the near one is done.
    assert bytes(heard) == data + b"goodbye"


def test_a_far_end_that_is_not_there_is_told(program: Program) -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        found = program.connect(f"127.0.0.1:{port}")
    assert (found.status, found.code) == (502, "TargetUnreachable")
    assert f"127.0.0.1:{port}" in found.reason


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"])
@pytest.mark.parametrize("which", ["http", "https"])
def test_it_goes_to_no_port_of_its_own(program: Program, host: str, which: str) -> None:
    found = program.connect(f"{host}:{getattr(program, which)}")
    assert (found.status, found.code) == (403, "Loop")


def test_a_vault_is_answered_here(program: Program) -> None:
    assert program.vault(VAULT, SECRETS).status == 401
    found = program.vault(VAULT, "/secrets/db?api-version=7.4", program.token())
    assert found.json["value"] == "value-1"
    assert found.json["id"].startswith(f"https://{VAULT}/secrets/db/")


def test_a_vault_is_answered_at_its_own_port_with_no_proxy(program: Program) -> None:
    host = "my-vault.vault.localhost"
    plain = dial(program.https)
    secure = program.context().wrap_socket(plain, server_hostname=host)
    token = program.token(f"https://vault.localhost:{program.https}")
    named = f"{host}:{program.https}"
    bearer = {"Authorization": f"Bearer {token}"}
    found = ask(secure, "/secrets/db?api-version=7.4", named, bearer)
    assert found.json["id"].startswith(f"https://{named}/secrets/db/")


def test_the_name_of_the_handshake_is_the_name_of_the_request(program: Program) -> None:
    other = "other-vault.vault.azure.net"
    for named in (other, "management.azure.com", "devvault", f"{VAULT}:1", f"{VAULT}."):
        assert program.vault(VAULT, SECRETS, program.token(), named=named).status == 421


def test_a_resumed_handshake_is_for_the_name_that_it_asks_for(program: Program) -> None:
    context = program.context()

    def heard(
        host: str, named: str, session: ssl.SSLSession | None
    ) -> tuple[bytes, ssl.SSLSession | None, bool | None]:
        with context.wrap_socket(dial(program.https), server_hostname=host, session=session) as one:
            one.sendall(f"GET {SECRETS} HTTP/1.1\r\nHost: {named}:{program.https}\r\n\r\n".encode())
            # Read first: the ticket comes with the answer.
            return one.recv(65536)[9:12], one.session, one.session_reused

    one, other = "my-vault.vault.localhost", "other.vault.localhost"
    status, session, _ = heard(one, one, None)
    assert status == b"401"
    assert heard(one, one, session)[::2] == (b"401", True)
    assert heard(other, one, session)[0] == b"421"


@pytest.mark.parametrize("name", ["example.com", "management.azure.com", "azure.net", ""])
def test_no_other_name_gets_a_certificate(program: Program, name: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        dial(program.https) as plain,
        pytest.raises(OSError),
    ):
        context.wrap_socket(plain, server_hostname=name or None)


def test_old_tls_is_refused(program: Program) -> None:
    context = program.context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with dial(program.https) as plain:
        host = "my-vault.vault.localhost"
        with context.wrap_socket(plain, server_hostname=host) as secure:
            assert secure.version() == "TLSv1.3"
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{program.https}", "-tls1_1",
         "-cipher", "ALL:@SECLEVEL=0", "-servername", "my-vault.vault.localhost"],
        input=b"",
        capture_output=True,
        timeout=LIMIT,
    )  # fmt: skip
    assert done.returncode != 0


@pytest.mark.parametrize(
    "target",
    [
        "kv.vault.azure.cn:443",
        "kv.vault.usgovcloudapi.net:443",
        "kv.vault.microsoftazure.de:443",
        "hsm.managedhsm.azure.net:443",
        "kv.privatelink.vaultcore.azure.net:443",
        "kv.vaultcore.azure.net:443",
        "a.b.vault.azure.net:443",
        "vault.azure.net:443",
        "my-vault.vault.azure.net:8443",
        "my-vault.vault.azure.net.:8443",
        "MY-VAULT.VAULT.AZURE.CN:443",
        "my-vault.vault.localhost:443",
    ],
)
def test_a_key_vault_that_is_not_served_is_refused(program: Program, target: str) -> None:
    found = program.connect(target)
    assert (found.status, found.code) == (404, "VaultNotFound")
    assert "--pass-through" in found.reason
    assert target.lower().replace("net.:", "net:") in found.reason


def test_a_vault_that_is_not_here_is_refused_inside_tls(program: Program) -> None:
    host = "nope-vault.vault.azure.net"
    found = program.vault(host, SECRETS)
    assert found.status == 404
    assert found.json["error"]["code"] == "VaultNotFound"
    assert "--pass-through" in found.json["error"]["message"]
    assert "nope-vault" in found.json["error"]["message"]


def test_every_refusal_is_in_the_trail(own: Daemon) -> None:
    program = Program(own)
    program.connect("kv.vault.azure.cn:443")
    program.connect("example.com:443", secret="wrong")
    found = trail(own)
    assert {why for _, why in found} == {"VaultNotFound", "ProxyAuthenticationRequired"}
    assert any("kv.vault.azure.cn:443" in record for record, _ in found)


def test_a_refusal_before_it_is_a_request_is_in_the_trail_too(own: Daemon) -> None:
    program = Program(own)
    for request in (b"GET http://plain.example/ HTTP/1.1\r\n\r\n", b"no such protocol\r\n\r\n"):
        Tunnel(program.http, request)
    program.vault(VAULT, SECRETS, named="other.vault.azure.net")
    found = own.ask("GET", "/local/audit?limit=100").json["records"]
    refused = {one["resultType"]: json.dumps(one) for one in found}
    assert {"HttpsOnly", "BadRequest", "MisdirectedRequest"} <= set(refused)
    assert VAULT in refused["MisdirectedRequest"]


# -- the user's own proxy -----------------------------------------------------------------------


def test_the_users_own_proxy_is_gone_through_with_its_password(home: Daemon, site: Site) -> None:
    proxy = OwnProxy(site.port)
    try:
        given = f"XHTTPS_PROXY=http://user:p%40ss@127.0.0.1:{proxy.port}\0".encode()
        program = Program(home, given, b"XNO_PROXY=127.0.0.1,.corp.example\0")
        tunnel = program.connect("somewhere.example:443")
        assert tunnel.status == 200
        tunnel.sock.sendall(b"hello")
        assert tunnel.sock.recv(5) == b"hello"
        assert proxy.asked == ["somewhere.example:443"]
        assert "Proxy-Authorization: Basic dXNlcjpwQHNz" in proxy.heads[0]
        # Vaults never go there, and loopback needs no proxy.
        assert program.vault(VAULT, SECRETS).status == 401
        assert program.connect(f"127.0.0.1:{site.port}").status == 200
        assert proxy.asked == ["somewhere.example:443"]
        # Its password rests in no file of the home.
        for path in home.home.run.rglob("*"):
            assert not path.is_file() or b"p%40ss" not in path.read_bytes()
    finally:
        proxy.close()


@pytest.mark.parametrize("status", [b"407 who are you", b"403 no", b"500 oh", b"nonsense"])
def test_a_refusal_of_the_users_own_proxy_is_told_as_one(home: Daemon, status: bytes) -> None:
    proxy = OwnProxy(1, status)
    try:
        given = f"Xhttps_proxy=http://127.0.0.1:{proxy.port}\0".encode()
        found = Program(home, given).connect("somewhere.example:443")
        # Never a 407: the client would take it for ours.
        assert found.status == 502
        assert found.code in ("ProxyRefused", "ProxyFailed")
        assert "your proxy" in found.reason
    finally:
        proxy.close()


def test_a_socks_proxy_is_gone_through(home: Daemon, site: Site) -> None:
    proxy = Socks(site.port)
    try:
        given = f"XALL_PROXY=socks5h://user:p%40ss@127.0.0.1:{proxy.port}\0".encode()
        program = Program(home, given)
        for target in ("somewhere.example:443", "192.0.2.1:8443", "[2001:db8::1]:443"):
            tunnel = program.connect(target)
            assert tunnel.status == 200
            tunnel.sock.sendall(b"hello")
            assert tunnel.sock.recv(5) == b"hello"
        assert proxy.asked == ["somewhere.example:443", "192.0.2.1:8443", "2001:db8::1:443"]
    finally:
        proxy.close()


@pytest.mark.parametrize(("pair", "refuses"), [("", 0), ("user:wrong@", 0), ("user:p%40ss@", 5)])
def test_a_refusal_of_a_socks_proxy_is_told(home: Daemon, pair: str, refuses: int) -> None:
    proxy = Socks(1, refuses)
    try:
        given = f"XALL_PROXY=socks5://{pair}127.0.0.1:{proxy.port}\0".encode()
        found = Program(home, given).connect("somewhere.example:443")
        assert (found.status, found.code) == (502, "ProxyRefused")
    finally:
        proxy.close()


def test_a_proxy_of_another_kind_is_told(home: Daemon) -> None:
    found = Program(home, b"XALL_PROXY=socks4://127.0.0.1:1\0").connect("somewhere.example:443")
    assert (found.status, found.code) == (502, "ProxyUnsupported")


def test_pass_through_sends_vaults_of_the_cloud_to_the_cloud(home: Daemon, site: Site) -> None:
    proxy = OwnProxy(site.port)
    try:
        given = f"XHTTPS_PROXY=http://127.0.0.1:{proxy.port}\0".encode()
        program = Program(home, given, b"Opass-through\0")
        targets = ["kv.vault.azure.cn:443", "nope-vault.vault.azure.net:443"]
        for target in targets:
            assert program.connect(target).status == 200
        assert proxy.asked == targets
        assert "IDENTITY_ENDPOINT" not in program.variables
        # What this home has is answered here all the same.
        assert program.vault(VAULT, SECRETS).status == 401
        assert proxy.asked == targets
    finally:
        proxy.close()


def test_a_run_inside_a_run_goes_out_as_the_outer_one_does(home: Daemon, site: Site) -> None:
    proxy = OwnProxy(site.port)
    try:
        outer = Program(home, f"XHTTPS_PROXY=http://127.0.0.1:{proxy.port}\0".encode())
        inner = Program(home, f"XHTTPS_PROXY={outer.variables['HTTPS_PROXY']}\0".encode())
        assert inner.secret != outer.secret
        assert inner.connect("somewhere.example:443").status == 200
        assert proxy.asked == ["somewhere.example:443"]
    finally:
        proxy.close()


# -- its environment ----------------------------------------------------------------------------


def test_each_run_has_secrets_of_its_own(home: Daemon) -> None:
    one, other = Program(home), Program(home)
    for name in ("HTTPS_PROXY", "IDENTITY_HEADER", "AZURE_POD_IDENTITY_AUTHORITY_HOST"):
        assert one.variables[name] != other.variables[name]
        assert one.masked[name] in one.variables[name]
    assert one.variables["SSL_CERT_FILE"] == other.variables["SSL_CERT_FILE"]


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("", "127.0.0.1,::1"),
        ("localhost,127.0.0.1", "127.0.0.1,::1"),
        ("*", "127.0.0.1,::1"),
        (".azure.net, corp.example *.net", "corp.example,127.0.0.1,::1"),
        ("vault.azure.net,my-vault.vault.azure.net:443,azure.com", "azure.com,127.0.0.1,::1"),
        ("10.0.0.0/8,::1,.internal:8080", "10.0.0.0/8,::1,.internal:8080,127.0.0.1"),
    ],
)
def test_no_exception_leads_past_us(home: Daemon, given: str, made: str) -> None:
    fields = [f"XNO_PROXY={given}\0".encode()] if given else []
    found = Program(home, *fields).variables
    assert found["NO_PROXY"] == found["no_proxy"] == made


def test_localhost_stays_an_exception_where_plain_http_has_a_proxy(home: Daemon) -> None:
    found = Program(home, b"XNO_PROXY=localhost\0", b"NHTTP_PROXY\0").variables
    assert found["NO_PROXY"] == "localhost,127.0.0.1,::1"
    quiet = Program(home, b"XNO_PROXY=*\0", b"NHTTP_PROXY\0", b"NHTTPS_PROXY\0")
    assert quiet.removed == ["HTTP_PROXY"]


def test_roots_that_were_trusted_are_trusted_still(home: Daemon, tmp_path: Path) -> None:
    mine = tmp_path / "mine.pem"
    mine.write_text("# mine\n")
    named = f"XREQUESTS_CA_BUNDLE={mine}\0L{state_of(str(mine))}:{mine}\0".encode()
    first = Program(home, named)
    assert first.asked == [str(mine)]
    assert not first.variables
    data = mine.read_bytes()
    sent = b"B" + str(mine).encode() + b"\0%d\0" % len(data) + data
    made = Program(home, named, sent).variables
    text = Path(made["REQUESTS_CA_BUNDLE"]).read_text()
    assert text.startswith("# mine\n")
    assert text.count("BEGIN CERTIFICATE") == 1
    assert Path(made["SSL_CERT_FILE"]).read_text().count("BEGIN CERTIFICATE") > 1
    assert Path(made["NODE_EXTRA_CA_CERTS"]).read_text().count("BEGIN CERTIFICATE") == 1
    # The next run need not send it again; where it changed, it must.
    assert Program(home, named).variables["REQUESTS_CA_BUNDLE"] == made["REQUESTS_CA_BUNDLE"]
    mine.write_text("# changed\n")
    again = f"XREQUESTS_CA_BUNDLE={mine}\0L{state_of(str(mine))}:{mine}\0".encode()
    assert Program(home, again).asked == [str(mine)]
    # A run inside this one names a file of ours, which has all it needs.
    ours = made["REQUESTS_CA_BUNDLE"]
    inner = Program(home, f"XREQUESTS_CA_BUNDLE={ours}\0L{state_of(ours)}:{ours}\0".encode())
    assert inner.variables["REQUESTS_CA_BUNDLE"] == ours


def test_a_folder_of_roots_is_told_to_be_left_out(home: Daemon) -> None:
    found = Program(home, b"NREQUESTS_CA_BUNDLE\0")
    assert [note for note in found.notes if "REQUESTS_CA_BUNDLE" in note]
    assert "BEGIN" in Path(found.variables["REQUESTS_CA_BUNDLE"]).read_text()


def test_the_status_names_ports_and_counts_what_is_connected(home: Daemon) -> None:
    program = Program(home)
    found = home.ask("GET", "/local/status").json
    assert (found["https_port"], found["http_port"]) == (program.https, program.http)
    assert found["sessions"] >= 1


def test_bundles_are_for_their_owner_alone(home: Daemon, program: Program) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        path = Path(program.variables[name])
        assert path.parent == home.home.run
        assert path.stat().st_mode & 0o777 == 0o600
        assert b"PRIVATE KEY" not in path.read_bytes()


def test_java_is_connected_where_it_is_asked_for(home: Daemon) -> None:
    assert "JAVA_TOOL_OPTIONS" not in Program(home).variables
    made = Program(home, b"Ojava\0", b"XJAVA_TOOL_OPTIONS=-Xmx1g\0").variables
    first, proxies, store, kind = made["JAVA_TOOL_OPTIONS"].split()
    assert (first, proxies) == ("-Xmx1g", "-Djava.net.useSystemProxies=true")
    assert kind == "-Djavax.net.ssl.trustStoreType=PKCS12"
    path = Path(store.partition("=")[2])
    assert path.parent == home.home.run
    assert path.suffix == ".p12"
    inner = f"XJAVA_TOOL_OPTIONS={made['JAVA_TOOL_OPTIONS']}\0".encode()
    again = Program(home, b"Ojava\0", inner).variables
    assert again["JAVA_TOOL_OPTIONS"] == made["JAVA_TOOL_OPTIONS"]


def test_a_trust_store_of_the_users_own_is_left_and_a_note_says_so(home: Daemon) -> None:
    own = b"XJAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=/etc/mine.jks\0"
    found = Program(home, b"Ojava\0", own)
    assert "JAVA_TOOL_OPTIONS" not in found.variables
    assert [note for note in found.notes if "Java programs are not connected" in note]


# -- faults -------------------------------------------------------------------------------------


def test_a_daemon_that_comes_back_knows_its_programs(own: Daemon, site: Site) -> None:
    proxy = OwnProxy(site.port)
    try:
        given = f"XHTTPS_PROXY=http://user:word@127.0.0.1:{proxy.port}\0".encode()
        program = Program(own, given)
        token = program.token()
        for end in (own.kill, own.stop):
            end()
            own.up()
            assert program.connect("somewhere.example:443").status == 200
            assert len(proxy.asked) == 1
            proxy.asked.clear()
            found = program.vault(VAULT, "/secrets/db?api-version=7.4", token)
            assert found.json["value"] == "value-1"
    finally:
        proxy.close()


def test_a_locked_home_passes_others_on_and_says_so_of_vaults(own: Daemon, site: Site) -> None:
    program = Program(own)
    token = program.token()
    assert program.vault(VAULT, SECRETS, token).status == 200
    assert own.ask("POST", "/local/lock", {}).status == 200
    assert program.connect(f"127.0.0.1:{site.port}").status == 200
    locked = program.vault(VAULT, SECRETS, token)
    assert locked.status == 423
    # A name that no certificate was made for before: there is no key to make one with.
    other = program.connect("other-vault.vault.azure.net:443")
    assert (other.status, other.code) == (423, "VaultLocked")
    assert "devvault unlock" in other.reason
    assert own.stop() == 0
    own.up()
    assert program.connect(f"127.0.0.1:{site.port}").status == 200
    assert program.connect(f"{VAULT}:443").status == 423
    assert own.ask("POST", "/local/unlock", {}).status == 200
    assert program.vault(VAULT, SECRETS, program.token()).status == 200


def test_a_taken_port_voids_every_session(own: Daemon, site: Site) -> None:
    program = Program(own)
    own.stop()
    with socket.create_server(("127.0.0.1", program.http)):
        told = json.loads(own.start())
        assert own.process is not None
        assert own.process.wait(LIMIT) == 2
    assert told["error"]["code"] == "PortTaken"
    assert str(program.http) in told["error"]["message"]
    own.up()
    assert program.connect(f"127.0.0.1:{site.port}").status == 407


def test_half_open_and_silent_connections_hold_nobody_up(own: Daemon, site: Site) -> None:
    program = Program(own)
    silent = [dial(port) for port in (program.http, program.https) for _ in range(50)]
    silent.append(program.connect(f"127.0.0.1:{site.port}").sock)
    assert program.vault(VAULT, SECRETS).status == 401
    for sock in silent:
        sock.close()
    assert program.connect(f"127.0.0.1:{site.port}").status == 200


def test_more_connections_than_there_is_room_for_are_refused(own: Daemon) -> None:
    program = Program(own)
    many = []
    try:
        for _ in range(600):
            sock = dial(program.http)
            many.append(sock)
        wait_for(lambda: "too many are open" in own.log)
        assert own.ask("GET", "/local/status").status == 200
    finally:
        for sock in many:
            sock.close()
    last = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
    wait_for(lambda: Tunnel(program.http, last).status == 421)


def test_tunnels_leave_descriptors_for_the_socket(daemon: Daemon, site: Site) -> None:
    daemon.descriptors = 256
    daemon.up()
    daemon.init(vaults=["my-vault"])
    program = Program(daemon)
    kept = [program.connect(f"127.0.0.1:{site.port}") for _ in range(40)]
    assert {tunnel.status for tunnel in kept} == {200}
    for _ in range(100):
        with suppress(OSError):
            kept.append(program.connect(f"127.0.0.1:{site.port}"))
    wait_for(lambda: "too many are open" in daemon.log)
    assert daemon.ask("GET", "/local/status").status == 200
    daemon.set("my-vault", "db", "value-2")
