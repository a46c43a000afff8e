"""The vaults' values in disguise: every form that the specification names, in files of many kinds.

The values are drawn from a seeded generator, so that no tool takes this file for a leak.
"""

from __future__ import annotations

import base64
import json
import random
import string
import textwrap
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import pytest

from devvault.scan.needles import Held
from devvault.scan.values import ValueIndex

CHANCE = random.Random(20260102)
ALPHABETS = {
    "base64": string.ascii_letters + string.digits + "+/",
    "letters": string.ascii_letters + string.digits,
    "signs": string.ascii_letters + string.digits + "!#%&'\"()*+,-./:;<=>?@[]^_{|}~$\\",
    "hex": "0123456789abcdef",
    "url": string.ascii_letters + string.digits + "-_~",
}


def drawn(alphabet, length):
    return "".join(CHANCE.choices(ALPHABETS[alphabet], k=length))


def human(number):
    words = ["Winter", "Sommer", "horse", "Blau", "maple", "River"]
    return f"{CHANCE.choice(words)}{CHANCE.choice(words)}-{number}{CHANCE.randrange(100, 999)}!"


VALUES = [
    *(drawn("base64", 86) + "==" for _ in range(4)),
    *(drawn("letters", 32) for _ in range(4)),
    *(drawn("letters", 20) for _ in range(4)),
    *(drawn("signs", 24) for _ in range(6)),
    *(drawn("hex", 32) for _ in range(3)),
    *(drawn("url", 40) for _ in range(3)),
    *(human(number) for number in range(6)),
    drawn("letters", 12) + " " + drawn("letters", 8),
    drawn("letters", 8) + "\u00fc\u00df" + drawn("letters", 8),
]
INDEX = ValueIndex(Held(value, "kv", f"s{n}", "v") for n, value in enumerate(VALUES))


def b64(data, url=False):
    return (base64.urlsafe_b64encode if url else base64.b64encode)(data).decode()


def split(value, sign, quote_sign='"'):
    third = len(value) // 3
    parts = [value[:third], value[third : 2 * third], value[2 * third :]]
    return sign.join(f"{quote_sign}{part}{quote_sign}" for part in parts)


def plain(value):
    """Whether a value can stand between quotes as it is."""
    return not set(value) & set("'\"\\$`")


DISGUISES = {
    "raw": lambda v: v,
    "base64": lambda v: b64(v.encode()),
    "base64, one before": lambda v: b64(b":" + v.encode()),
    "base64, two before": lambda v: b64(b"u:" + v.encode() + b"@h"),
    "base64, behind": lambda v: b64(b"user:" + v.encode() + b"@host/x"),
    "base64url": lambda v: b64(v.encode(), url=True),
    "base64url without =": lambda v: b64(b"a:" + v.encode(), url=True).rstrip("="),
    "hex": lambda v: v.encode().hex(),
    "HEX": lambda v: v.encode().hex().upper(),
    "URL": lambda v: quote(v, safe=""),
    "URL, lower case": lambda v: "".join(
        c if c.isalnum() else "".join(f"%{byte:02x}" for byte in c.encode()) for c in v
    ),
    "every letter %": lambda v: "".join(f"%{byte:02X}" for byte in v.encode()),
    "JSON": json.dumps,
    "JSON, as it is": lambda v: json.dumps(v, ensure_ascii=False),
    "JSON, all signs": lambda v: "".join(
        c if c.isalnum() and c.isascii() else f"\\u{ord(c):04X}" for c in v
    ),
    "JSON with \\/": lambda v: json.dumps(v).replace("/", "\\/"),
    "XML": quoteattr,
    "XML, numbers": lambda v: "".join(
        c if c.isalnum() and c.isascii() else f"&#{ord(c)};" for c in v
    ),
    "shell, backslashes": lambda v: "".join(
        c if c.isalnum() or ord(c) > 127 else f"\\{c}" for c in v
    ),
    "shell, single quotes": lambda v: "'" + v.replace("'", "'\\''") + "'",
    "SQL": lambda v: "'" + v.replace("'", "''") + "'",
    "PowerShell": lambda v: '"' + "".join(f"`{c}" if c in "$`\"'" else c for c in v) + '"',
    "UTF-16 in base64": lambda v: b64(v.encode("utf-16-le")),
    "UTF-16 in base64, behind": lambda v: b64(("$p='" + v + "'").encode("utf-16-le")),
    "split, +": lambda v: split(v, " + ") if plain(v) else v,
    "split over lines": lambda v: split(v, "\n    ") if plain(v) else v,
    "split, + over lines": lambda v: split(v, " +\n        ", "'") if plain(v) else v,
    "split, .": lambda v: split(v, " . ", "'") if plain(v) else v,
    "split, &": lambda v: split(v, " & _\n  ".replace(" _", "")) if plain(v) else v,
    "split, in a list": lambda v: f"[{split(v, ', ')}].join('')" if plain(v) else v,
    "split, shell": lambda v: split(v, "", "'") if plain(v) else v,
    "split, +=": lambda v: f'"{v[:7]}"\nx += "{v[7:]}"' if plain(v) else v,
    "folded base64": lambda v: "\n  ".join(textwrap.wrap(b64(b"some text " + v.encode()), 20)),
    "folded with backslashes": lambda v: "\\\n".join(textwrap.wrap(b64(v.encode()), 16)),
    "connection string": lambda v: (
        f"Server=tcp:db;Password={v};Encrypt=True" if ";" not in v else v
    ),
    "URL's password": lambda v: f"postgres://app:{quote(v, safe='')}@db.local:5432/app",
}
# What is undone must be undone again.
STACKED = {
    "split, JSON": lambda v: json.dumps(v[:9]) + " + " + json.dumps(v[9:]),
    "split, URL": lambda v: split(quote(v, safe=""), " + "),
    "split, XML": lambda v: f"'{quoteattr(v[:9])[1:-1]}' . '{quoteattr(v[9:])[1:-1]}'"
    if "'" not in v else v,
    "split, all signs": lambda v: split(DISGUISES["JSON, all signs"](v), "\n    "),
    "split in JSON": lambda v: json.dumps(split(v, " + ")) if plain(v) else v,
    "split in a notebook": lambda v: json.dumps([f'p = "{v[:8]}" +\n', f'    "{v[8:]}"'])
    if plain(v) else v,
    "folded, URL": lambda v: "\\\n".join(textwrap.wrap(DISGUISES["every letter %"](v), 18)),
    "folded, escaped": lambda v: json.dumps(v[:9])[:-1] + "\\\n  " + json.dumps(v[9:])[1:],
    "JSON in JSON": lambda v: json.dumps(json.dumps({"k": v})),
    "JSON in JSON in JSON's string, once": lambda v: json.dumps({"k": json.dumps([v])}),
    "JSON in XML": lambda v: quoteattr(json.dumps({"k": v})),
    "JSON in a shell's quotes": lambda v: json.dumps({"k": v}).replace("'", "'\\''"),
    "URL in XML": lambda v: quoteattr(f"https://h/?a=1&p={quote(v, safe='')}"),
    "URL in URL": lambda v: quote(quote(v, safe=""), safe=""),
    "URL in base64": lambda v: b64(f"postgres://u:{quote(v, safe='')}@h".encode()),
    "JSON in base64": lambda v: b64(json.dumps({"password": v}).encode()),
    "base64 in base64": lambda v: b64(b64(f"user:{v}".encode()).encode()),
    "base64 in JSON in base64": lambda v: b64(
        json.dumps({"auth": b64(f"u:{v}".encode())}).encode()
    ),
    "base64, split": lambda v: split(b64(v.encode()), " + "),
    "base64 in a URL": lambda v: quote(b64(v.encode()), safe=""),
    "base64 in JSON": lambda v: json.dumps(b64(v.encode())).replace("/", "\\/"),
}  # fmt: skip
FILES = {
    ".env": "A=1\nKEY={0}\nB=2\n",
    "a.json": '{{\n  "key": "{0}",\n  "n": 1\n}}\n',
    "a.yaml": "a:\n  key: {0}\n  b: 1\n",
    "a.py": 'import os\n\nkey = "{0}"\nprint(key)\n',
    "notes.md": "Some words.\n\nUse `{0}` for it.\n",
    "a.xml": '<a><add key="k" value="{0}"/></a>\n',
}
TARGET = 0.88


def owners(text):
    return {place.owner.secret for place in INDEX.places(text.encode())}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_values_in_this_disguise_are_found(disguise):
    missed = []
    for number, value in enumerate(VALUES):
        for name, form in FILES.items():
            text = form.format(DISGUISES[disguise](value))
            if f"s{number}" not in owners(text):
                missed.append((name, number))
            assert owners(text) <= {f"s{number}"}, "another secret's value"
    share = 1 - len(missed) / (len(VALUES) * len(FILES))
    assert share >= TARGET, missed


@pytest.mark.parametrize("disguise", STACKED)
def test_values_in_two_disguises_are_found(disguise):
    missed = []
    for number, value in enumerate(VALUES):
        text = f"first = 1\nkey = {STACKED[disguise](value)}\nlast = 2\n"
        places = INDEX.places(text.encode())
        assert {place.owner.secret for place in places} <= {f"s{number}"}
        if not places:
            missed.append(value)
        elif places[0].line != 2:
            missed.append((places[0], text))
    assert len(missed) <= (1 - TARGET) * len(VALUES), missed


def near_misses():
    for number, value in enumerate(VALUES):
        at = CHANCE.randrange(len(value))
        other = "x" if value[at] != "x" else "y"
        changed = value[:at] + other + value[at + 1 :]
        last = value[:-1] + chr(ord(value[-1]) ^ 1)
        first = chr(ord(value[0]) ^ 1) + value[1:]
        for near in (changed, last, first, value[1:], value[:-1], value[2:-2], value[::-1]):
            yield number, near
        if value.swapcase() != value:
            yield number, value.swapcase()
        if len(value) < 16:
            yield number, value + "7"
            yield number, "Q" + value


def test_near_misses_are_no_findings():
    alarms = []
    tried = 0
    for number, near in near_misses():
        if any(value in near for value in VALUES if len(value) >= 16):
            continue
        for disguise in (
            "raw",
            "base64",
            "base64, two before",
            "hex",
            "URL",
            "JSON",
            "UTF-16 in base64",
            "split, JSON",
            "JSON in JSON",
            "base64 in base64",
        ):
            text = FILES[".env"].format((DISGUISES | STACKED)[disguise](near))
            tried += 1
            if owners(text):
                alarms.append((number, disguise))
    assert tried > 1000
    assert not alarms


WEAK = {
    "word": "production", "short": "dev1", "user": "sqladmin", "region": "westeurope",
    "host": "db.internal.example.com", "url": "https://api.example.com/v1", "port": "5432",
    "mail": "ops@example.com", "yes": "true",
    "camel": "MyApplication", "words": "my-app-prod", "path": "/var/lib/app/data",
}  # fmt: skip


@pytest.fixture(scope="module")
def weak():
    return ValueIndex(Held(value, "kv", name, "v") for name, value in WEAK.items())


def test_common_values_are_no_findings_in_prose_code_and_settings(weak):
    text = "\n".join(
        f"The {value} of it.\n# {value}\nNAME={value}\nregion: {value}\nx = f('{value}')\n"
        f'{{"host": "{value}"}}\nPASSWORD_MIN_LENGTH={value}\nTOKEN_URL={value}\n'
        f"key_name: {value}\n<a href='{value}'>{value}</a>\nif env == \"{value}\": pass"
        for value in WEAK.values()
    )
    assert weak.places(text.encode()) == []


@pytest.mark.parametrize(
    "line",
    [
        "DB_PASSWORD={0}",
        "DB_PASSWORD='{0}'  # note",
        'export API_TOKEN="{0}"',
        '"clientSecret": "{0}",',
        "  password: {0}",
        "  - name: DB_PASSWORD\n    value: {0}",
        '<add key="Db:Password" value="{0}" />',
        'password = "{0}";',
        "$env:DB_PASSWORD = '{0}'",
        "db.password={0}",
        "Server=x;Password={0};Encrypt=True",
    ],
)
def test_common_values_count_beside_a_secret_like_name(weak, line):
    for name in ("word", "short", "user", "port", "words", "camel"):
        found = weak.places(f"# first\n{line.format(WEAK[name])}\n".encode())
        assert [place.owner.secret for place in found] == [name], line


@pytest.mark.parametrize(
    "value",
    [
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "https://hooks.example.com/services/T02" + "9QX7/B04K/x8Wq2LmZp9Rt",
        "correct-horse-battery-staple",
        "four words of it make a phrase",
        "Winter2026",
        "hT7-kq2-Vn41",
        "P@ssw0rd!",
        "qWxYzPbK",
        "123456789012",
        "Summer!Rain",
    ],
)
def test_what_nobody_writes_by_chance_counts_everywhere(value):
    index = ValueIndex([Held(value, "kv", "s", "v")])
    assert index.places(f"it is {value} there\n".encode()), value
    assert index.places(f"x: {b64(value.encode())}\n".encode()), value


def test_a_common_value_in_base64_counts_there_too(weak):
    coded = b64(WEAK["word"].encode())
    (place,) = weak.places(f"data:\n  db-password: {coded}\n".encode())
    assert (place.owner.secret, place.form) == ("word", "encoded")
    assert weak.places(f"data:\n  name: {coded}\n".encode()) == []


def test_parts_of_a_value_betray_it():
    secret = drawn("letters", 24)
    cases = {
        "sql": f"Server=tcp:x.database.windows.net;User ID=app;Password={secret};Encrypt=True",
        "url": f"postgres://app:{secret}@db/app",
        "redis": f"x.redis.cache.windows.net:6380,password={secret},ssl=True",
        "json": json.dumps({"client_id": "abc", "client_secret": secret, "name": "an app"}),
        "sas": f"https://x.blob.core.windows.net/c?sp=r&se=2030-01-01&sig={secret}",
    }
    for name, value in cases.items():
        index = ValueIndex([Held(value, "kv", name, "v")])
        (place,) = index.places(f"it is {secret} there\n".encode())
        assert (place.owner.secret, place.part) == (name, "a password in")
        assert index.places(b"Encrypt=True User ID=app client_id abc\n") == []


def test_a_key_of_many_lines_is_found_by_a_line_of_it():
    lines = [drawn("base64", 64) for _ in range(24)]
    value = "-----BEGIN PRIVATE KEY-----\n" + "\n".join(lines) + "\n-----END PRIVATE KEY-----\n"
    index = ValueIndex([Held(value, "kv", "pem", "v")])
    assert index.places(b"-----BEGIN PRIVATE KEY-----\n" + drawn("base64", 64).encode()) == []
    indented = textwrap.indent(value, "    ")
    assert index.places(f"key: |\n{indented}".encode())[0].part == "a line of"
    assert index.places(json.dumps({"k": value}).encode())[0].part == ""


def test_places_are_those_of_the_file():
    value = VALUES[4]
    text = f"# \u00fc first\n\u00fc = {value} end\n"
    (place,) = INDEX.places(text.encode())
    assert (place.line, place.column) == (2, 5)
    assert text.encode()[place.start : place.end].decode() == value
    text = f'a\nx = "{value[:9]}" + "{value[9:]}"\n'
    (place,) = INDEX.places(text.encode())
    assert (place.line, place.column, place.form) == (2, 6, "split")


def test_bytes_that_are_no_text_are_compared_too():
    value = VALUES[5]
    assert INDEX.places(b"\0\1\2" + value.encode() + b"\0\xff")
    assert INDEX.places(b"\0\1\2" + value.encode("utf-16-le") + b"\0\xff")


def test_one_secret_is_told_once_a_line():
    value = VALUES[4]
    assert len(INDEX.places(f"{value} {value} {b64(value.encode())}\n".encode())) == 1


def test_no_value_is_in_a_repr():
    shown = repr(INDEX) + repr(INDEX.places(VALUES[4].encode())) + repr(Held("xyz", "v", "s", ""))
    assert VALUES[4] not in shown
    assert "xyz" not in shown


@pytest.mark.parametrize(
    "text",
    [
        b"%" * 200_000,
        b"\\" * 200_000,
        b'"' * 200_000,
        b'" + ' * 50_000,
        b"`" * 200_000,
        b"&#" * 100_000,
        b"\n" * 200_000,
        b"a\\\n" * 70_000,
        b"key=" * 50_000,
        b"password = production " * 10_000,
        b"x" * 1_000_000,
        b'"\n   ' * 50_000,
        b"name: " * 40_000,
        (VALUES[5] + " ").encode() * 40_000,
        b64(VALUES[5].encode()).encode() * 20_000,
        b"password=production;" * 50_000,
    ],
    ids=range(16),
)
def test_no_text_takes_long(weak, text):
    # Work of this process alone, so that a busy machine changes nothing; what is super-linear
    # would take minutes.
    import time

    start = time.process_time()
    INDEX.places(text)
    weak.places(text)
    assert time.process_time() - start < 20
