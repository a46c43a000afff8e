"""Values that betray themselves: connection strings, URLs with a password, SAS, tokens, keys.

A shape needs no name beside it. Each returns the rule that it is of; the value stays here.
"""

from __future__ import annotations

import math
import re
from functools import cache

from devvault.scan.harmless import is_, is_emulator_key, is_placeholder

# rule -> pattern; anchored on fixed parts, so that a random string is not taken for a token
_TOKENS = {
    "private-key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    r"(?!(?:\s|\\[nr]){0,8}(?:\.\.|\u2026|[<\[{*(]|[a-z]+ [a-z]+ ))|PuTTY-User-Key-File-"
    r"|AGE-SECRET-KEY-1|(?<![\w+/])MI[I-L][\w+/]{3}IBA(?:DAN|AKC|zCC)[\w+/]{40}",
    "github-token": r"\bgh[opusr]_[A-Za-z0-9]{36,}|\bgithub_pat_\w{22,}",
    "slack-token": r"\bxox[abeoprs]-[\w-]{10,}|\bxapp-\d-[\w-]{10,}",
    "webhook": r"hooks\.slack\.com/(?:services|workflows)/\w+/\w+/\w+"
    r"|discord(?:app)?\.com/api/webhooks/\d+/[\w-]{20,}|webhook\.office\.com/webhookb2/\S{40,}",
    "stripe-key": r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/=]{24,}",
    "aws-key": r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "google-key": r"\bAIza[\w-]{35}|\bya29\.[\w-]{20,}|\bGOCSPX-[\w-]{20,}",
    "jwt": r"\bey[JK][\w-]{10,2048}\.ey[JK][\w-]{10,8192}\.[\w-]*",
    "npm-token": r"\bnpm_[A-Za-z0-9]{36}",
    "gitlab-token": r"\bgl(?:pat|ptt|dt|rt|ft|soat|cbt)-[\w.-]{20,}",
    "pypi-token": r"\bpypi-AgEI[\w-]{50,}",
    "entra-secret": r"(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~.-])",
    "azure-key": r"(?<![\w+/])[\w+/]{20,}(?:AzFu|AzSe|AzCa|\+ACR|\+ASt|\+ASb|\+AEh|AIoT|ACDb|\+ABa"
    r"|AZDO|JQQJ99)[\w+/]{4,}={0,2}",
    "sendgrid-key": r"\bSG\.[\w-]{16,64}\.[\w-]{16,}",
    "ai-key": r"\bsk-(?:proj-|ant-|svcacct-|or-)?[\w-]{32,}|\bhf_[A-Za-z0-9]{30,}",
    "vendor-token": r"\bdop_v1_[0-9a-f]{64}|\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|\bdapi[0-9a-f]{32}"
    r"|\blin_api_\w{32,}|\bhv[sb]\.[\w-]{24,}|\bdp\.(?:pt|st|ct|sa)\.[\w.-]{32,}"
    r"|\bATATT3[\w=-]{50,}|\bdckr_pat_[\w-]{20,}|\bPMAK-[0-9a-f-]{50,}|\bSK[0-9a-f]{32}\b"
    r"|\bkey-[0-9a-f]{32}\b|\b[0-9a-f]{32}-us\d{1,2}\b|\bNRAK-[A-Z0-9]{27}|\bsq0\w{3}-[\w-]{22,}",
    "auth-header": r"\b(?:Basic|Bearer) (?=\S{0,64}\d)[\w+/=.~-]{16,}",
    "bot-token": r"\b\d{8,10}:AA[\w-]{33}\b",
}
_OLD_PAT = r"[a-z2-7]{52}"
_FIELD = (
    r"(?i:(?:^|[;,?&\s'\"])\s{0,8}"
    r"(AccountKey|SharedAccessKey|Access\s?Key|SharedSecretValue|Password|Pwd|PassPhrase"
    r"|Client\s?Secret|AppSecret|AuthKey|ApiKey|api[-_]key|subscription-key|access_token"
    r"|auth_?token|token|secret|code|userPWD)"
    r"\s{0,8}=\s{0,8})(\"[^\"]*\"|'[^']*'|[^;,&\s\"']*)"
)
_URL = r"[A-Za-z][A-Za-z0-9+.-]{1,30}://([^/?#\s@:]{0,256}):([^/?#\s]{0,4096})@[^@\s]"
# A question mark, hash or slash in a password ought to be escaped, and often is not.
_LOOSE_URL = (
    r"(?:postgres(?:ql)?(?:\+\w+)?|mysql(?:\+\w+)?|mariadb|mongodb(?:\+srv)?|rediss?|amqps?"
    r"|mssql(?:\+\w+)?|smtps?|s?ftp|ldaps?)://([^/\s@:]{0,256}):(\S{1,1024})@[\w.-]+(?::\d+)?(?:[/?,]|$)"
)
_SAS = r"(?<![A-Za-z])sig=([\w%+/=-]{20,})"


@cache
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source)


@cache
def _any_token() -> re.Pattern[str]:
    """All tokens at once, to say no with one pass."""
    return re.compile("|".join(f"(?:{source})" for source in _TOKENS.values()))


def find_token(value: str) -> str | None:
    """Return the rule of the first well-known token in a value."""
    if len(value) < 15 or _any_token().search(value) is None:
        return _old_pat(value)
    for rule, source in _TOKENS.items():
        match = _compiled(source).search(value)
        if match is not None and not is_placeholder(match[0]):
            return rule
    return None


def _old_pat(value: str) -> str | None:
    """The Azure DevOps tokens of before 2024: base 32, nothing fixed in them."""
    if len(value) != 52 or _compiled(_OLD_PAT).fullmatch(value) is None:
        return None
    return "azure-devops-pat" if sum(c.isdigit() for c in value) >= 3 else None


def find_part(value: str) -> str | None:
    """Return the rule of a connection string, URL or SAS that has a password or key in it."""
    if "://" in value:
        for source in (_URL, _LOOSE_URL):
            for match in _compiled(source).finditer(value):
                if is_held(match[2], match[1]):
                    return "url-password"
    if "=" not in value:
        return None
    if "sig=" in value and ("se=" in value or "sp=" in value or "sv=" in value):
        signature = _compiled(_SAS).search(value)
        if signature is not None and not is_placeholder(signature[1]):
            return "sas"
    is_text = value.count("\n") > 3
    for match in _compiled(_FIELD).finditer(value):
        name, held = match[1].lower(), match[2].strip("\"'")
        if is_text and (
            match[0][match.end(1) - match.start() :].lstrip("=")[:1] == " " or "(" in held
        ):
            continue  # source code: `token = next(...)`
        if name in ("code", "token", "secret", "access_token") and len(held) < 16:
            continue
        if is_held(held):
            return "connection-string"
    return None


def is_held(part: str, user: str = "") -> bool:
    """Say whether a password field really holds one."""
    if len(part) < 2 or is_placeholder(part) or is_emulator_key(part):
        return False
    if "://" in part and is_("reference", part):
        return False
    if part == user:  # guest:guest, app:app
        return False
    return not (is_("lookup", part) or is_("word", part) or is_("hole", part))


def is_connection_string(value: str) -> bool:
    """Say whether a value is `Name=value;Name=value`, whatever is in it."""
    fields = [field for field in value.split(";") if field.strip()]
    return (
        bool(fields)
        and all("=" in field for field in fields)
        and (
            len(fields) > 1 or value.lower().startswith(("usedevelopmentstorage=", "data source="))
        )
    )


def is_random(value: str, least: int) -> bool:
    """Say whether a value of at least so many characters looks drawn by lot, not written."""
    if len(value) < least or any(c.isspace() or c in ",;<>{}[]()|\"'" for c in value):
        return False
    hexadecimal = all(c in "0123456789abcdefABCDEF" for c in value)
    if hexadecimal:
        return len(value) >= 32 and len(value) != 40 and entropy(value) >= 3.0
    kinds = sum(
        (any(c.islower() for c in value), any(c.isupper() for c in value),
         any(c.isdigit() for c in value))
    )  # fmt: skip
    if kinds < 2 or not any(c.isdigit() for c in value):
        return False
    if not any(c.isupper() for c in value):
        parts = _compiled(r"[-_.:/]").split(value)
        if len(parts) > 2 and max(map(len, parts)) <= 8:
            return False  # gpt-4o-mini-2024-07-18
    if _share_of_words(value) > (0.6 if kinds == 3 else 0.5) and is_wordy(value, 0.5):
        return False
    return entropy(value) >= (3.5 if len(value) < 32 else 4.0)


def _share_of_words(value: str) -> float:
    """Return which part of a value is written: runs that look like words, long numbers."""
    runs = _compiled(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}|\d{5,}").findall(value)
    return sum(map(len, runs)) / len(value)


def is_wordy(value: str, share: float = 0.6) -> bool:
    """Say whether a value is words more than anything, `like-this-one` or `LikeThisOne`.

    What nobody can say aloud is no word: five consonants in a row, or hardly a vowel.
    """
    runs = _compiled(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}").findall(value)
    words = [run for run in runs if _is_sayable(run.lower())]
    return not value or sum(map(len, words)) > len(value) * share


def _is_sayable(run: str) -> bool:
    vowels = sum(run.count(c) for c in "aeiouy")
    return 0.22 <= vowels / len(run) <= 0.75 and not _compiled("[^aeiouy]{5}").search(run)


def entropy(value: str) -> float:
    """Shannon's entropy, in bits a character."""
    total = len(value)
    counts = (value.count(c) / total for c in set(value))
    return -sum(share * math.log2(share) for share in counts)
