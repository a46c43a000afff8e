from __future__ import annotations

import pytest

from devvault.cli.set import _expires, _free_name, _reference, secret_name
from devvault.errors import WrongUse
from devvault.settingsfiles.base import get_format


def read(text):
    return get_format("dotenv").read(text.encode())


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("DB_PASSWORD", "DB-PASSWORD"),
        ("Smtp__Password", "Smtp--Password"),
        ("Smtp:Password", "Smtp--Password"),
        ("a.b", "a-b"),
        ("_", "setting-"),
        ("K" * 200, "K" * 127),
        ("schlüssel", "schl-ssel"),
    ],
)
def test_secret_names(key, name):
    assert secret_name(key) == name


def test_a_clash_gets_a_number():
    settings = read(
        "A_B=@Microsoft.KeyVault(VaultName=kv-one;SecretName=A-B)\n"
        "A_C=@Microsoft.KeyVault(VaultName=kv-two;SecretName=A-B-2)\n"
    )
    assert _free_name("A.B", "kv-one", settings) == "A-B-2"
    assert _free_name("A_B", "kv-one", settings) == "A-B"
    assert _free_name("A.B", "kv-other", settings) == "A-B"


def test_the_reference_that_a_setting_holds():
    settings = read(
        "A=plain\nB=@Microsoft.KeyVault(VaultName=kv-one;SecretName=b;SecretVersion=1)\n"
        "C=@Microsoft.KeyVault(broken)\nD='@Microsoft.KeyVault(VaultName=kv-one;SecretName=d)'\n"
    )
    assert _reference(settings, "A") is None
    assert _reference(settings, "B") is None  # pinned: a new value would not be seen
    assert _reference(settings, "C") is None
    assert _reference(settings, "none") is None
    found = _reference(settings, "D")
    assert found is not None
    assert found.name == "d"


def test_expiry_is_a_time_or_a_span():
    assert _expires(None) is None
    assert _expires("1970-01-02") == 86400
    assert _expires("90d") > 1_700_000_000
    with pytest.raises(WrongUse):
        _expires("soon")
