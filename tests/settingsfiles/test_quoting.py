"""Written values, as python-dotenv and a real shell read them."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Invalid
from devvault.settingsfiles.quoting import quoted

ALIKE = [
    "plain", "", "1,2", "a=b", "http://h:80/p", "me@x.org", "50%",
    "two words", "$HOME", "$(id)", "`id`", "a;b", "a#b", "a # b", "~", "!x", "\ttab ", "a\nb",
    "it's", 'say "hi"', "it's \"both\"", "C:\\temp\\x", "end\\", "\\\\server\\share", "it's\\n",
    "é ü 漢", "${X}", "{a,b}", "*", "a&b|c>d<e",
    "@Microsoft.KeyVault(VaultName=v;SecretName=s)", "Server=tcp:x;Database=y;",
]  # fmt: skip


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
def test_a_shell_reads_the_same(tmp_path: Path):
    file = tmp_path / "x.env"
    file.write_text("".join(f"V{i}={quoted(v)}\n" for i, v in enumerate(ALIKE)), newline="")
    script = 'set -a; . "$1"; env -0'
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", str(file)],
        capture_output=True, check=True, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    pairs = dict(p.split("=", 1) for p in done.stdout.decode().split("\0") if "=" in p)
    assert [pairs[f"V{i}"] for i in range(len(ALIKE))] == ALIKE


@pytest.mark.parametrize("value", [*ALIKE, "it's $5", "it's `x`", "a\r\nb", "\r$"])
@pytest.mark.parametrize("prefer", ["", "'", '"'])
def test_python_dotenv_reads_the_same(value, prefer):
    text = f"V={quoted(value, prefer=prefer)}\n"
    assert dotenv_values(stream=io.StringIO(text), interpolate=False) == {"V": value}


@pytest.mark.parametrize(
    ("value", "prefer", "written"),
    [
        ("a", "", "a"),
        ("a", "'", "'a'"),
        ("a", '"', '"a"'),
        ("a b", '"', '"a b"'),
        ("a b", "", "'a b'"),
        ("$a", '"', "'$a'"),
        ("", "", ""),
    ],
)
def test_the_quotes_that_were_there_stay(value, prefer, written):
    assert quoted(value, prefer=prefer) == written


@pytest.mark.parametrize("value", ["a\0b", "\ud800", "\r${X}"])
def test_what_cannot_be_written_is_refused(value):
    with pytest.raises(Invalid):
        quoted(value)


@given(st.text(max_size=20), st.sampled_from(["", "'", '"']))
def test_any_text_reads_back_or_is_refused(value, prefer):
    try:
        written = quoted(value, prefer=prefer)
    except Invalid:
        return
    text = f"V={written} # c\n"
    assert dotenv_values(stream=io.StringIO(text), interpolate=False) == {"V": value}
