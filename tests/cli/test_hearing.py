"""What a mask is told while its program runs."""

import os
import socket

import pytest

from devvault.cli.hearing import Hearing
from devvault.cli.mask import MASK, Mask


@pytest.fixture
def hearing(tmp_path):
    made = Hearing(os.fsencode(tmp_path))
    yield made
    made.end()


def tell(hearing, folder, words):
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(folder / os.fsdecode(hearing.name)))
        line.sendall(words)


def test_each_version_of_one_secret_is_masked(hearing, tmp_path):
    for value in (b"first-value", b"second-value"):
        tell(hearing, tmp_path, b"vault/name\0" + value)
    told = hearing.take()
    assert told == [(b"vault/name", b"first-value"), (b"vault/name", b"second-value")]
    mask = Mask({})
    mask.learn(told)
    stream = mask.stream()
    assert stream.feed(b"first-value second-value ") + stream.end() == MASK + b" " + MASK + b" "
    assert hearing.take() == []


def test_what_is_no_value_is_left_alone_and_the_end_removes_the_socket(hearing, tmp_path):
    tell(hearing, tmp_path, b"nothing")
    assert hearing.take() == []
    path = tmp_path / os.fsdecode(hearing.name)
    assert path.stat().st_mode & 0o777 == 0o600
    hearing.end()
    assert not path.exists()
