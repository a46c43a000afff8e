import datetime as dt

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from devvault.crypto.authority import make_authority
from devvault.crypto.truststore import write_truststore

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def pems():
    made = [make_authority(f"devvault test CA {n}", ("vault.localhost",), NOW) for n in range(2)]
    return [authority.certificate.encode() for authority in made]


def read(data):
    store = load_pkcs12(data, None)
    assert store.key is None
    assert store.cert is None
    return sorted(held.certificate.public_bytes(Encoding.PEM) for held in store.additional_certs)


def test_each_certificate_is_in_the_store_and_no_key(pems):
    assert read(write_truststore(pems)) == sorted(pems)


def test_what_is_no_certificate_is_left_out(pems):
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
    assert read(write_truststore([broken, pems[0], b""])) == [pems[0]]
