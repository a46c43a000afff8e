"""Interpolation: python-dotenv's own answer, but for single quotes and for the vault's values."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from unittest.mock import patch

import pytest
from dotenv.main import DotEnv
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import WrongUse
from devvault.settingsfiles.dotenv import DotenvFile
from devvault.settingsfiles.interpolate import interpolate


def run(text, environment=None, resolved=None, opaque=frozenset(), *, override=False):
    settings = DotenvFile().read(text.encode())
    return interpolate(settings, environment or {}, resolved or {}, opaque, override=override)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nB=${A}2", {"A": "1", "B": "12"}),
        ("B=${A}2\nA=1", {"B": "2", "A": "1"}),
        ("B=${A:-d}", {"B": "d"}),
        ("A=\nB=${A:-d}", {"A": "", "B": ""}),
        ("A\nB=${A:-d}", {"B": ""}),
        ("B=${E}", {"B": "env"}),
        ("E=file\nB=${E}", {"E": "file", "B": "env"}),
        ("A=1\nB=$A", {"A": "1", "B": "$A"}),
        ("B=${A:?x}", {"B": "${A:?x}"}),
        ('A="x"\nB="${A}-${A}"', {"A": "x", "B": "x-x"}),
        ("A='${E}'", {"A": "${E}"}),
        ("A=1\nA=${A}2", {"A": "12"}),
    ],
)
def test_table(text, expected):
    assert run(text, {"E": "env"}) == expected


def test_values_from_a_vault_are_put_in_as_they_are():
    got = run("S=@ref\nB=pre-${S}-${E}", {"E": "env"}, {"S": "a${E}b"})
    assert got == {"S": "a${E}b", "B": "pre-a${E}b-env"}


def test_a_vaults_value_stands_for_the_last_setting_of_its_name():
    assert run("S=plain\nB=${S}\nS=@ref\nC=${S}", {}, {"S": "v"}) == {
        "S": "v",
        "B": "plain",
        "C": "v",
    }


def test_opaque_values_stay_as_written():
    assert run("S=@x(${E})\nB=${S}", {"E": "env"}, {}, {"S"}) == {"S": "@x(${E})", "B": "@x(${E})"}


def test_override_lets_the_file_win():
    assert run("E=file\nB=${E}", {"E": "env"}, override=True) == {"E": "file", "B": "file"}


def test_unusable_settings_are_left_out():
    assert run("$(id)=1\nA='open\nB=2") == {"B": "2"}


WORDS = st.sampled_from(
    ["A", "B", "C", "E", "=", "${A}", "${B:-d}", "${E}", "${", "}", ":-", "$A", "x", "\n", '"', " "]
)


@given(st.lists(WORDS, max_size=25).map("".join), st.booleans())
def test_plain_files_give_what_python_dotenv_gives(text, override):
    import io

    settings = DotenvFile().read(text.encode())
    if any(s.error for s in settings):
        return
    environment = {"E": "env", "B": "from env"}
    with patch.dict(os.environ, environment, clear=True):
        expected = DotEnv(None, stream=io.StringIO(text), override=override).dict()
    assert interpolate(settings, environment, {}, override=override) == {
        key: value for key, value in expected.items() if value is not None
    }


def written(value):
    return replace(DotenvFile().read(b"K=v")[0], value=value)


_AS_PATTERN = re.compile(r"\$\{([^}:]*)(?::-([^}]*))?\}")


@given(st.text(alphabet="${}:-ab", max_size=40))
def test_variables_are_found_as_the_pattern_of_python_dotenv_finds_them(value):
    known = {"a": "1", "b": "", "ab": "$", "-": "x"}
    expected = _AS_PATTERN.sub(lambda m: known.get(m[1], m[2] or ""), value)
    assert interpolate([written(value)], known, {}) == {"K": expected}


def test_what_grows_without_end_is_refused_before_it_is_there():
    lines = ["A0=xxxxxxxxxx", *(f"A{n + 1}={f'${{A{n}}}' * 10}" for n in range(30))]
    with pytest.raises(WrongUse) as caught:
        run("\n".join(lines))
    assert "line 8: " in caught.value.message


def test_a_megabyte_of_half_a_variable_takes_no_time():
    for text in ("${" * 500_000, "${" * 300_000 + ":", "${a:-" * 200_000):
        assert interpolate([written(text)], {}, {}) == {"K": text}
