"""Values that are no secret whatever their name says: references, lookups, placeholders, and more.

Patterns are compiled on first use: most values never reach most of them.
"""

from __future__ import annotations

import re
from functools import cache

from devvault.references.base import find as find_reference

# The development keys that Azurite and the Cosmos DB emulator publish: the same on every machine.
_EMULATOR_KEYS = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
    "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==",
    "SAS_KEY_VALUE",
)

# The claims of jwt.io's own token: sub 1234567890, name John Doe.
_SHOWN_CLAIMS = (
    "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9l", "eyJzb21lIjoicGF5bG9hZCJ9",
    "eyJsb2dnZWRJbkFzIjoiYWRtaW4i",
)  # fmt: skip

# From the texts of the standards (RFC 6749, 6750, 7617), and everybody's copies of them.
_SHOWN = frozenset(
    {
        "QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "czZCaGRSa3F0MzpnWDFmQmF0M2JW", "mF_9.B5f-4.1JqM",
        "2YotnFZFEjr1zCsicMWpAA", "tGzv3JOkF0XG5Qx2TlKWIA", "SplxlOBeZQQYbYS6WxSbIA",
        "QWxhZGRpbjpPcGVuU2VzYW1l", "dXNlcjpwYXNz", "dXNlcjpwYXNzd29yZA==", "dGVzdDp0ZXN0",
    }
)  # fmt: skip

# What people write where a value belongs, and what images and tutorials come with.
_STAND_INS = frozenset(
    {
        "admin", "api-key", "api_key", "apikey", "bar", "baz", "change", "changeit",
        "changeme", "default", "dev", "development", "dummy", "empty", "example", "fake",
        "foo", "foobar", "guest", "hidden", "key", "local", "localhost", "minio",
        "insecure-dev-key", "minioadmin", "mongo", "mongodb", "my-secret-pw", "mypassword",
        "mysecret",
        "mysecretpassword", "mysql", "mytoken", "notasecret", "supersecret", "testpassword",
        "n/a", "na", "nil", "none", "not-set", "not_set", "notset", "null", "pass",
        "passwd", "password", "placeholder", "postgres", "postgresql", "pw", "pwd", "rabbitmq",
        "redacted", "redis", "replaceme", "root", "sa", "sample", "secret", "secrets",
        "string", "tbd", "test", "testing", "todo", "token", "undefined", "unset", "user",
        "username", "value", "xxx", "yourpassword", "yoursecret", "yourtoken",
    }
)  # fmt: skip

_PATTERNS = {
    "word": r"(?i:true|false|yes|no|on|off|null|none)",
    "number": r"[+-]?\d[\d_]*(?:\.\d+)*(?:[eE][+-]?\d+)?(?:\s?(?:[kKmMgGtT]i?[bB]?|ms|s|m|h|d|%))?",
    "guid": r"\{?[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\}?",
    "reference": (
        r"(?i:@Microsoft\.(?:AppConfiguration|KeyVault))(?:\(.*)?"
        r"|akvs://[^\s]+"
        r"|(?i:https://[a-z0-9-]+\.(?:vault\.(?:azure\.(?:net|cn)|usgovcloudapi\.net"
        r"|microsoftazure\.de|localhost(?::\d+)?)|managedhsm\.azure\.net)(?::443)?"
        r"/(?:secrets|keys|certificates)/)[\w./-]+"
        r"|\{\s*\"uri\"\s*:\s*\"https://[^\"\s]+/secrets/[^\"\s]+\"\s*\}"
        r"|(?:keyvaultref|secretref):[^\s]+|op://[^\s]+"
        r"|(?:az|[A-Za-z_]\w*)\.getSecret\(.*\)"
        r"|\{\s*\"(?:reference|keyVault)\"\s*:\s*\{.*\"keyVault\"?.*\}"
    ),
    "lookup": (
        r"\$(?:[A-Z_][A-Z0-9_]*|[A-Za-z_]+|[a-z]\w*)|\$env:\w+|%[A-Za-z_]\w*%|\$\{\{.*\}\}|\[[A-Za-z]\w*\(.*\].{0,2}"
        r"|ENC\[.*\]|process\.env[.\[].*|os\.environ.*|os\.getenv\(.*"
        r"|(?:secrets|vars|env|var|local|module|data)\.[\w.\[\]\"'-]+"
    ),
    "placeholder": (
        r"<[^<>]*>|\[[\w .-]*\]|\{[\w .-]*\}|__\w+__|(.)\1{2,}"
        r"|(?:your|put|insert|enter|replace|fill|todo|fixme|example|sample|dummy|fake"
        r"|placeholder)(?:[-_ .:].*)?|(?:change|set|add)[-_ ].*"
    ),
    "placeholder inside": (
        r"(?i:change[-_ ]?(?:me|this|it)(?![a-z])|replace[-_ ]?(?:me|this|with)|your[-_ ]"
        r"|(?<![a-z])your(?:strong|secret|secure|super|api|client|storage|account|db|sql)"
        r"|(?<![a-z])(?:placeholder|redacted|example)(?![a-z])|not[-_ ]?a[-_ ]?real"
        r"|not[-_ ]?real|[-_ ]here$|generate[-_ ]?(?:me|this|one)(?![a-z])"
        r"|(?<![a-z])some[-_ ](?:long|random|secret|secure|strong))"
        r"|EXAMPLE(?:KEY)?$|[xX]{4,}|\*{3,}|\.{4,}|\.{3}$|\u2026"
    ),
    "hole": (
        r"\$?\{[\w.\[\]()'\" :!-]*\}|%[-\w]{0,8}[sdrv]|[:@][A-Za-z_]{3,}|\$\([^()]*\)"
        r"|<[^<>]*>|\[[\w .-]+\]|\$\{\{.*\}\}|\{\{.*\}\}|#\{[^{}]*\}#?"
        r"|%\w+%|%\(\w+\)s|\$(?:[A-Z_][A-Z0-9_]*|[A-Za-z_]+|[a-z]\w*|\d)"
    ),
    "markup": r"[#.\[][a-z][a-z_-]*(?:\[[^\]]*\]|[#.][a-z][a-z_-]*)*\]?|[a-z]+\[[^\]]*\]"
    r"|<.*>|/.*/[gimsuy]*|\^.*\$|[a-z]+:[\w:]+|\(\?.*",
    "slug": r"[a-z]+(?:[-_./:][a-z0-9]+)*|[a-z0-9]+(?:[-_./][a-z]+)+[0-9]*",
    "call": (
        r"(?:await\s+|new\s+)?[A-Za-z_$][\w$.:\[\]\"'>-]*\(.*\)?;?|(?:process\.env|import\.meta\.env|os\.environ"
        r"|System\.getenv|ENV|Environment|env|config|settings|options|args|self|this|params|props|var"
        r"|local|data|module|each|secrets|vars|inputs|steps|needs|github|parameters|variables|Values"
        r"|request|req|ctx|state|conf|cfg|opts|environ|app|user|credentials?|account)(?:\.[\w.\[\]\"'()?!-]+|\[.*\])"
    ),
    "path": r"(?:~|\.{1,2})?/[\w.@ +/-]*|[A-Za-z]:\\[\w.@ +\\-]*|\.{1,2}\\[\w.@ +\\-]*",
    "resource id": r"(?i:/subscriptions/)[\w./ -]+|Microsoft\.[A-Za-z.]+/[\w/]+(?:@[\w-]+)?"
    r"|arn:[\w${}-]*:[\w:/.*${}()-]+",
    "public material": (
        r"\s*-----BEGIN (?:CERTIFICATE|(?:RSA |EC )?PUBLIC KEY|SSH2 PUBLIC KEY|CERTIFICATE REQUEST"
        r"|NEW CERTIFICATE REQUEST|X509 CRL|PGP PUBLIC KEY BLOCK|PGP SIGNATURE)-----.*"
        r"|(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\S+|sk-\S+@openssh\.com) AAAA\S+.*"
        r"|MI[I-L].{3}(?:CC|ANBg|IjAN).*"
        r"|data:image/.*|(?:iVBORw0KGgo|/9j/4AA|R0lGOD|UEsDB|JVBERi0|PHN2Zy|PD94bWwg|AAABAA)[\w+/=\s]*"
        r"|(?:[\w./-]+@)?sha(?:1|256|384|512)[-:]\S+|age1[0-9a-z]{58}|(?:pk|rk_pub)_(?:live|test)_\w+"
    ),
    "app insights": (
        r"(?i:(?:InstrumentationKey|ApplicationId|(?:Ingestion|Live|Profiler|Snapshot)Endpoint"
        r"|EndpointSuffix|AADTenantId|Authorization)=[^;=]*;?)+"
    ),
    "name of a secret": r"(?i)(?:[a-z]+[_-]?)?(?:password|passwd|secret|token)[_-]?\d{0,2}",
    "e-mail": r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    "host": r"(?:[a-z0-9_-]+\.)+[a-z]{2,24}(?::\d+)?|localhost(?::\d+)?|[\d.]+:\d+",
    "any lookup": (
        r"\$\{\{.{0,512}?\}\}|\$\{[^{}:]*(?::-([^{}]*)|:[?+=][^{}]*)?\}|\$\([^()]*\)|\{\{.{0,512}?\}\}"
        r"|#\{[^{}]*\}#?|<%.{0,512}?%>|%\([^()]*\)s|@@\w+@@"
    ),
}


@cache
def pattern(name: str) -> re.Pattern[str]:
    """Return one of the patterns above, compiled."""
    return re.compile(_PATTERNS[name], re.DOTALL)


def is_(name: str, value: str) -> bool:
    """Say whether the whole value is of one of the shapes above."""
    return pattern(name).fullmatch(value) is not None


def is_reference(value: str) -> bool:
    """Say whether the value points at a secret, in any form that Azure knows."""
    return find_reference(value) is not None or is_("reference", value)


def without_lookups(value: str) -> str:
    """Return the value with `${X}`, `$(X)`, `{{ X }}` and the like cut out, defaults left in."""
    if not any(mark in value for mark in ("${", "$(", "{{", "#{", "<%", "%(", "@@")):
        return value
    return pattern("any lookup").sub(lambda match: match[1] or "", value)


def without_holes(value: str) -> str:
    """Return the value with `%s`, `{0}` and the like cut out as well."""
    return pattern("hole").sub("", value) if not value.isalnum() else value


def is_placeholder(value: str) -> bool:
    """Say whether a value, or a part of one, stands where a secret is to be put."""
    lowered = value.lower()
    return (
        lowered in _STAND_INS
        or is_("placeholder", lowered)
        or pattern("placeholder inside").search(value) is not None
    )


_SERIES = (
    "0123456789abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "9876543210",
    "qwertyuiop",
)


def is_filler(value: str) -> bool:
    """Say whether a long value is filled with the same few characters, or with a row of them."""
    lowered = value.lower()
    if len(value) >= 12 and len(set(lowered)) <= 4:
        return True
    if any(lowered.find(row[at : at + 10]) >= 0 for row in _SERIES for at in range(len(row) - 9)):
        return True
    return is_placeholder(value)


def is_call(value: str) -> bool:
    """Say whether a bare value is an expression that gets the secret from somewhere."""
    return is_("call", value)


def is_known_token(value: str) -> bool:
    """Say whether a signed token is the one that everybody's documentation shows."""
    return value.partition(".")[2].startswith(_SHOWN_CLAIMS)


def is_shown(value: str) -> bool:
    """Say whether a value is one that a standard's text has for its example."""
    return value in _SHOWN


def is_emulator_key(value: str) -> bool:
    """Say whether a value is a key that an emulator publishes for everyone."""
    return value in _EMULATOR_KEYS
