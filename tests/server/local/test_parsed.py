from __future__ import annotations

import pytest

from devvault.errors import WrongUse
from devvault.resolver.plan import EnvFile
from devvault.server.local.parsed import ParsedFiles


def test_the_same_bytes_are_read_once_and_others_anew():
    files = ParsedFiles()
    first = files.read(EnvFile("/a/.env", b"A=1\n"))
    assert files.read(EnvFile("/b/.env", b"A=1\n")) is first
    assert files.read(EnvFile("/a/.env", b"A=2\n"))[0].value == "2"


def test_only_a_few_are_kept_and_no_large_one():
    files = ParsedFiles()
    first = files.read(EnvFile("a", b"A=0\n"))
    large = EnvFile("l", b"A=" + b"x" * 70_000)
    assert files.read(large) is not files.read(large)
    for number in range(1, 20):
        files.read(EnvFile("a", b"A=%d\n" % number))
    assert files.read(EnvFile("a", b"A=0\n")) is not first


def test_what_cannot_be_read_is_refused_each_time():
    files = ParsedFiles()
    for path in ("a", "b"):
        with pytest.raises(WrongUse, match=f"^{path}: line 1"):
            files.read(EnvFile(path, b"A=\0"))
