from __future__ import annotations

import io
import json
import subprocess

import pytest
from dotenv import dotenv_values
from hypothesis import given, settings
from hypothesis import strategies as st

from devvault.cli.dialects import write
from devvault.errors import Invalid

VALUES = {
    "PLAIN": "hello",
    "EMPTY": "",
    "QUOTES": "it's \"so\" `x` $(touch /no) ${HOME} \\ \\' end\\",
    "LINES": "one\ntwo\n",
    "TYPO": "a\u2019b",
    "HASH": "a # b",
}
text = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=60)


def shell_reads(shell, script, name):
    done = subprocess.run(
        [shell, "-c", f'{script}\nprintf %s "${name}"'], capture_output=True, check=True
    )
    return done.stdout.decode()


@pytest.mark.parametrize("name", VALUES)
def test_sh_reads_every_value_back(name):
    assert shell_reads("sh", write("sh", VALUES, []), name) == VALUES[name]


@settings(max_examples=30)
@given(text)
def test_sh_reads_any_value_back(value):
    assert shell_reads("sh", write("sh", {"V": value}, []), "V") == value


def test_sh_unsets():
    assert shell_reads("sh", "G=1\n" + write("sh", {}, ["G"]), "G") == ""


def test_fish_escapes_what_single_quotes_do_not_hide():
    assert write("fish", {"V": "a'b\\c"}, ["G"]) == "set -e G\nset -gx V 'a\\'b\\\\c'\n"


def test_powershell_doubles_every_kind_of_quote():
    assert write("powershell", {"V": "a'b\u2019c$d"}, []) == "$env:V = 'a''b\u2019\u2019c$d'\n"


def test_json():
    assert json.loads(write("json", VALUES, ["G"])) == VALUES


@given(text.filter(lambda value: "\r" not in value))
def test_python_dotenv_reads_any_value_back(value):
    written = write("dotenv", {"V": value, "W": "x"}, [])
    assert dotenv_values(stream=io.StringIO(written), interpolate=False) == {"V": value, "W": "x"}


def test_docker_has_no_quotes_and_no_lines():
    assert write("docker", {"V": "a 'b' #c"}, []) == "V=a 'b' #c\n"
    with pytest.raises(Invalid) as caught:
        write("docker", VALUES, [])
    assert "LINES" in caught.value.message
    assert "two" not in caught.value.message
