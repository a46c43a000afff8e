"""Access tokens: issued and verified, RS256 JWTs under the home's own signing key.

No JWT library: this service takes its own tokens alone, so a header is compared, never obeyed, and
no algorithm is ever chosen by whoever sends one. Whether a session still lives and its principal
still exists is asked by the front with every request; a token says only what it said when made.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from devvault.errors import Damaged, Unauthorized

VAULT_AUDIENCE = "https://vault.azure.net"
# The application id under which Key Vault itself is known to Entra.
VAULT_APP = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"
# How long a token of Entra lives, and one of a managed identity.
CLIENT_LIFE = timedelta(hours=1)
MANAGED_LIFE = timedelta(hours=24)
# Issued on this very machine; still its clock may be set back a little.
_SKEW = timedelta(minutes=5)
_TOKEN_LIMIT = 16 * 1024
_CACHE_LIMIT = 1024
_KEY_BITS = 2048
_RS256 = (padding.PKCS1v15(), hashes.SHA256())

# The service's words. 10000, 10022 and 10032 are recorded; the others' are not documented.
MISSING = "AKV10000: Request is missing a Bearer or PoP token."
_MALFORMED = "AKV10001: The access token is malformed."
_EXPIRED = "AKV10002: The access token is expired."
_TOO_EARLY = "AKV10003: The access token is not valid yet."
ENDED = "AKV10004: The run that this access token was issued to has ended."
UNKNOWN = "AKV10005: The identity that this access token was issued to does not exist any more."
UNSIGNED = "AKV10046: Unable to resolve the key used for signature validation."


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token is asked for. `session` is empty for one that no run or shell holds.

    `resource_id` is a managed identity's ARM id. `cae` says that the client can take a claims
    challenge.
    """

    oid: str
    appid: str
    audience: str
    life: timedelta
    session: str = ""
    user_name: str = ""
    resource_id: str = ""
    cae: bool = False
    secret: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Issued:
    """A token in clear, and when it expires."""

    token: str
    expires: datetime

    def __repr__(self) -> str:
        """Leave the token out."""
        return f"Issued({self.expires!r})"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says."""

    oid: str
    appid: str
    audience: str
    session: str
    not_before: datetime
    expires: datetime


def new_signing_key() -> bytes:
    """Return a new private key; it rests in a sealed record."""
    return rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS).private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


class Tokens:
    """The tokens of one home while it is unlocked. Thread-safe.

    What was verified is remembered by its full text, so that a program's many requests with one
    token cost one check of its signature.
    """

    def __init__(self, key: bytes, tenant: str) -> None:
        """Take the key from its record.

        Raises:
            Damaged: it is no such key.
        """
        try:
            # Our own seal vouches for it; checking it anew would take fifty times a signature.
            private = serialization.load_der_private_key(
                key, None, unsafe_skip_rsa_key_validation=True
            )
        except (ValueError, TypeError) as error:
            raise Damaged("the key that signs access tokens is malformed") from error
        if not isinstance(private, rsa.RSAPrivateKey):
            raise Damaged("the key that signs access tokens is of another kind")
        self.tenant = tenant
        self.issuer = f"https://sts.windows.net/{tenant}/"
        self._private = private
        self._public = private.public_key()
        self._id = _key_id(self._public)
        self._header = _json64({"typ": "JWT", "alg": "RS256", "x5t": self._id, "kid": self._id})
        self._known: dict[str, Claims] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Leave the keys out."""
        return f"Tokens({self.tenant!r})"

    def issue(self, grant: Grant, now: datetime) -> Issued:
        """Return a token; its claims are those of a v1 token of Entra."""
        begins = int(now.timestamp())
        ends = begins + int(grant.life.total_seconds())
        claims: dict[str, Any] = {
            "aud": grant.audience,
            "iss": self.issuer,
            "iat": begins,
            "nbf": begins,
            "exp": ends,
            "appid": grant.appid,
            "appidacr": "0" if grant.user_name else "1" if grant.secret else "2",
            "idp": self.issuer,
            "idtyp": "user" if grant.user_name else "app",
            "oid": grant.oid,
            "sub": grant.oid,
            "tid": self.tenant,
            "uti": secrets.token_urlsafe(16),
            "ver": "1.0",
        }
        if grant.user_name:
            claims |= {"name": grant.user_name, "scp": "user_impersonation"}
        if grant.resource_id:
            claims["xms_mirid"] = grant.resource_id
        if grant.cae:
            claims["xms_cc"] = ["CP1"]
        if grant.session:
            claims["sid"] = grant.session
        signed = f"{self._header}.{_json64(claims)}"
        signature = self._private.sign(signed.encode(), *_RS256)
        return Issued(f"{signed}.{_encode(signature)}", datetime.fromtimestamp(ends, UTC))

    def verify(self, token: str, audiences: Collection[str], now: datetime) -> Claims:
        """Return what a token says, if it is ours, for one of these audiences, and valid now.

        Raises:
            Unauthorized: it is not; in the service's words. The first audience is the one named.
        """
        found = self._known.get(token)
        if found is None:
            found = self._read(token)
            self._remember(token, found)
        if now >= found.expires:
            with self._lock:
                self._known.pop(token, None)
            raise Unauthorized(_EXPIRED)
        if found.not_before - now > _SKEW:
            raise Unauthorized(_TOO_EARLY)
        if found.audience not in audiences:
            expected = next(iter(audiences))
            raise Unauthorized(
                f"AKV10022: Invalid audience. Expected {expected}, found: {found.audience}."
            )
        return found

    def has_seen(self, token: str) -> bool:
        """Say whether this very text was verified before; `verify` says whether it is valid now."""
        return token in self._known

    def jwks(self) -> dict[str, Any]:
        """Return the public key as a JSON Web Key Set."""
        numbers = self._public.public_numbers()
        return {
            "keys": [
                {
                    "kty": "RSA",
                    "use": "sig",
                    "alg": "RS256",
                    "kid": self._id,
                    "x5t": self._id,
                    "n": _encode(numbers.n.to_bytes(_KEY_BITS // 8, "big")),
                    "e": _encode(numbers.e.to_bytes(3, "big")),
                    "issuer": self.issuer,
                }
            ]
        }

    def _read(self, token: str) -> Claims:
        parts = token.split(".", 3)
        if len(token) > _TOKEN_LIMIT or not token.isascii() or len(parts) != 3:
            raise Unauthorized(_MALFORMED)
        header, payload, signature = parts
        if header != self._header:
            raise self._foreign(payload)
        try:
            raw = _decode(signature)
            self._public.verify(raw, f"{header}.{payload}".encode(), *_RS256)
        except ValueError as error:
            raise Unauthorized(_MALFORMED) from error
        except InvalidSignature as error:
            raise Unauthorized(UNSIGNED) from error
        # From here on it is a text of our own making.
        body = json.loads(_decode(payload))
        if body["iss"] != self.issuer or body["tid"] != self.tenant:
            raise self._wrong_issuer(body["iss"])
        return Claims(
            oid=body["oid"],
            appid=body["appid"],
            audience=body["aud"],
            session=body.get("sid", ""),
            not_before=datetime.fromtimestamp(body["nbf"], UTC),
            expires=datetime.fromtimestamp(body["exp"], UTC),
        )

    def _foreign(self, payload: str) -> Unauthorized:
        """Return the refusal of a token that is not ours; it says whose it claims to be."""
        try:
            body = json.loads(_decode(payload))
        except (ValueError, RecursionError):
            return Unauthorized(_MALFORMED)
        issuer = body.get("iss") if isinstance(body, dict) else None
        if isinstance(issuer, str) and issuer != self.issuer:
            return self._wrong_issuer(issuer)
        return Unauthorized(UNSIGNED)

    def _wrong_issuer(self, found: str) -> Unauthorized:
        plain = "".join(c if "!" <= c <= "~" else "?" for c in found[:200])
        return Unauthorized(
            f"AKV10032: Invalid issuer. Expected one of {self.issuer}, found {plain}."
        )

    def _remember(self, token: str, claims: Claims) -> None:
        with self._lock:
            if len(self._known) >= _CACHE_LIMIT:
                for old in list(self._known)[: _CACHE_LIMIT // 2]:
                    del self._known[old]
            self._known[token] = claims


def _key_id(public: rsa.RSAPublicKey) -> str:
    spki = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    # As long as the certificate thumbprint that Entra puts there.
    return _encode(hashlib.sha256(spki).digest()[:20])


def _json64(body: dict[str, Any]) -> str:
    return _encode(json.dumps(body, separators=(",", ":")).encode())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Return the bytes of base64url.

    Raises:
        ValueError: it is not written in the one way that it must be.
    """
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode(data) != text:
        raise ValueError("not the one form of base64url")
    return data
