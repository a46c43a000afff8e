from __future__ import annotations

import base64
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from devvault.access import tokens
from devvault.access.tokens import VAULT_APP, VAULT_AUDIENCE, Grant, Tokens, new_signing_key
from devvault.errors import Damaged, Unauthorized

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TENANT = "72f988bf-0000-4000-8000-2d7cd011db47"
OID = "11111111-1111-4111-8111-111111111111"
APPID = "22222222-2222-4222-8222-222222222222"
AUDIENCES = (VAULT_AUDIENCE, VAULT_APP)
KEY = new_signing_key()
HOME = Tokens(KEY, TENANT)
GRANT = Grant(OID, APPID, VAULT_AUDIENCE, HOUR, session="a1b2")
TOKEN = HOME.issue(GRANT, NOW).token


def encode(data: bytes | dict) -> str:
    raw = json.dumps(data).encode() if isinstance(data, dict) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(text + "=="))


def claims(token: str) -> dict:
    return decode(token.split(".")[1])


def refused(token: str, home: Tokens = HOME, now: datetime = NOW, audiences=AUDIENCES) -> str:
    with pytest.raises(Unauthorized) as caught:
        home.verify(token, audiences, now)
    return caught.value.message


def test_a_token_says_what_it_was_issued_for():
    found = HOME.verify(TOKEN, AUDIENCES, NOW)
    assert (found.oid, found.appid, found.session) == (OID, APPID, "a1b2")
    assert (found.not_before, found.expires) == (NOW, NOW + HOUR)
    assert HOME.verify(TOKEN, AUDIENCES, NOW) is found


def test_its_claims_are_those_of_a_v1_token():
    body = claims(TOKEN)
    assert body["aud"] == VAULT_AUDIENCE
    assert body["iss"] == body["idp"] == f"https://sts.windows.net/{TENANT}/"
    assert body["exp"] - body["iat"] == 3600
    assert body["iat"] == body["nbf"] == int(NOW.timestamp())
    assert (body["oid"], body["sub"], body["tid"]) == (OID, OID, TENANT)
    assert (body["appid"], body["appidacr"], body["ver"]) == (APPID, "2", "1.0")
    assert (body["idtyp"], body["sid"]) == ("app", "a1b2")
    assert len(body["uti"]) == 22
    assert "xms_cc" not in body
    assert "xms_mirid" not in body


def test_what_is_asked_for_is_in_it():
    managed = claims(HOME.issue(replace(GRANT, cae=True, resource_id="/x", session=""), NOW).token)
    assert managed["xms_cc"] == ["CP1"]
    assert managed["xms_mirid"] == "/x"
    assert "sid" not in managed
    user = claims(HOME.issue(replace(GRANT, user_name="ada"), NOW).token)
    assert (user["idtyp"], user["appidacr"], user["name"]) == ("user", "0", "ada")
    assert claims(HOME.issue(replace(GRANT, secret=True), NOW).token)["appidacr"] == "1"


def test_its_key_is_published_as_others_read_it():
    header = decode(TOKEN.split(".")[0])
    assert header["typ"] == "JWT"
    assert header["alg"] == "RS256"
    (key,) = HOME.jwks()["keys"]
    assert header["kid"] == header["x5t"] == key["kid"]
    numbers = [
        int.from_bytes(base64.urlsafe_b64decode(key[name] + "=="), "big") for name in ("e", "n")
    ]
    signed, _, signature = TOKEN.rpartition(".")
    rsa.RSAPublicNumbers(*numbers).public_key().verify(
        base64.urlsafe_b64decode(signature + "=="),
        signed.encode(),
        padding.PKCS1v15(),
        hashes.SHA256(),
    )


def test_a_restarted_daemon_takes_the_tokens_of_before():
    assert Tokens(KEY, TENANT).verify(TOKEN, AUDIENCES, NOW).oid == OID


@given(st.integers(0, len(TOKEN) - 1), st.integers(0, 7))
def test_any_bit_that_is_flipped_is_refused(at, bit):
    changed = chr(ord(TOKEN[at]) ^ (1 << bit))
    refused(TOKEN[:at] + changed + TOKEN[at + 1 :])


@given(st.integers(0, len(TOKEN)), st.text(min_size=1, max_size=5))
def test_anything_put_in_is_refused(at, more):
    refused(TOKEN[:at] + more + TOKEN[at:])


@given(st.integers(0, len(TOKEN) - 1))
def test_a_token_that_is_cut_off_is_refused(at):
    refused(TOKEN[:at])


@given(st.text(max_size=300))
def test_any_other_text_is_refused(text):
    refused(text)


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_any_other_payload_is_refused(body):
    header, _, signature = TOKEN.split(".")
    payload = encode(json.dumps(body).encode())
    refused(f"{header}.{payload}.{signature}")
    refused(f"{encode({'alg': 'none'})}.{payload}.")


def test_a_swapped_identity_is_refused():
    header, payload, signature = TOKEN.split(".")
    body = {**decode(payload), "oid": "99999999-9999-4999-8999-999999999999"}
    assert "AKV10046" in refused(f"{header}.{encode(body)}.{signature}")
    other = HOME.issue(replace(GRANT, oid=APPID), NOW).token.split(".")
    assert "AKV10046" in refused(f"{header}.{other[1]}.{signature}")


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "RS512", "PS256", "ES256", ""])
def test_no_algorithm_is_chosen_by_a_token(alg):
    header, payload, signature = TOKEN.split(".")
    changed = encode({**decode(header), "alg": alg})
    for end in ("", signature):
        assert "AKV10046" in refused(f"{changed}.{payload}.{end}")


def test_the_public_key_is_no_hmac_key():
    header, payload, _ = TOKEN.split(".")
    signed = f"{encode({**decode(header), 'alg': 'HS256'})}.{payload}"
    public = serialization.load_der_private_key(KEY, None).public_key()
    forms = [
        public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
        for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER)
    ]
    for secret in (*forms, json.dumps(HOME.jwks()).encode(), b""):
        mac = encode(hmac.digest(secret, signed.encode(), "sha256"))
        assert "AKV10046" in refused(f"{signed}.{mac}")


def test_no_key_is_taken_out_of_a_token():
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    header, payload, _ = TOKEN.split(".")
    for more in ({"jku": "https://evil.example/keys"}, {"jwk": HOME.jwks()["keys"][0]}, {}):
        signed = f"{encode({**decode(header), **more})}.{payload}"
        signature = own.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        assert "AKV10046" in refused(f"{signed}.{encode(signature)}")


def test_a_token_of_another_home_is_refused():
    other = Tokens(new_signing_key(), TENANT)
    assert "AKV10046" in refused(other.issue(GRANT, NOW).token)


def test_a_token_of_another_tenant_is_refused_by_its_issuer():
    cloud = Tokens(new_signing_key(), "99999999-9999-4999-8999-999999999999")
    for token in (cloud.issue(GRANT, NOW).token, Tokens(KEY, cloud.tenant).issue(GRANT, NOW).token):
        assert refused(token) == (
            f"AKV10032: Invalid issuer. Expected one of https://sts.windows.net/{TENANT}/, found"
            " https://sts.windows.net/99999999-9999-4999-8999-999999999999/."
        )


def test_an_issuer_that_is_told_back_steers_no_terminal():
    body = {"iss": "https://\x1b[2J\r\nx/" + "y" * 1000}
    words = refused(f"{encode({})}.{encode(body)}.")
    assert words.isprintable()
    assert len(words) < 400


@pytest.mark.parametrize(
    "audience",
    ["https://management.azure.com", "https://vault.azure.net/", "https://vault.localhost:1", ""],
)
def test_a_token_for_another_audience_is_refused(audience):
    token = HOME.issue(replace(GRANT, audience=audience), NOW).token
    assert refused(token) == (
        f"AKV10022: Invalid audience. Expected https://vault.azure.net, found: {audience}."
    )
    # Remembered, it is still for no other.
    refused(token)
    assert HOME.verify(token, (audience,), NOW).audience == audience


def test_both_names_of_the_service_are_its_audience():
    token = HOME.issue(replace(GRANT, audience=VAULT_APP), NOW).token
    assert HOME.verify(token, AUDIENCES, NOW).audience == VAULT_APP


def test_a_token_ends_to_the_second_and_begins_with_a_little_patience():
    fresh = Tokens(KEY, TENANT)
    for home in (fresh, HOME):
        HOME.verify(TOKEN, AUDIENCES, NOW + HOUR - timedelta(seconds=1))
        assert "expired" in refused(TOKEN, home, NOW + HOUR)
        HOME.verify(TOKEN, AUDIENCES, NOW - timedelta(minutes=5))
        assert "not valid yet" in refused(TOKEN, home, NOW - timedelta(minutes=6))


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(tokens, "_CACHE_LIMIT", 4)
    home = Tokens(KEY, TENANT)
    issued = [home.issue(GRANT, NOW).token for _ in range(10)]
    for token in issued:
        home.verify(token, AUDIENCES, NOW)
        assert len(home._known) <= 4
    assert home.verify(issued[0], AUDIENCES, NOW).oid == OID


def test_a_refused_token_is_not_remembered():
    home = Tokens(KEY, TENANT)
    refused(TOKEN[:-4] + "AAAA", home)
    assert not home._known


def test_a_huge_token_is_not_read():
    refused(f"{TOKEN.rpartition('.')[0]}.{'A' * 100_000}")
    refused("." * 100_000)


def test_nothing_shows_a_key_or_a_token():
    issued = HOME.issue(GRANT, NOW)
    assert issued.token not in repr(issued)
    assert repr(HOME) == f"Tokens('{TENANT}')"


@pytest.mark.parametrize("data", [b"", b"\x30\x00", KEY[:-5]])
def test_a_key_that_is_none_is_damaged(data):
    with pytest.raises(Damaged):
        Tokens(data, TENANT)
