"""The parts that every form of a reference is made of: vault, secret, version, identifier URI.

https only, Key Vault's own hosts only (else a token would go to whoever is named), no query,
fragment, user info or escapes. Messages name a place and never repeat the text: a misplaced value
may be a secret.
"""

from __future__ import annotations

import re
from typing import NoReturn

from devvault.errors import Invalid
from devvault.references.reference import INVALID_SYNTAX, SERVED_SUFFIX

# azd's list; only the first is served here, the others parse so that the answer can say so.
SUFFIXES = (
    SERVED_SUFFIX,
    ".vault.azure.cn",
    ".vault.usgovcloudapi.net",
    ".vault.microsoftazure.de",
    ".managedhsm.azure.net",
)
HINT = "devvault help references"

_VAULT = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]")
_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
# Any visible ASCII that cannot end the path or change which secret it names.
_VERSION = re.compile(r"(?!\.{1,2}$)[^\x00-\x20\x7f-\U0010ffff/\\?#%;]+")
Span = tuple[int, str]  # where a piece starts in the text (from 0), and the piece


def refuse(at: int, what: str) -> NoReturn:
    """Raise Invalid for what is wrong at a character (from 0) of a text."""
    raise Invalid(
        f"the reference is malformed at character {at + 1}: {what}",
        code=INVALID_SYNTAX,
        hint=HINT,
        fields={"place": str(at + 1)},
    )


def trimmed(at: int, text: str) -> Span:
    """Take off white space around a piece."""
    inner = text.lstrip()
    return at + len(text) - len(inner), inner.rstrip()


def unwrapped(text: str) -> Span:
    """Take off white space and one layer of matching quotes, and the white space inside them."""
    at, inner = trimmed(0, text)
    if len(inner) >= 2 and inner[0] == inner[-1] and inner[0] in "'\"":
        return trimmed(at + 1, inner[1:-1])
    return at, inner


def from_uri(at: int, uri: str, called: str) -> tuple[str, str, str, str | None]:
    """Return host, vault, name and version of a secret's identifier; `called` names the part."""
    if not uri:
        refuse(at, f"{called} has no value")
    scheme = "https://"
    if uri[: len(scheme)].lower() != scheme:
        refuse(at, f"{called} must start with https://")
    for mark, what in (("?", "a query"), ("#", "a fragment"), ("%", "a percent escape")):
        if mark in uri:
            refuse(at + uri.index(mark), f"{what} is not allowed in {called}")
    authority, slash, path = uri[len(scheme) :].partition("/")
    at += len(scheme)
    if "@" in authority:
        refuse(at, f"user info is not allowed in {called}")
    host, colon, port = authority.partition(":")
    if colon and port not in ("", "443"):
        refuse(at + len(host) + 1, "the port of a Key Vault is 443")
    lowered = host.lower()
    suffix = next((s for s in SUFFIXES if host.isascii() and lowered.endswith(s)), None)
    if suffix is None:
        refuse(at, f"the host must be <vault>{SERVED_SUFFIX}")
    vault = vault_name(at, host[: -len(suffix)])
    if not slash:
        refuse(at + len(authority), "the path /secrets/<name> is missing")
    name, version = _from_path(at + len(authority) + 1, path)
    return lowered, vault, name, version


def _from_path(at: int, path: str) -> tuple[str, str | None]:
    collection, slash, rest = path.partition("/")
    if collection.lower() != "secrets":
        known = collection.lower() in ("keys", "certificates", "deletedsecrets", "storage")
        here = f"/{collection.lower()}/ is not a place of secrets: " if known else ""
        refuse(at, f"{here}the path must be /secrets/<name>[/<version>]")
    at += len(collection) + len(slash)
    pieces = rest.removesuffix("/").split("/") if rest != "/" else ["", ""]
    if len(pieces) > 2:
        refuse(at + len(pieces[0]) + len(pieces[1]) + 2, "something follows the version")
    name = secret_name(at, pieces[0])
    if len(pieces) == 1:
        return name, None
    return name, secret_version(at + len(name) + 1, pieces[1])


def vault_name(at: int, vault: str) -> str:
    """Return a vault's name in lower case."""
    if not vault:
        refuse(at, "the vault's name is missing")
    if not _VAULT.fullmatch(vault):
        refuse(
            at,
            "a vault's name has 3 to 24 letters, digits and hyphens, starts with a letter "
            "and ends with a letter or digit",
        )
    return vault.lower()


def secret_name(at: int, name: str) -> str:
    """Return a secret's name as it is written."""
    if not name:
        refuse(at, "the secret's name is missing")
    if not _NAME.fullmatch(name):
        refuse(at, "a secret's name has 1 to 127 letters, digits and hyphens, and nothing else")
    return name


def secret_version(at: int, version: str) -> str:
    """Return a version as it is written."""
    if not _VERSION.fullmatch(version):
        refuse(at, "a version has 32 hexadecimal characters, and never a slash or a blank")
    return version
