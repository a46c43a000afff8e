"""Whose a loopback connection is, as the kernel knows it."""

import os
import socket
import subprocess
import sys

import pytest

from devvault.daemon.peers import Peers
from tests.daemon.running import NOBODY
from tests.waiting import LIMIT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")


@pytest.fixture
def peers():
    made = Peers()
    yield made
    made.close()


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def test_our_own_connection_is_ours(peers, listener):
    with socket.create_connection(listener.getsockname()) as client:
        accepted, address = listener.accept()
        with accepted:
            assert address == client.getsockname()
            assert peers.find_uid(address, accepted.getsockname()) == os.geteuid()
            assert peers.is_stranger(address, accepted.getsockname()) is None


def test_another_users_is_not(peers, listener):
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    script = "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
    process = subprocess.Popen(
        ["/usr/bin/python3", "-I", "-c", script + "s.recv(1)", str(listener.getsockname()[1])],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
    )
    accepted, address = listener.accept()
    with accepted:
        assert peers.is_stranger(address, accepted.getsockname()) == NOBODY
    assert process.wait(LIMIT) == 0


def test_nobody_is_turned_away_for_a_connection_that_is_gone(peers, listener):
    assert peers.find_uid(("127.0.0.1", 1), listener.getsockname()) is None
    assert peers.is_stranger(("127.0.0.1", 1), listener.getsockname()) is None
