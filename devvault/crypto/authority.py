"""A certificate authority of the home, and the server certificates that it signs.

It may sign for a few domains alone, and says so in critical constraints that every TLS library
enforces: a stolen key is no key to the rest of the web. Directory names carry no constraint of
their own (Go refuses an authority that has one); nobody takes a host from there any more.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = timedelta(days=365)
LEAF_LIFE = timedelta(days=30)
# Clocks of clients run behind; this much is taken from the life of what is made, not added.
_SKEW = timedelta(hours=1)
# Nothing has a name in here: with it as the only permitted one, a kind of name is excluded whole.
# (An excluded "everything" is read in several ways; an exhausted permission in one.)
_NOWHERE = "devvault.invalid"
_EVERY_ADDRESS = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority: its key (PKCS#8, DER), its certificate (PEM), and how long it is good."""

    key: bytes
    certificate: str
    begins: datetime
    ends: datetime

    def __repr__(self) -> str:
        """Leave the key out."""
        return f"Authority(until {self.ends:%Y-%m-%d})"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A server certificate: both in PEM, the key first, as OpenSSL reads them from one file."""

    pem: bytes
    ends: datetime

    def __repr__(self) -> str:
        """Leave the key out."""
        return f"Leaf(until {self.ends:%Y-%m-%d})"


def make_authority(title: str, domains: Sequence[str], now: datetime) -> Authority:
    """Return a new authority that may sign for these domains and the names below them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title[:64])])
    begins = (now - _SKEW).replace(microsecond=0)
    ends = begins + AUTHORITY_LIFE
    permitted: list[x509.GeneralName] = [x509.DNSName(domain) for domain in domains]
    permitted += [x509.RFC822Name(_NOWHERE), x509.UniformResourceIdentifier(_NOWHERE)]
    excluded = [x509.IPAddress(ipaddress.ip_network(every)) for every in _EVERY_ADDRESS]
    made = (
        _builder(name, name, key.public_key(), begins, ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, excluded), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    stored = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Authority(stored, _pem(made).decode(), begins, ends)


def make_leaf(
    authority: Authority, host: str, now: datetime, *, password: bytes | None = None
) -> Leaf:
    """Return a key and a certificate for one host, made now; never longer than its authority.

    With `password` the key's PEM is encrypted, for a reader that wants it in a file.
    """
    signer = serialization.load_der_private_key(authority.key, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    above = x509.load_pem_x509_certificate(authority.certificate.encode())
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    begins = max((now - _SKEW).replace(microsecond=0), authority.begins)
    ends = min(begins + LEAF_LIFE, authority.ends)
    above_id = above.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    made = (
        _builder(name, above.subject, key.public_key(), begins, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above_id),
            critical=False,
        )
        .sign(signer, hashes.SHA256())
    )
    stored = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        _encryption(password),
    )
    return Leaf(stored + _pem(made), ends)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    begins: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _encryption(password: bytes | None) -> serialization.KeySerializationEncryption:
    if password is None:
        return serialization.NoEncryption()
    return serialization.BestAvailableEncryption(password)


def _pem(made: x509.Certificate) -> bytes:
    return made.public_bytes(serialization.Encoding.PEM)
