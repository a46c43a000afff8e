"""Does this value look like a secret? One answer, and why; it never repeats the value.

Harmless first (references, lookups, placeholders), then shapes that betray themselves, then what
the name says, then entropy. It runs over every plain setting of each run, so it is fast; the
scanner's rules come in a later layer and keep this face.
"""

from __future__ import annotations

from dataclasses import dataclass

from devvault.scan import harmless, shapes
from devvault.scan.keyname import KeyKind, ends_as, kind_of
from devvault.scan.kinds.base import Place

_MAX_JSON = 65536


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer. `why` completes "because it is ..."; `rule` is a stable word for reports."""

    secret: bool
    why: str
    rule: str


def _harmless(rule: str, why: str) -> Verdict:
    return Verdict(secret=False, why=why, rule=rule)


def _secret(rule: str, why: str) -> Verdict:
    return Verdict(secret=True, why=why, rule=rule)


_EMPTY = _harmless("empty", "empty")
_REFERENCE = _harmless("reference", "a reference, not a value")
_LOOKUP = _harmless("lookup", "looked up elsewhere")
_PLACEHOLDER = _harmless("placeholder", "a placeholder or a plain word")
_NUMBER = _harmless("number", "a number or a switch")
_GUID = _harmless("guid", "an identifier")
_PLAIN = _harmless("plain", "nothing that looks secret")
_PUBLIC = _harmless("public", "public material")
_EMULATOR = _harmless("emulator-key", "an emulator's published key")
_INSIGHTS = _harmless("app-insights", "an Application Insights string, which is no secret")
_PLACE = _harmless("place", "a path, an address or an identifier of a resource")
_CONNECTION = _harmless("connection-string-plain", "a connection string without a password")

_WHY = {
    "connection-string": "a connection string with a key or password in it",
    "url-password": "a URL with a password in it",
    "sas": "a shared access signature",
    "private-key": "a private key",
    "jwt": "a signed token (JWT)",
    "entra-secret": "an Entra client secret",
    "azure-key": "a key of an Azure service",
    "azure-devops-pat": "an Azure DevOps access token",
    "auth-header": "an Authorization header with a password or token in it",
    "webhook": "a webhook's address, which is its password",
}
_NAMED = {
    KeyKind.PASSWORD: _secret("name-password", "named like a password"),
    KeyKind.SECRET: _secret("name-secret", "named like a secret, a token or a key"),
    KeyKind.CONNECTION: _secret("name-connection", "named like a connection string, and random"),
    KeyKind.KEY: _secret("name-key", "named like a key, and random"),
}
_RANDOM = _secret("random", "long and random")


def judge(key: str, value: str, place: Place = Place.ENV) -> Verdict:
    """Say whether a setting's value looks like a secret. Never raises.

    `key` is the setting's name ("" for none); `value` is the value as the program would get it;
    `place` says where it stands: of a string in source code or a document more is asked.
    """
    text = value.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    if not text:
        return _EMPTY
    whole = _find_harmless(text)
    if whole is not None:
        return whole
    bare = harmless.without_lookups(text).strip()
    if bare != text and (len(bare) < 4 or not any(c.isalnum() for c in bare)):
        return _LOOKUP
    shape = shapes.find_token(bare)
    if shape is None and (place is not Place.CODE or "\n" not in bare):
        shape = shapes.find_part(bare)  # in code a text of several lines is no connection string
    if shape is not None:
        return _secret(shape, _WHY.get(shape, f"of the shape of a {shape.replace('-', ' ')}"))
    if bare[0] in "{[" and bare[-1] in "}]":
        inside = _judge_json(bare)
        if inside is not None:
            return inside
    verdict = _by_name(kind_of(key), bare, looked_up=bare != text)
    if place is Place.ENV or not verdict.secret:
        return verdict
    if bare != text and verdict.rule == "name-key":
        return _LOOKUP  # a cache's key, put together of parts
    return _in_place(verdict, key, bare, place)


def _find_harmless(text: str) -> Verdict | None:
    """Return why a whole value is harmless under any name."""
    if harmless.is_("word", text):
        return _NUMBER
    if harmless.is_reference(text):
        return _REFERENCE
    if harmless.is_("lookup", text):
        return _LOOKUP
    if harmless.is_emulator_key(text):
        return _EMULATOR
    if harmless.is_shown(text):
        return _PLACEHOLDER
    if "://" not in text and "=" not in text and harmless.is_placeholder(text):
        return _PLACEHOLDER
    if harmless.is_("resource id", text):
        return _PLACE
    if harmless.is_("app insights", text):
        return _INSIGHTS
    # A bundle may hold the private key behind the certificate.
    if harmless.is_("public material", text) and "PRIVATE KEY" not in text:
        return _PUBLIC
    return None


def _by_name(kind: KeyKind, text: str, *, looked_up: bool) -> Verdict:
    """Decide what has no shape of its own by its name, and by chance."""
    is_number = harmless.is_("number", text)
    if is_number and not (kind is KeyKind.PASSWORD and len(text) >= 4):
        return _NUMBER
    named = kind in (KeyKind.PASSWORD, KeyKind.SECRET)
    if harmless.is_("guid", text) and not named:
        return _GUID
    if shapes.is_connection_string(text):
        return _CONNECTION
    if "://" in text and not any(c.isspace() for c in text):
        return _PLACE
    if harmless.is_("path", text) and not (
        kind not in (KeyKind.LABEL, KeyKind.NEUTRAL) and shapes.is_random(text, 20)
    ):
        return _PLACE
    if not named and (harmless.is_("host", text) or harmless.is_("e-mail", text)):
        return _PLACE
    if named:
        if len(text) < 4 or (looked_up and len(text) < 8):
            return _PLAIN
        if kind is KeyKind.SECRET and _is_prose(text):
            return _PLAIN
        return _NAMED[kind]
    if kind is KeyKind.KEY and shapes.is_random(text, 16):
        return _NAMED[kind]
    if kind is KeyKind.CONNECTION and shapes.is_random(text, 16):
        return _NAMED[kind]
    if kind is KeyKind.NEUTRAL and shapes.is_random(text, 20):
        return _RANDOM
    return _PLAIN


# "Password" in the languages that interfaces are translated to most, and words of forms.
_LABELS = frozenset(
    [
        "contraseña",
        "contrasena",
        "passwort",
        "kennwort",
        "motdepasse",
        "wachtwoord",
        "lösenord",
        "losenord",
        "adgangskode",
        "passord",
        "salasana",
        "senha",
        "parola",
        "heslo",
        "hasło",
        "haslo",
        "пароль",
        "密码",
        "密碼",
        "パスワード",
        "비밀번호",
        "şifre",
        "sifre",
        "password",
        "passwords",
        "passphrase",
        "credentials",
        "secret",
        "secrets",
        "token",
        "tokens",
        "string",
        "text",
        "number",
        "boolean",
        "required",
        "optional",
        "hidden",
        "invalid",
        "missing",
        "incorrect",
        "wrong",
        "valid",
        "unknown",
        "bearer",
        "basic",
        "private",
        "public",
        "enabled",
        "disabled",
        "always",
        "never",
        "prompt",
        "manual",
        "auto",
        "automatic",
        "system",
        "vault",
        "keyvault",
        "azurekeyvault",
        "managedidentity",
        "certificate",
        "plaintext",
        "encrypted",
        "hashed",
        "clear",
    ]
)


_SIGNING = ("signingkey", "jwtsecret", "jwtkey", "encryptionkey", "sessionsecret", "cookiesecret")
_PATTERN_MARKS = frozenset("[](){}|^\\<>")


def _in_place(verdict: Verdict, key: str, text: str, place: Place) -> Verdict:
    """Ask more of a value that its name alone betrays where not every text is a setting."""
    kind = ends_as(key)
    if kind is KeyKind.NEUTRAL or kind is KeyKind.LABEL or key.count("::") > 1:
        return _PLAIN
    if place is Place.CODE and harmless.is_("name of a secret", text):
        return _PLAIN
    if text.lower() in _LABELS or harmless.is_call(text) or harmless.is_("hole", text):
        return _PLAIN
    if harmless.is_filler(text) or harmless.is_("markup", text):
        return _PLAIN
    if not text.isprintable() or not any(map(str.isalnum, harmless.without_holes(text))):
        return _PLAIN
    has_digit = any(c.isdigit() for c in text)
    has_space = any(c.isspace() for c in text)
    is_worded = all(c.isalpha() or c in " -_./,:;'?!()…" for c in text.rstrip("* "))
    if kind is KeyKind.PASSWORD:
        if key.lower() == "pass" and (text.startswith("Test") or place is Place.PROSE):
            # What a test says of itself, mostly.
            is_made = has_digit and not key.isupper() and any(c in "!@#$%&*?" for c in text)
            return verdict if is_made and len(text) >= 8 else _PLAIN
        if has_space and (is_worded or len(text.split()) > 4 or place is Place.PROSE):
            return _PLAIN
        if place is Place.SETTINGS:
            is_name = is_worded and not text.isalpha() and shapes.is_wordy(text)
            return _PLAIN if is_name and not any(c in "!?" for c in text) else verdict
        if is_worded:
            return _PLAIN
        if place is Place.PROSE and not (has_digit and len(text) >= 8):
            return _PLAIN
        if place is Place.PROSE and not any(c.isalpha() for c in text):
            return _PLAIN  # a date, a range of versions
        return verdict
    if has_space or len(text) < 8 or (is_worded and place is not Place.SETTINGS):
        return _PLAIN
    if is_worded and not (text.isalpha() and len(text) >= 12):
        return _PLAIN
    if kind is KeyKind.SECRET:
        least = 16 if place is Place.SETTINGS else 20
        if shapes.is_random(text, least) or harmless.is_("guid", text):
            return verdict
        if place is Place.PROSE:
            return _PLAIN
        if len(text) >= 20 and has_digit and key.lower().replace("_", "").endswith(_SIGNING):
            return verdict  # a sentence that somebody made up to sign with
        is_mixed = has_digit and not harmless.is_("slug", text) and _PATTERN_MARKS.isdisjoint(text)
        return verdict if is_mixed and len(text) >= 12 else _PLAIN
    if kind is KeyKind.KEY:
        least = 16 if place is Place.SETTINGS else 24
        is_named = len(key.replace("-", "_").split("_")) > 1 or not key.islower()
        return verdict if shapes.is_random(text, least if is_named else 32) else _PLAIN
    return verdict if shapes.is_random(text, 24) else _PLAIN


def _is_prose(text: str) -> bool:
    """Say whether this is a sentence, or a list of words, and no value of a machine."""
    words = text.split()
    return len(words) >= 3 and not any(c.isdigit() for c in text)


def _judge_json(text: str) -> Verdict | None:
    """Judge the members of a JSON object or list; None where the text is neither."""
    if len(text) > _MAX_JSON:
        return None
    import json

    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    pending: list[tuple[str, object]] = [("", found)]
    while pending:
        key, item = pending.pop()
        if isinstance(item, dict):
            pending.extend((str(k), v) for k, v in item.items())
        elif isinstance(item, list):
            pending.extend((key, v) for v in item)
        elif isinstance(item, str) and not item.lstrip().startswith(("{", "[")):
            verdict = judge(key, item)
            if verdict.secret:
                return verdict
    return _harmless("json", "an object with nothing that looks secret")
