"""A Java trust store: root certificates in PKCS #12 (RFC 7292), marked as trusted as Java wants it.

It holds nothing secret, so it has neither password nor MAC; Java 8 and newer read it without one.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import NoEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12Certificate,
    serialize_java_truststore,
)
from cryptography.utils import CryptographyDeprecationWarning


def write_truststore(certificates: Iterable[bytes]) -> bytes:
    """Return the store with these certificates (PEM); what cannot be read as one is left out."""
    found = []
    with warnings.catch_warnings():
        # Of roots with odd serial numbers, which systems still carry.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for number, text in enumerate(certificates):
            try:
                certificate = x509.load_pem_x509_certificate(text)
            except ValueError:
                continue
            found.append(PKCS12Certificate(certificate, b"%d" % number))
    return serialize_java_truststore(found, NoEncryption())
