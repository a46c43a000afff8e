"""What our authorities may sign for, as the TLS libraries of programs see it."""

import datetime as dt
import shutil
import ssl
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from devvault.crypto.authority import AUTHORITY_LIFE, LEAF_LIFE, make_authority, make_leaf
from tests.waiting import LIMIT

NOW = dt.datetime.now(dt.UTC)
DOMAINS = ("vault.azure.net", "vault.localhost")
GOOD = ("my-vault.vault.azure.net", "my-vault.vault.localhost")
BAD = ("example.com", "management.azure.com", "my-vault.vault.azure.net.example.com", "azure.net")


@pytest.fixture(scope="module")
def authority():
    return make_authority("devvault test CA", DOMAINS, NOW)


@pytest.fixture
def files(authority, tmp_path):
    """The authority in a file, and a function that puts a leaf for a host beside it."""
    root = tmp_path / "root.pem"
    root.write_text(authority.certificate)

    def leaf(host):
        path = tmp_path / f"{host}.pem"
        path.write_bytes(make_leaf(authority, host, NOW).pem)
        return path

    return root, leaf


def certificate(authority):
    return x509.load_pem_x509_certificate(authority.certificate.encode())


def value(found, kind):
    return found.extensions.get_extension_for_class(kind)


def test_an_authority_says_all_that_it_may_not_do(authority):
    found = certificate(authority)
    basic = value(found, x509.BasicConstraints)
    assert basic.critical
    assert (basic.value.ca, basic.value.path_length) == (True, 0)
    assert list(value(found, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    names = value(found, x509.NameConstraints)
    assert names.critical
    permitted = {type(name): [] for name in names.value.permitted_subtrees}
    for name in names.value.permitted_subtrees:
        permitted[type(name)].append(name.value)
    assert permitted[x509.DNSName] == list(DOMAINS)
    # One impossible name of a kind permitted: every real one is excluded.
    assert permitted[x509.RFC822Name] == ["devvault.invalid"]
    assert permitted[x509.UniformResourceIdentifier] == ["devvault.invalid"]
    addresses = [str(name.value) for name in names.value.excluded_subtrees]
    assert addresses == ["0.0.0.0/0", "::/0"]
    assert isinstance(found.public_key(), ec.EllipticCurvePublicKey)
    assert found.public_key().curve.name == "secp256r1"
    usage = value(found, x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.crl_sign
    assert found.not_valid_after_utc - found.not_valid_before_utc == AUTHORITY_LIFE
    assert dt.timedelta(days=365) >= AUTHORITY_LIFE


def test_a_leaf_is_for_one_name_and_thirty_days(authority):
    pem = make_leaf(authority, GOOD[0], NOW).pem
    found = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERT") :])
    names = value(found, x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    assert names == [GOOD[0]]
    assert found.not_valid_after_utc - found.not_valid_before_utc == LEAF_LIFE
    assert not value(found, x509.BasicConstraints).value.ca
    assert found.public_key().curve.name == "secp256r1"


def test_a_leaf_does_not_outlive_its_authority(authority):
    late = authority.ends - dt.timedelta(days=3)
    assert make_leaf(authority, GOOD[0], late).ends == authority.ends


def test_neither_shows_its_key(authority):
    assert repr(authority).startswith("Authority(until ")
    assert repr(make_leaf(authority, GOOD[0], NOW)).startswith("Leaf(until ")


def test_a_key_in_a_file_can_be_sealed_by_a_password(authority, tmp_path):
    path = tmp_path / "leaf.pem"
    path.write_bytes(make_leaf(authority, GOOD[0], NOW, password=b"of this moment").pem)
    assert b"ENCRYPTED" in path.read_bytes()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(ssl.SSLError):
        context.load_cert_chain(path, password="another")
    context.load_cert_chain(path, password="of this moment")


@pytest.mark.parametrize("host", [*GOOD, *BAD])
def test_openssl_takes_it_for_vaults_alone(files, host):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl command")
    root, leaf = files
    done = subprocess.run(
        [openssl, "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", root, leaf(host)],
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) == (host in GOOD)
    assert host in GOOD or "permitted subtree violation" in done.stderr


@pytest.mark.parametrize("host", [*GOOD, *BAD])
def test_cryptography_takes_it_for_vaults_alone(authority, files, host):
    _, leaf = files
    pem = leaf(host).read_bytes()
    found = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERT") :])
    verifier = (
        PolicyBuilder()
        .store(Store([certificate(authority)]))
        .time(NOW)
        .build_server_verifier(x509.DNSName(host))
    )
    if host in GOOD:
        verifier.verify(found, [])
        return
    with pytest.raises(VerificationError):
        verifier.verify(found, [])


def handshake(files, host, client):
    """Serve one connection with a leaf for `host`, and have the client come."""
    _, leaf = files
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf(host))
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            accepted, _ = listener.accept()
            with accepted:
                try:
                    with context.wrap_socket(accepted, server_side=True) as secure:
                        secure.recv(100)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            return client(listener.getsockname()[1])
        finally:
            thread.join(LIMIT)


@pytest.mark.parametrize("host", [*GOOD, *BAD])
def test_python_takes_it_for_vaults_alone(files, host):
    import socket

    def come(port):
        # As requests and certifi do it: the whole of what is trusted is one file.
        context = ssl.create_default_context(cafile=files[0])
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        with socket.create_connection(("127.0.0.1", port)) as plain:
            try:
                with context.wrap_socket(plain, server_hostname=host):
                    return "trusted"
            except ssl.SSLCertVerificationError as error:
                return error.verify_message

    found = handshake(files, host, come)
    assert found == ("trusted" if host in GOOD else "permitted subtree violation")


@pytest.mark.parametrize("host", [GOOD[0], BAD[0]])
def test_node_takes_it_for_vaults_alone(files, host):
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node command")
    script = (
        "require('tls').connect({host:'127.0.0.1',port:+process.argv[1],"
        "servername:process.argv[2]},function(){console.log('trusted');this.destroy()})"
        ".on('error',()=>console.log('refused'))"
    )

    def come(port):
        done = subprocess.run(
            [node, "-e", script, str(port), host],
            env={"PATH": "/usr/bin:/bin", "NODE_EXTRA_CA_CERTS": str(files[0])},
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        return done.stdout.strip()

    assert handshake(files, host, come) == ("trusted" if host in GOOD else "refused")


GO = """package main
import ("crypto/tls";"crypto/x509";"fmt";"os")
func main() {
 pem, _ := os.ReadFile(os.Args[1])
 pool := x509.NewCertPool(); pool.AppendCertsFromPEM(pem)
 c, err := tls.Dial("tcp", "127.0.0.1:"+os.Args[2],
  &tls.Config{RootCAs: pool, ServerName: os.Args[3]})
 if err != nil { fmt.Println("refused"); return }
 c.Close(); fmt.Println("trusted")
}
"""


@pytest.mark.parametrize("host", [GOOD[0], BAD[0]])
def test_go_takes_it_for_vaults_alone(files, host, tmp_path):
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no go command")
    source = tmp_path / "main.go"
    source.write_text(GO)

    def come(port):
        done = subprocess.run(
            [go, "run", source, files[0], str(port), host],
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        return done.stdout.strip() or done.stderr

    assert handshake(files, host, come) == ("trusted" if host in GOOD else "refused")
