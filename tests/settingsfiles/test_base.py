from __future__ import annotations

import subprocess
import sys

import pytest

from devvault.settingsfiles.base import find_format, find_key_error, is_shell_name


@pytest.mark.parametrize("key", ["A", "_", "a_1", "PATH"])
def test_shell_names(key):
    assert is_shell_name(key)
    assert find_key_error(key) is None


@pytest.mark.parametrize("key", ["A.B", "A:B", "A-B", "1A", "Ä", "npm_config_//r/:_x", "a@b"])
def test_names_that_a_kernel_takes_and_a_shell_does_not(key):
    assert not is_shell_name(key)
    assert find_key_error(key) is None


@pytest.mark.parametrize(
    "key", ["", "a=b", "a\0", "a b", "a\n", "A\n", "$(id)", "a;b", "`x`", "\x1b"]
)
def test_hostile_names(key):
    assert not is_shell_name(key)
    assert find_key_error(key)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        (".env", "dotenv"),
        ("a/.env.local", "dotenv"),
        ("prod.env", "dotenv"),
        ("prod.env.example", "dotenv"),
        ("environment.ts", None),
        ("local.settings.json", "localsettings"),
        ("appsettings.Development.json", "json"),
        ("LOCAL.SETTINGS.JSON", "localsettings"),
        ("compose.yaml", "yaml"),
        ("docker-compose.override.yml", "yaml"),
        ("settings.toml", "toml"),
        ("notes.txt", None),
        ("", None),
    ],
)
def test_a_format_is_told_by_the_name(name, form):
    assert find_format(name) == form


def test_importing_a_format_loads_no_parser():
    code = (
        "import sys; from devvault.settingsfiles.base import get_format, FORMATS; "
        "[get_format(name) for name in FORMATS]; assert not {'yaml', 'dotenv'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
