"""The two ports: chosen once, kept, and refused where somebody else has them."""

import contextlib
import json
import secrets
import socket

import pytest

from devvault.daemon.ports import bind
from devvault.errors import Unavailable, WrongUse
from devvault.paths import Home


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "home")
    made.root.mkdir(0o700)
    made.run.mkdir(0o700)
    return made


def numbers(home, **environment):
    ports = bind(home, environment)
    try:
        return ports.numbers
    finally:
        ports.close()


def free_port():
    """Return one that the system gives to nobody who asks for any."""
    while True:
        number = secrets.choice(range(10_000, 20_000))
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", number)):
            return number


def test_they_are_chosen_once_and_kept(home):
    first = numbers(home)
    assert first[0] != first[1]
    assert all(20_000 <= number < 32_000 for number in first)
    assert numbers(home) == first
    assert (home.run / "ports.json").stat().st_mode & 0o777 == 0o600


def test_they_listen_on_loopback_alone(home):
    ports = bind(home, {})
    try:
        assert {one.getsockname()[0] for one in (ports.https, ports.http)} == {"127.0.0.1"}
    finally:
        ports.close()


def test_a_variable_fixes_one_for_good(home):
    first, chosen = numbers(home), free_port()
    found = numbers(home, DEVVAULT_HTTPS_PORT=str(chosen))
    assert found == (chosen, first[1])
    assert numbers(home) == found


def test_the_variables_of_another_run_fix_nothing(home):
    first = numbers(home)
    other = {"DEVVAULT_HTTPS_PORT": str(free_port()), "DEVVAULT_SESSION": "1234"}
    assert numbers(home, **other) == first


@pytest.mark.parametrize("text", ["0", "80", "65536", "1e4", "²", "-1", "x"])
def test_what_is_no_port_is_wrong_use(home, text):
    with pytest.raises(WrongUse, match="DEVVAULT_HTTP_PORT"):
        bind(home, {"DEVVAULT_HTTP_PORT": text})


def test_two_of_the_same_are_wrong_use(home):
    with pytest.raises(WrongUse, match="two ports"):
        bind(home, {"DEVVAULT_HTTP_PORT": "5555", "DEVVAULT_HTTPS_PORT": "5555"})


@pytest.mark.parametrize("which", [0, 1])
def test_a_taken_port_is_a_refusal_that_names_it(home, which):
    number = numbers(home)[which]
    with socket.create_server(("127.0.0.1", number)), pytest.raises(Unavailable) as found:
        bind(home, {})
    assert found.value.code == "PortTaken"
    assert f"port {number} " in found.value.message
    assert ("DEVVAULT_HTTPS_PORT", "DEVVAULT_HTTP_PORT")[which] in found.value.hint
    assert numbers(home)[which] == number


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"https": "1", "http": 2}', '{"https": true}'])
def test_a_file_that_cannot_be_read_is_replaced(home, text):
    path = home.run / "ports.json"
    path.write_text(text)
    path.chmod(0o600)
    found = numbers(home)
    assert json.loads(path.read_text()) == {"https": found[0], "http": found[1]}
