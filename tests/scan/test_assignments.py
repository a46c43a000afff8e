from __future__ import annotations

import pytest

from devvault.scan.assignments import assignments
from devvault.scan.sources import Text


def read(name, text):
    return [(one.key, one.value, one.line, one.column) for one in assignments(Text(name, text))]


def test_an_env_file_is_read_by_its_own_parser():
    text = "# note\nexport A=1\nB='x y' # c\nC=\n"
    assert read("conf/.env.local", text) == [
        ("A", "1", 2, 10),
        ("B", "x y", 3, 4),
        ("C", "", 4, 3),
    ]


def test_columns_count_characters_not_bytes():
    assert read(".env", "É=x\nÉ='ü'\n") == [("É", "x", 1, 3), ("É", "ü", 2, 4)]


def test_a_broken_env_file_is_still_looked_at():
    assert ("B", "secret", 2, 3) in read(".env", "A='open\nB=secret\n")


def test_json_yaml_and_code():
    assert read("a.json", '{"Db": "x",\n "n": 1}') == [("Db", "x", 1, 9)]
    assert read("a.yaml", "db:\n  password: x y # c\n  list:\n    - token: z\n") == [
        ("password", "x y", 2, 13),
        ("token", "z", 4, 14),
    ]
    assert read("a.py", "password = 'x'\nother = call()\n") == [("password", "x", 1, 13)]


def test_a_lock_file_holds_no_settings():
    assert read("package-lock.json", '{"password": "x"}') == []
    assert read("poetry.lock", "password = 'x'\n") == []


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("PIN_TOKEN='x' # devvault: allow a test fixture", True),
        ("PIN_TOKEN='x' # devvault: allow", False),
        ("PIN_TOKEN='x'", False),
    ],
)
def test_an_allow_needs_a_reason(line, allowed):
    for name in ("a.py", ".env"):
        assert [one.is_allowed for one in assignments(Text(name, line))] == [allowed]
