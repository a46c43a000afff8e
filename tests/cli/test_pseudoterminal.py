"""`run --mask` on a terminal: masked, and still a terminal with all that belongs to one."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.waiting import LIMIT, wait_for

SECRET = b"summer-rain-91"
STUB = """
import os, sys
sys.path.insert(0, os.environ.pop("TREE"))
from devvault.cli import answer, pseudoterminal
from devvault.cli.mask import Mask
words = [os.fsencode(word) for word in sys.argv[1:]]
given = {k: v for k, v in os.environb.items()}
pseudoterminal.run(lambda: answer.become(words, given), lambda: Mask({b"DB": given[b"DB"]}))
"""
TREE = os.fspath(Path(__file__).resolve().parents[2])
ENVIRONMENT = {"PATH": os.environ["PATH"], "DB": SECRET.decode(), "TREE": TREE, "STUB": STUB}


class Terminal:
    """A terminal with a program in the foreground, played by the test."""

    def __init__(self, *words, pipe=None, size=(24, 80)):
        self.shown = b""
        begin, ready = os.pipe()
        self.pid, self.end = pty.fork()
        if self.pid == 0:
            for number, target in (pipe or {}).items():
                os.dup2(target, number)
            os.read(begin, 1)  # until the size is set
            os.execve(words[0], words, ENVIRONMENT)
        self.resize(*size)
        self.before = self.modes()
        os.write(ready, b".")
        os.close(begin)
        os.close(ready)

    def resize(self, rows, columns):
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, text):
        limit = time.monotonic() + LIMIT
        while text not in self.shown and time.monotonic() < limit:
            if select.select([self.end], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.end, 65536)
                except OSError:
                    break
        assert text in self.shown, self.shown
        seen, _, self.shown = self.shown.partition(text)
        return seen + text

    def type(self, text):
        os.write(self.end, text)

    def modes(self):
        return termios.tcgetattr(self.end)

    def wait_until_raw(self):
        """Wait until keys are passed on as they are typed, to a terminal of the program's own."""
        wait_for(lambda: not self.modes()[3] & termios.ICANON)

    def finish(self):
        """Read to the end; return all that came and the exit code."""
        limit = time.monotonic() + LIMIT
        while time.monotonic() < limit:
            try:
                if select.select([self.end], [], [], 0.1)[0]:
                    piece = os.read(self.end, 65536)
                    self.shown += piece
                    if not piece:
                        break
            except OSError:
                break
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pid = 0
        return self.shown, code


@pytest.fixture
def terminal():
    made = []

    def start(*words, **options):
        command = [sys.executable, "-I", "-c", STUB, *words]
        made.append(Terminal(*command, **options))
        return made[-1]

    start.shell = lambda script: made.append(Terminal("/bin/bash", "-c", script)) or made[-1]
    yield start
    for one in made:
        if one.pid:
            os.kill(one.pid, signal.SIGKILL)
            os.waitpid(one.pid, 0)
        os.close(one.end)


def test_the_child_sees_a_terminal_and_we_mask(terminal):
    script = "test -t 0 && test -t 1 && test -t 2 && echo all; echo $DB; echo $DB >&2; exit 5"
    shown, code = terminal("sh", "-c", script).finish()
    assert code == 5
    assert shown == (
        b"all\r\n[masked]\r\n[masked]\r\n"
        b"devvault: note: masked 2 times: DB (--no-mask shows values)\r\n"
    )


def test_colours_and_carriage_returns_pass(terminal):
    shown, _ = terminal("printf", "\\033[31mred\\033[0m\\r10%%\\r20%%\\n").finish()
    assert shown == b"\x1b[31mred\x1b[0m\r10%\r20%\r\n"


def test_a_prompt_shows_and_what_is_typed_hidden_stays_hidden(terminal):
    one = terminal("bash", "-c", "read -s -p 'Password: ' x; echo; echo got ${#x}")
    one.until(b"Password: ")
    time.sleep(0.2)
    one.type(b"hello\r")
    shown, code = one.finish()
    assert (shown, code) == (b"\r\ngot 5\r\n", 0)


def test_the_window_has_our_size_and_follows_it(terminal):
    script = "trap 'stty size; exit 0' WINCH; stty size; while :; do sleep 0.1; done"
    one = terminal("bash", "-c", script, size=(33, 99))
    one.until(b"33 99\r\n")
    one.resize(44, 111)
    shown, code = one.finish()
    assert (shown, code) == (b"44 111\r\n", 0)


def test_a_storm_of_sizes_is_weathered(terminal):
    script = "for n in $(seq 600); do stty size | grep -q '^50 90' && break; sleep 0.1; done"
    one = terminal("sh", "-c", f"echo ready; {script}; stty size")
    one.until(b"ready")
    for number in range(200):
        one.resize(20 + number % 30, 80)
    one.resize(50, 90)
    shown, code = one.finish()
    assert b"50 90" in shown
    assert code == 0


def test_keys_reach_the_child_as_they_would(terminal):
    one = terminal("sh", "-c", "trap 'echo int' INT; echo ready; cat; echo end")
    one.until(b"ready")
    one.type(b"\x04")
    shown, code = one.finish()
    assert b"end" in shown
    assert code == 0
    one = terminal("sh", "-c", "echo ready; sleep 60")
    one.until(b"ready")
    one.type(b"\x03")
    assert one.finish()[1] == -signal.SIGINT


def test_ctrl_c_twice_is_told_twice(terminal):
    one = terminal("bash", "-c", "trap 'echo int' INT; echo ready; while read x; do :; done")
    one.until(b"ready")
    for _ in range(2):
        one.type(b"\x03")
        one.until(b"int\r\n")
    one.type(b"\x04")
    shown, code = one.finish()
    assert (b"int" in shown, code) == (False, 0)


def test_a_program_in_raw_mode_gets_each_key(terminal):
    code = (
        "import os,sys,tty; tty.setraw(0); os.write(1, b'ready');"
        "got = b''.join(os.read(0, 1) for _ in range(3)); os.write(1, got.hex().encode() + b'.')"
    )
    one = terminal(sys.executable, "-I", "-c", code)
    one.until(b"ready")
    one.type(b"\x03\x1ax")
    assert one.finish() == (b"031a78.", 0)


@pytest.mark.parametrize("how", ["exit 3", "kill -9 $$", "kill -TERM $$", "kill -SEGV $$"])
def test_the_terminal_is_as_it_was_however_it_ends(terminal, how):
    one = terminal("sh", "-c", f"stty raw -echo; echo ready; {how}")
    code = one.finish()[1]
    assert (
        code == {"exit": 3, "kill -9": -9, "kill -T": -15, "kill -S": -11}[how[:7].split(" 3")[0]]
    )
    assert one.modes() == one.before


@pytest.mark.parametrize("name", ["TERM", "HUP", "USR1"])
def test_a_signal_to_us_reaches_the_child_once(terminal, name):
    one = terminal("bash", "-c", f"trap 'echo got' {name}; echo ready; while read x; do :; done")
    one.until(b"ready")
    os.kill(one.pid, getattr(signal, f"SIG{name}"))
    one.until(b"got\r\n")
    time.sleep(0.2)
    one.type(b"\x04")
    shown, _ = one.finish()
    assert b"got" not in shown
    assert one.modes() == one.before


def test_a_terminal_that_hangs_up_ends_it(terminal):
    one = terminal("sh", "-c", "echo ready; sleep 60")
    one.until(b"ready")
    spare = os.dup(one.end)
    os.close(spare)
    os.kill(one.pid, signal.SIGHUP)
    assert one.finish()[1] == -signal.SIGHUP


def test_job_control_stops_and_continues(terminal):
    stub = f"'{sys.executable}' -I -c \"$STUB\""
    script = (
        f"set -m; {stub} sh -c 'echo ready; read x; echo got $x $DB';"
        "echo stopped $?; stty -a | grep -c -- ' icanon'; fg >/dev/null; echo code $?"
    )
    one = terminal.shell(script)
    one.until(b"ready")
    one.wait_until_raw()
    one.type(b"\x1a")
    assert b"1\r\n" in one.until(b"stopped 148\r\n1\r\n")
    one.wait_until_raw()
    one.type(b"on\r")
    seen = one.until(b"code 0")
    assert b"got on [masked]" in seen


def test_only_what_is_a_terminal_becomes_one(terminal, tmp_path):
    with (tmp_path / "out").open("wb") as file:
        one = terminal("sh", "-c", "echo $DB; echo $DB >&2; test -t 2", pipe={1: file.fileno()})
        shown, code = one.finish()
    assert code == 0
    assert (tmp_path / "out").read_bytes() == SECRET + b"\n"
    assert shown.startswith(b"[masked]\r\n")
    reading, writing = os.pipe()
    one = terminal("sh", "-c", "echo $DB; echo $DB >&2; test -t 2", pipe={1: writing})
    os.close(writing)
    shown, code = one.finish()
    assert os.read(reading, 100) == b"[masked]\n"
    assert shown.startswith(b"[masked]\r\n")
    os.close(reading)


def test_input_that_is_no_terminal_leaves_ours_as_it_is(terminal):
    reading, writing = os.pipe()
    os.write(writing, b"from a pipe\n")
    os.close(writing)
    one = terminal("sh", "-c", "read x; echo $x; sleep 60", pipe={0: reading})
    os.close(reading)
    assert one.until(b"from a pipe") == b"from a pipe"
    assert one.modes() == one.before
    one.type(b"\x03")
    assert one.finish()[1] == -signal.SIGINT


def test_much_output_comes_through(terminal):
    one = terminal("sh", "-c", "seq 1 200000; echo $DB")
    shown, code = one.finish()
    assert code == 0
    assert b"\r\n200000\r\n[masked]\r\n" in shown
    assert shown.count(b"\n") == 200_002


def test_script_shows_a_terminal_that_is_masked(tmp_path):
    stub = f"'{sys.executable}' -I -c \"$STUB\" sh -c 'test -t 1 && echo $DB'"
    done = subprocess.run(
        ["script", "-qec", stub, os.fspath(tmp_path / "typescript")],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT,
    )
    assert b"[masked]\r\n" in done.stdout
    assert SECRET not in (tmp_path / "typescript").read_bytes()
