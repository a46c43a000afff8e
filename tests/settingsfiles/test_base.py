from __future__ import annotations

import pytest

from devvault.settingsfiles.base import find_key_error, is_shell_name


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
