from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.resolver.names import secret_name, setting_name


@pytest.mark.parametrize(
    ("setting", "secret"),
    [
        ("DB_PASSWORD", "DB-PASSWORD"),
        ("Smtp__Password", "Smtp--Password"),
        ("Smtp:Password", "Smtp--Password"),
        ("smtp.password", "smtp-password"),
        ("a", "a"),
        ("_", "setting-"),
        ("é", "setting-"),
        ("x" * 200, "x" * 127),
    ],
)
def test_a_settings_secret(setting, secret):
    assert secret_name(setting) == secret


@pytest.mark.parametrize(
    ("secret", "prefix", "setting"),
    [
        ("db-password", "", "DB_PASSWORD"),
        ("Smtp--Password", "", "SMTP__PASSWORD"),
        ("my-app-db", "my_app_", "DB"),
        ("other-db", "my_app_", "OTHER_DB"),
    ],
)
def test_a_secrets_setting(secret, prefix, setting):
    assert setting_name(secret, prefix) == setting


@given(st.text(max_size=200), st.text(max_size=20))
def test_every_name_is_legal(setting, prefix):
    assert re.fullmatch(r"[0-9A-Za-z-]{1,127}", secret_name(setting, prefix))


@given(st.from_regex(r"[A-Z][A-Z0-9]{0,9}(?:__?[A-Z0-9]{1,9}){0,5}", fullmatch=True))
def test_upper_snake_comes_back(setting):
    assert setting_name(secret_name(setting)) == setting
