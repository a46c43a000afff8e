"""`@Microsoft.KeyVault(...)`, both syntaxes, as App Service, Functions and Logic Apps have it.

The grammar takes what the two open resolvers (Functions Core Tools, azd) agree on and no more: the
whole value, https only, Key Vault's own hosts only, no query, fragment, user info or escapes.
Messages name a place and never repeat the text: a misplaced value may be a secret.
"""

from __future__ import annotations

import re
from typing import NoReturn

from devvault.errors import Invalid
from devvault.references.base import INVALID_SYNTAX
from devvault.references.reference import SERVED_SUFFIX, Reference

PREFIX = "@Microsoft.KeyVault("
# azd's list; only the first is served here, the others parse so that the answer can say so.
SUFFIXES = (
    SERVED_SUFFIX,
    ".vault.azure.cn",
    ".vault.usgovcloudapi.net",
    ".vault.microsoftazure.de",
    ".managedhsm.azure.net",
)
HINT = "devvault help references"

_PARAMETERS = ("SecretUri", "VaultName", "SecretName", "SecretVersion")
_BY_LOWER = {name.lower(): name for name in _PARAMETERS}
_VAULT = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]")
_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
# Any visible ASCII that cannot end the path or change which secret it names.
_VERSION = re.compile(r"(?!\.{1,2}$)[^\x00-\x20\x7f-\U0010ffff/\\?#%;]+")
_Span = tuple[int, str]  # where a piece starts in the text (from 0), and the piece


class AppService:
    """The form `@Microsoft.KeyVault(...)`. It has no state."""

    name = "appservice"

    def find(self, text: str) -> bool:
        """Say whether a text starts as this form does, after white space and a quote."""
        _, inner = _unwrapped(text)
        head = inner[: len(PREFIX)]
        # A Kelvin sign lowers to "k"; App Service's word is ASCII.
        return head.isascii() and head.lower() == PREFIX.lower()

    def parse(self, text: str) -> Reference:
        """Return the reference; see `Form.parse` for what it raises."""
        at, inner = _unwrapped(text)
        if not self.find(text):
            _refuse(at, f"this does not start with {PREFIX}")
        if not inner.endswith(")"):
            if ")" in inner:
                _refuse(at + inner.rindex(")") + 1, "something follows the closing bracket")
            _refuse(at + len(inner), "the closing bracket is missing")
        body = inner[len(PREFIX) : -1]
        given = _parameters(at + len(PREFIX), body)
        if "SecretUri" in given:
            # Both resolvers let SecretUri win over the other parameters.
            host, vault, name, version = _from_uri(*given["SecretUri"])
        else:
            host, vault, name, version = _from_names(given, at + len(PREFIX) + len(body))
        return Reference(
            text=text, vault=vault, name=name, version=version, host=host, form=self.name
        )


def format_reference(vault: str, name: str, version: str | None = None) -> str:
    """Return the reference text for a secret; names only, so that it is free of quotes."""
    pinned = f";SecretVersion={version}" if version else ""
    return f"{PREFIX}VaultName={vault};SecretName={name}{pinned})"


def _refuse(at: int, what: str) -> NoReturn:
    raise Invalid(
        f"the reference is malformed at character {at + 1}: {what}",
        code=INVALID_SYNTAX,
        hint=HINT,
        fields={"place": str(at + 1)},
    )


def _trimmed(at: int, text: str) -> _Span:
    inner = text.lstrip()
    return at + len(text) - len(inner), inner.rstrip()


def _unwrapped(text: str) -> _Span:
    """Take off white space and one layer of matching quotes, and the white space inside them."""
    at, inner = _trimmed(0, text)
    if len(inner) >= 2 and inner[0] == inner[-1] and inner[0] in "'\"":
        return _trimmed(at + 1, inner[1:-1])
    return at, inner


def _parameters(at: int, body: str) -> dict[str, _Span]:
    """Split the body into its named parts."""
    if not body.strip():
        _refuse(at, "the brackets are empty; SecretUri, or VaultName and SecretName, are needed")
    given: dict[str, _Span] = {}
    pieces = body.split(";")
    for index, piece in enumerate(pieces):
        start, part = _trimmed(at, piece)
        at += len(piece) + 1
        if not part:
            if index == len(pieces) - 1:
                break  # one semicolon at the end is allowed
            _refuse(start, "a parameter is missing between the semicolons")
        word, equals, value = part.partition("=")
        if not equals:
            _refuse(start, "a parameter needs the shape NAME=VALUE")
        name = _BY_LOWER.get(word.rstrip().lower()) if word.isascii() else None
        if name is None:
            _refuse(start, f"no such parameter; there are {', '.join(_PARAMETERS)}")
        if name in given:
            _refuse(start, f"{name} is given twice")
        given[name] = _trimmed(start + len(word) + 1, value)
    return given


def _from_names(given: dict[str, _Span], end: int) -> tuple[str, str, str, str | None]:
    for needed in ("VaultName", "SecretName"):
        if needed not in given:
            _refuse(end, f"{needed} is missing")
    vault = _vault(*given["VaultName"])
    name = _secret_name(*given["SecretName"])
    version_at, version = given.get("SecretVersion", (end, ""))
    # An empty SecretVersion is none for both resolvers; templates write it.
    return vault + SERVED_SUFFIX, vault, name, _version(version_at, version) if version else None


def _from_uri(at: int, uri: str) -> tuple[str, str, str, str | None]:
    if not uri:
        _refuse(at, "SecretUri has no value")
    scheme = "https://"
    if uri[: len(scheme)].lower() != scheme:
        _refuse(at, "SecretUri must start with https://")
    for mark, what in (("?", "a query"), ("#", "a fragment"), ("%", "a percent escape")):
        if mark in uri:
            _refuse(at + uri.index(mark), f"{what} is not allowed in SecretUri")
    authority, slash, path = uri[len(scheme) :].partition("/")
    at += len(scheme)
    if "@" in authority:
        _refuse(at, "user info is not allowed in SecretUri")
    host, colon, port = authority.partition(":")
    if colon and port not in ("", "443"):
        _refuse(at + len(host) + 1, "the port of a Key Vault is 443")
    lowered = host.lower()
    suffix = next((s for s in SUFFIXES if host.isascii() and lowered.endswith(s)), None)
    if suffix is None:
        _refuse(at, f"the host must be <vault>{SERVED_SUFFIX}")
    vault = _vault(at, host[: -len(suffix)])
    if not slash:
        _refuse(at + len(authority), "the path /secrets/<name> is missing")
    name, version = _from_path(at + len(authority) + 1, path)
    return lowered, vault, name, version


def _from_path(at: int, path: str) -> tuple[str, str | None]:
    collection, slash, rest = path.partition("/")
    if collection.lower() != "secrets":
        known = collection.lower() in ("keys", "certificates", "deletedsecrets", "storage")
        here = f"/{collection.lower()}/ is not a place of secrets: " if known else ""
        _refuse(at, f"{here}the path must be /secrets/<name>[/<version>]")
    at += len(collection) + len(slash)
    pieces = rest.removesuffix("/").split("/") if rest != "/" else ["", ""]
    if len(pieces) > 2:
        _refuse(at + len(pieces[0]) + len(pieces[1]) + 2, "something follows the version")
    name = _secret_name(at, pieces[0])
    if len(pieces) == 1:
        return name, None
    return name, _version(at + len(name) + 1, pieces[1])


def _vault(at: int, vault: str) -> str:
    if not vault:
        _refuse(at, "the vault's name is missing")
    if not _VAULT.fullmatch(vault):
        _refuse(
            at,
            "a vault's name has 3 to 24 letters, digits and hyphens, starts with a letter "
            "and ends with a letter or digit",
        )
    return vault.lower()


def _secret_name(at: int, name: str) -> str:
    if not name:
        _refuse(at, "the secret's name is missing")
    if not _NAME.fullmatch(name):
        _refuse(at, "a secret's name has 1 to 127 letters, digits and hyphens, and nothing else")
    return name


def _version(at: int, version: str) -> str:
    if not _VERSION.fullmatch(version):
        _refuse(at, "a version has 32 hexadecimal characters, and never a slash or a blank")
    return version
