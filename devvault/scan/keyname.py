"""What a setting's name says about its value: a password, a key, a mere label of one, or nothing.

Names are cut into words (`DB_PASSWORD`, `dbPassword`, `db-password` are the same two), so that
`KEYBOARD`, `TOKEN_URL` and `PASSWORD_MIN_LENGTH` are not taken for what they only mention.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import cache, lru_cache
from itertools import pairwise


class KeyKind(Enum):
    """What a name promises."""

    PASSWORD = "password"  # noqa: S105  # a kind of name
    SECRET = "secret"  # noqa: S105  # likewise: secrets, tokens, credentials, API keys
    CONNECTION = "connection string"
    KEY = "key"  # may be one; the value has to look like it
    LABEL = "label"  # a name, place, size or rule of something
    NEUTRAL = "neutral"


_PASSWORD_ENDS = ("password", "passwd", "passphrase", "passcode", "passwort", "pwd")
_PASSWORDS = frozenset({"pass", "pw", "passwords", "psk"})
_SECRET_ENDS = (
    "secret", "token", "credential", "credentials", "apikey", "accesskey", "accountkey",
    "privatekey", "secretkey", "sharedkey", "masterkey", "signingkey", "encryptionkey",
    "storagekey", "authkey", "functionkey", "subscriptionkey", "hostkey", "adminkey",
)  # fmt: skip
_SECRETS = frozenset({"secrets", "pat", "bearer"})
_CONNECTION_ENDS = ("connectionstring", "connectionstrings", "connstring", "connstr")
_BEFORE_KEY = frozenset(
    {
        "access", "account", "admin", "api", "auth", "encryption", "function", "host", "license",
        "master", "private", "secret", "shared", "signing", "storage", "subscription", "ssh",
        "deploy", "client",
    }
)  # fmt: skip
_HARMLESS_BEFORE_KEY = frozenset(
    {
        "public", "publishable", "partition", "sort", "foreign", "instrumentation", "cache", "row",
        "idempotency", "site", "group", "map", "object", "hot", "routing", "lookup", "natural",
        "composite", "unique", "index",
    }
)  # fmt: skip
_KEYS = frozenset(
    {"key", "keys", "auth", "salt", "pepper", "sas", "jwt", "otp", "totp", "hmac", "cookie",
     "session", "pfx", "cert", "certificate"}
)  # fmt: skip
# Tokens that say where to go on, or which request it was: they open nothing.
_HARMLESS_BEFORE_TOKEN = frozenset(
    {"next", "page", "continuation", "pagination", "sync", "update", "lock", "idempotency", "delta",
     "skip", "resume", "cancellation", "concurrency", "revision"}
)  # fmt: skip
# The last word of names that are about a secret and hold none.
_LABELS = frozenset(
    {
        "url", "urls", "uri", "uris", "endpoint", "endpoints", "name", "names", "id", "ids",
        "identifier", "length", "len", "min", "max", "size", "count", "path", "paths", "file",
        "files", "filename", "dir", "directory", "folder", "policy", "expiry", "expires",
        "expiration", "ttl", "timeout", "lifetime", "age", "days", "hours", "minutes", "seconds",
        "enabled", "disabled", "enable", "disable", "required", "optional", "type", "kind",
        "format", "algorithm", "alg", "header", "field", "prefix", "suffix", "version", "provider",
        "issuer", "audience", "scope", "scopes", "mode", "region", "location", "host", "hostname",
        "port", "user", "username", "email", "regex", "pattern", "template", "hint", "label",
        "description", "title", "text", "message", "prompt", "placeholder", "rotation", "rotate",
        "reset", "vault", "thumbprint", "fingerprint", "hash", "digest", "checksum", "sha", "md5",
        "interval", "limit", "limits", "strength", "complexity", "history", "attempts", "retries",
        "store", "manager", "service", "source", "ref", "reference", "env", "var", "variable",
        "column", "table", "group", "class", "encoding", "chars", "budget", "usage", "status",
        "method", "flow", "grant", "level", "bits", "curve", "iterations", "rounds", "cost",
        "allowed", "rules", "rule", "validator", "validators", "plugin", "backend", "driver",
        "hasher", "hashing", "encoder", "generator", "tenant",
        "example", "examples", "subscription", "revision",
        "commit", "tag", "etag", "domain", "address",
    }
)  # fmt: skip
# Words behind the one that counts: DB_PASSWORD_PROD, API_KEY_2.
_TRAILERS = frozenset(
    {"prod", "production", "dev", "development", "test", "staging", "stage", "local", "default",
     "base", "base64", "b64", "value", "new", "old", "current", "previous", "live", "primary",
     "secondary", "main", "backup", "raw", "plain"}
)  # fmt: skip


@cache
def _words() -> re.Pattern[str]:
    return re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def _split(key: str) -> list[str]:
    words = [word.lower() for word in _words().findall(key.replace("B64", "b64"))]
    while len(words) > 1 and (words[-1].isdigit() or words[-1] in _TRAILERS):
        words.pop()
    return words


@lru_cache(maxsize=4096)  # a project has the same few names at each run
def kind_of(key: str) -> KeyKind:
    """Return what a setting's name says. Cheap; never raises."""
    words = _split(key)
    if not words:
        return KeyKind.NEUTRAL
    pairs = list(pairwise(words))
    if words[-1] in _LABELS or (words[-1] == "key" and _HARMLESS_BEFORE_KEY & set(words)):
        return KeyKind.LABEL
    if ("public", "key") in pairs:  # publicKeyToken
        return KeyKind.LABEL
    if words[-1] == "token" and len(words) > 1 and words[-2] in _HARMLESS_BEFORE_TOKEN:
        return KeyKind.LABEL
    if any(w.endswith(_PASSWORD_ENDS) or w in _PASSWORDS for w in words):
        return KeyKind.PASSWORD
    if ("connection", "string") in pairs or ("connection", "strings") in pairs:
        return KeyKind.CONNECTION
    if ("conn", "str") in pairs or any(w.endswith(_CONNECTION_ENDS) or w == "dsn" for w in words):
        return KeyKind.CONNECTION
    if any(w.endswith(_SECRET_ENDS) or w in _SECRETS for w in words):
        return KeyKind.SECRET
    if ("basic", "auth") in pairs:
        return KeyKind.SECRET
    if any(second == "key" and first in _BEFORE_KEY for first, second in pairs):
        return KeyKind.SECRET
    if words[-1] in _KEYS:
        return KeyKind.KEY
    return KeyKind.NEUTRAL


@lru_cache(maxsize=4096)
def ends_as(key: str) -> KeyKind:
    """Return what a name says by its last words alone: `resetPasswordTitle` is neutral.

    Source code and large settings files name many things after secrets that are none.
    """
    last = re.split(r"[.:>]", key.rstrip(".:>"))[-1] or key
    kind = kind_of(last)
    if kind in (KeyKind.NEUTRAL, KeyKind.LABEL):
        whole = kind_of(key)
        holder = key.partition(":")[0] if ":" in key else last
        if whole is not KeyKind.LABEL and kind is KeyKind.NEUTRAL and holder != last:
            return kind_of(holder)
        return kind
    words = _split(last)
    ending = "".join(words[-2:])
    if any(
        word.endswith((*_PASSWORD_ENDS, *_SECRET_ENDS, *_CONNECTION_ENDS))
        or word in _PASSWORDS | _SECRETS | _KEYS
        or word in ("dsn", "connstr", "connection", "key")
        for word in (*words[-1:], ending)
    ):
        return kind
    return (
        kind
        if len(words) >= 2 and words[-1] in ("string", "strings", "str", "pair")
        else KeyKind.NEUTRAL
    )
