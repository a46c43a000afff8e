"""What must hold of a rule's match beside its pattern: what stands around it, and inside of it.

A check gets the text, the match's value and its place, and says whether it is one. Each is named
in rules/*.toml.
"""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64decode
from binascii import Error
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

from devvault.scan import harmless
from devvault.scan.shapes import entropy, is_held, is_random, is_wordy

Check = Callable[[str, str, int, int], bool]  # text, value, start, end -> is it one?

_NEAR = 512  # characters before and behind a match that say something about it


@cache
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source)


def _around(text: str, start: int, end: int) -> tuple[str, str]:
    """Return what stands before and behind a place on its line."""
    first = text.rfind("\n", max(0, start - _NEAR), start) + 1 or max(0, start - _NEAR)
    last = text.find("\n", end, end + _NEAR)
    return text[first:start], text[end : last if last >= 0 else end + _NEAR]


def _held(text: str, value: str, start: int, end: int) -> bool:
    del text, start, end
    bare = value.strip("\"'").rstrip(",;)")
    return is_held(bare) and not harmless.is_call(bare)


def _url(text: str, value: str, start: int, end: int) -> bool:
    del end
    bare = harmless.without_lookups(value)
    user, _, password = (bare if bare.startswith(":") or ":" in bare else value).partition(":")
    if len(password) < 4 and password.isalnum():
        return False  # foo:bar, abc:123
    if text[max(0, start - 1) : start] == "/" and text[max(0, start - 300) : start].endswith("://"):
        scheme = _compiled(r"([A-Za-z][A-Za-z0-9+.-]*)://\Z").search(
            text, max(0, start - 40), start
        )
        if scheme is not None and scheme[1].lower() in ("urn", "data", "javascript"):
            return False
        if scheme is not None and scheme[1].lower() == "cvs":
            return False  # anonymous, since there were such
    if "$" in password and "{" not in password and password.startswith("$"):
        return False
    return is_held(password, user) and not _compiled(r"[{<].*[}>]").fullmatch(password)


def _sas(text: str, value: str, start: int, end: int) -> bool:
    before, behind = _around(text, start, end)
    near = before + behind
    return (
        any(mark in near for mark in ("se=", "sp=", "sv=", "skn=", "sr="))
        and len(set(value)) > 12
        and not harmless.is_placeholder(value)
    )


def _made(text: str, value: str, start: int, end: int) -> bool:
    """Say whether somebody made this up to be a secret: words alone are a name, or an example."""
    has_more = any(c.isdigit() or c in "!@#$%^&*?" for c in value)
    return has_more and _held(text, value, start, end)


_SERVERS = (
    r"(?i)(?:^|[;,\"'`\s(])(?:server|data\s?source|address|addr|network address|host|hostname"
    r"|user\s?id"
    r"|uid|user|username|user name|database|initial catalog|driver|endpoint|account\s?endpoint"
    r"|port|provider|endpoints|cluster|account)\s{0,3}=\s{0,3}[^\s=;]"
)


def _connection(text: str, value: str, start: int, end: int) -> bool:
    if not _held(text, value, start, end):
        return False
    before, behind = _around(text, start, end)
    # The string that it stands in: from a quote, or a blank behind a name, to the next quote.
    quoted = _compiled(r"[\"'`]").split(before)[-1]
    rest = _compiled(r"[\"'`<]").split(behind)[0]
    if ";" not in quoted and ";" not in rest:
        return False
    if _compiled(r"[A-Za-z_$][\w.]*\s*\(").match(value):
        return False
    whole = f"{quoted}{rest}"
    if not before[: len(before) - len(quoted)].strip("\"'`@$ \t"):
        # A literal of several lines: the server may stand on the one above.
        above = text.rfind("\n", 0, max(0, start - len(before) - 1)) + 1
        whole = f"{text[above : start - len(before)]};{whole}"
    return _compiled(_SERVERS).search(whole) is not None


_DIGESTS = (
    r"(?i)(?:sha-?\d{0,3}|md5|digest|integrity|checksum|hash(?:es)?|commit|rev(?:ision)?|thumbprint"
    r"|fingerprint|etag|@)[\"'\])]{0,3}\s{0,3}[-:=]?\s{0,3}[\"'`]?\Z"
)


def _no_digest(text: str, value: str, start: int, end: int) -> bool:
    del value
    before, _ = _around(text, start, end)
    return _compiled(_DIGESTS).search(before) is None


def _no_certificate(text: str, value: str, start: int, end: int) -> bool:
    del text, start, end
    return not harmless.is_("public material", value)


def _random(text: str, value: str, start: int, end: int) -> bool:
    del text, start, end
    return is_random(value, 20)


def _mixed(text: str, value: str, start: int, end: int) -> bool:
    del text, start, end
    has_both = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return has_both and (value.isalnum() or not is_wordy(value)) and not harmless.is_("guid", value)


def _base32(text: str, value: str, start: int, end: int) -> bool:
    del text, start, end
    return (
        sum(c.isdigit() for c in value) >= 3
        and entropy(value) > 3.5
        and any(c > "f" for c in value)
    )


def _jwt(text: str, value: str, start: int, end: int) -> bool:
    del text, start, end
    head = value.partition(".")[0]
    try:
        opened = urlsafe_b64decode(head + "=" * (-len(head) % 4))
    except (Error, ValueError):
        return False
    if b'"alg"' not in opened and b'"typ"' not in opened:
        return False
    return not harmless.is_known_token(value)


def _basic(text: str, value: str, start: int, end: int) -> bool:
    del text, start, end
    try:
        opened = b64decode(value + "=" * (-len(value) % 4)).decode("utf-8")
    except (Error, ValueError):
        return False
    user, colon, password = opened.partition(":")
    if user.lower() in ("aladdin", "alladin", "user", "username", "foo"):
        return False  # as every standard and manual has it
    return bool(colon) and opened.isprintable() and is_held(password, user)


def _header(text: str, value: str, start: int, end: int) -> bool:
    if harmless.is_placeholder(value):
        return False
    word = text[max(0, start - 8) : start].strip().lower()
    if word.endswith("basic"):
        return _basic(text, value, start, end)
    has_digit = any(c.isdigit() for c in value)
    return has_digit and not is_wordy(value) and not harmless.is_("slug", value)


def _pem(text: str, value: str, start: int, end: int) -> bool:
    del text, start, end
    body = value.partition("KEY")[2]
    plain = body.replace("\\n", "\n").replace("\\r", "")
    lines = _compiled(r"[A-Za-z0-9+/]{24,}").findall(plain)
    return any(len(set(line)) > 8 for line in lines)


def _digits(text: str, value: str, start: int, end: int) -> bool:
    del text, start, end
    return any(c.isdigit() for c in value)


def _varied(text: str, value: str, start: int, end: int) -> bool:
    del text, start, end
    return all(len(set(part)) > 3 for part in value.split("/") if len(part) > 6)


def _user(text: str, value: str, start: int, end: int) -> bool:
    del text, start, end
    user, _, password = value.partition(":")
    return is_held(password, user) and not user.startswith("http")


def _phrase(text: str, value: str, start: int, end: int) -> bool:
    del text, start, end
    return "put your" not in value.lower() and entropy(value) > 3.5 and "getenv" not in value


CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "held": _held, "made": _made, "url": _url, "sas": _sas, "connection": _connection,
        "no-digest": _no_digest,
        "no-certificate": _no_certificate, "random": _random, "mixed": _mixed, "base32": _base32,
        "jwt": _jwt, "basic": _basic, "header": _header, "pem": _pem, "digits": _digits,
        "varied": _varied, "user": _user, "mixed-phrase": _phrase,
    }
)  # fmt: skip
