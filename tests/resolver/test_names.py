from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.resolver.names import secret_name


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


@given(st.text(max_size=200), st.text(max_size=20))
def test_every_name_is_legal(setting, prefix):
    assert re.fullmatch(r"[0-9A-Za-z-]{1,127}", secret_name(setting, prefix))


def test_a_prefix_is_mapped_as_well():
    assert secret_name("DB_URL", "my_app__") == "my-app--DB-URL"
