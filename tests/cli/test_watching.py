"""`run --watch` with a real daemon, real children and their signals; each wait is for an event."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

from tests.resolver.conftest import VAULT, clean, project, running
from tests.waiting import LIMIT

__all__ = ["clean", "project", "running"]
# Says what it got, and ends when it is told to. It sleeps over and over: a shell that reads hears
# no signal that comes right before it does.
SERVICE = 'trap "echo bye; exit 0" {0}; echo "start $DB $MODE"; while :; do sleep 0.05; done'


class Run:
    """A `devvault run --watch` with its output in pipes."""

    def __init__(
        self, project, service: str, *, flags: tuple[str, ...] = (), **options: object
    ) -> None:
        front = [sys.executable, "-I", "-m", "devvault", "run", "--watch", *flags, "--"]
        self.process = subprocess.Popen(
            [*front, "sh", "-c", service],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            cwd=project.folder,
            **options,
        )
        self.rest = {1: b"", 2: b""}

    def line(self, number: int = 1) -> str:
        """Return the next line of stdout or stderr."""
        file = self.process.stdout if number == 1 else self.process.stderr
        end = time.monotonic() + LIMIT
        while b"\n" not in self.rest[number]:
            assert select.select([file], [], [], max(0, end - time.monotonic()))[0], self.rest
            piece = os.read(file.fileno(), 4096)
            assert piece, f"it ended: {self.rest}, {self.process.poll()}"
            self.rest[number] += piece
        first, _, self.rest[number] = self.rest[number].partition(b"\n")
        return first.decode()

    def wait(self) -> int:
        return self.process.wait(LIMIT)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(LIMIT)
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def watch(project):
    started: list[Run] = []
    project.daemon.set(VAULT, "moving", "first-value")
    project.write(f"DB={project.ref('moving')}\nMODE=one\n")

    def start(service: str = SERVICE.format("TERM"), *flags: str, **options: object) -> Run:
        started.append(Run(project, service, flags=("--no-connect", *flags), **options))
        return started[-1]

    yield start
    for run in started:
        run.close()


def test_an_edit_starts_it_again(project, watch):
    run = watch(SERVICE.format("TERM"), "--no-mask")
    assert run.line() == "start first-value one"
    project.edit(f"DB={project.ref('moving')}\nMODE=two\nHIDDEN=x\n")
    assert run.line() == "bye"
    assert run.line() == "start first-value two"
    assert run.line(2) == "devvault: note: changed: HIDDEN, MODE; the program is started again"
    project.write(f"# the same settings\nDB={project.ref('moving')}\nMODE=two\nHIDDEN=x\n")
    project.write(f"DB={project.ref('moving')}\nMODE=three\nHIDDEN=x\n")
    assert [run.line(), run.line()] == ["bye", "start first-value three"]


def test_a_new_version_arrives_by_itself(project, watch):
    run = watch(SERVICE.format("TERM"), "--no-mask")
    assert run.line() == "start first-value one"
    for number in range(3):
        project.daemon.set(VAULT, "moving", f"value-{number}")
        assert [run.line(), run.line()] == ["bye", f"start value-{number} one"]


def test_a_broken_edit_keeps_the_old_child_and_says_why(project, watch):
    run = watch(SERVICE.format("TERM"), "--no-mask")
    assert run.line() == "start first-value one"
    project.write("DB=@Microsoft.KeyVault(oops)\nMODE=two\n")
    assert run.line(2).startswith("devvault: error: DB: InvalidSyntax: ")
    assert run.line(2) == "devvault: hint: devvault help references"
    assert run.line(2) == (
        "devvault: note: the program keeps running with the settings that it has"
    )
    assert run.process.poll() is None
    project.write(f"DB={project.ref('moving')}\nMODE=two\n")
    assert [run.line(), run.line()] == ["bye", "start first-value two"]


def test_a_file_that_becomes_something_else_keeps_the_old_child(project, watch):
    run = watch(SERVICE.format("TERM"), "--no-mask")
    assert run.line() == "start first-value one"
    env = project.folder / ".env"
    os.mkfifo(project.folder / "pipe")
    (project.folder / "pipe").rename(env)
    assert "is no regular file" in run.line(2)
    assert "keeps running" in run.line(2)
    large = f"DB={project.ref('moving')}\nMODE={'x' * 1024 * 1024}\n"
    project.write(large, "large").rename(env)
    while "is larger than 1 MiB" not in run.line(2):
        pass
    project.write(f"DB={project.ref('moving')}\nMODE=two\n")
    while run.line() != "start first-value two":
        pass


def test_a_secret_that_is_missing_keeps_the_old_child_until_it_comes(project, watch):
    run = watch(SERVICE.format("TERM"), "--no-mask")
    assert run.line() == "start first-value one"
    project.write(f"DB={project.ref('not-yet')}\nMODE=one\n")
    assert "SecretNotFound" in run.line(2)
    project.daemon.set(VAULT, "not-yet", "here-it-is")
    assert [run.line(), run.line()] == ["bye", "start here-it-is one"]


def test_values_old_and_new_are_masked_in_a_pipe(project, watch):
    run = watch()
    assert run.line() == "start [masked] one"
    project.daemon.set(VAULT, "moving", "second-value")
    assert [run.line(), run.line()] == ["bye", "start [masked] one"]
    told = [run.line(2), run.line(2)]
    assert told[0] == "devvault: note: changed: DB; the program is started again"
    assert told[1] == "devvault: note: masked once: DB (--no-mask shows values)"


def test_a_reference_that_an_edit_brings_is_masked(project, watch):
    project.write("MODE=one\n")
    run = watch()
    assert run.line() == "start  one"
    project.write(f"DB={project.ref('moving')}\nMODE=one\n")
    assert [run.line(), run.line()] == ["bye", "start [masked] one"]


def test_a_signal_of_choice(project, watch):
    run = watch(SERVICE.format("USR1"), "--no-mask", "--watch-signal", "usr1")
    assert run.line() == "start first-value one"
    project.write(f"DB={project.ref('moving')}\nMODE=two\n")
    assert [run.line(), run.line()] == ["bye", "start first-value two"]


def test_a_child_that_does_not_listen_is_killed_after_the_grace(project, watch):
    deaf = SERVICE.format("USR2").replace("trap", 'trap "" TERM; trap')
    run = watch(deaf, "--no-mask", "--watch-grace", "0.1")
    assert run.line() == "start first-value one"
    project.write(f"DB={project.ref('moving')}\nMODE=two\n")
    assert run.line() == "start first-value two"
    run.line(2)
    assert run.line(2) == "devvault: note: CMD is still there after 0.1 seconds, and is killed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_group_ends_it_as_the_child_ends(watch, number):
    run = watch(SERVICE.format("INT TERM").replace("exit 0", "exit 7"))
    run.line()
    os.killpg(run.process.pid, number)
    assert run.line() == "bye"
    assert run.wait() == 7


def test_a_signal_to_us_alone_is_passed_on_once(watch):
    run = watch(SERVICE.format("HUP").replace("exit 0", "exit 8"))
    run.line()
    run.process.send_signal(signal.SIGHUP)
    assert run.line() == "bye"
    assert run.wait() == 8


def test_an_end_that_is_asked_for_while_it_is_replaced_is_an_end(project, watch):
    deaf = SERVICE.format("USR2").replace("trap", 'trap "echo no" TERM; trap')
    run = watch(deaf.replace("exit 0", "exit 9"), "--no-mask", "--watch-grace", "3600")
    assert run.line() == "start first-value one"
    project.write(f"DB={project.ref('moving')}\nMODE=two\n")
    assert run.line() == "no"
    run.process.send_signal(signal.SIGTERM)
    assert run.line() == "no"
    run.process.send_signal(signal.SIGUSR2)
    assert run.line() == "bye"
    assert run.wait() == 9


@pytest.mark.parametrize(("end", "code"), [("exit 5", 5), ("kill -KILL $$", -9)])
def test_it_ends_as_a_child_that_ends_of_itself(watch, end, code):
    run = watch(f"echo done; {end}")
    assert run.line() == "done"
    assert run.wait() == code


def test_many_edits_are_few_children(project, watch):
    run = watch(SERVICE.format("TERM"), "--no-mask")
    assert run.line() == "start first-value one"
    for number in range(300):
        project.edit(f"DB={project.ref('moving')}\nMODE={number:03}\n")
    starts = 0
    while (said := run.line()) != "start first-value 299":
        starts += said.startswith("start")
    assert starts < 100


def test_a_daemon_that_comes_back_is_heard(project, watch):
    run = watch(SERVICE.format("TERM"), "--no-mask")
    assert run.line() == "start first-value one"
    project.daemon.stop()
    project.daemon.up()
    project.daemon.set(VAULT, "moving", "after-it")
    assert [run.line(), run.line()] == ["bye", "start after-it one"]


def test_a_home_that_is_locked_asks_nobody(project, watch):
    run = watch(SERVICE.format("TERM"), "--no-mask")
    assert run.line() == "start first-value one"
    assert project.daemon.ask("POST", "/local/lock", {}).status == 200
    project.write(f"DB={project.ref('moving')}\nMODE=two\n")
    assert run.line(2) == "devvault: error: the vault is locked"
    assert run.line(2) == "devvault: hint: devvault unlock"
    assert "keeps running" in run.line(2)
    assert project.daemon.ask("POST", "/local/unlock", {}).status == 200
    assert [run.line(), run.line()] == ["bye", "start first-value two"]


def test_settings_that_do_not_resolve_at_first_start_nothing(project, watch):
    project.write(f"DB={project.ref('never')}\n")
    run = watch()
    assert "SecretNotFound" in run.line(2)
    assert run.wait() == 78


def test_a_program_that_is_not_there(project, watch):
    run = watch()
    run.line()
    done = subprocess.run(
        [sys.executable, "-I", "-m", "devvault", "run", "--watch", "--", "no-such-program"],
        capture_output=True,
        timeout=LIMIT,
        cwd=project.folder,
        check=False,
    )
    assert done.returncode == 127
    assert b"no-such-program: command not found" in done.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--watch-signal", "NOPE"], b"--watch-signal must be a signal's name"),
        (["--watch-grace", "-1"], b"--watch-grace must be 0 to 3600 seconds"),
        (["--watch-grace", "x"], b"invalid float value"),
    ],
)
def test_wrong_use(project, flags, words):
    done = subprocess.run(
        [sys.executable, "-I", "-m", "devvault", "run", "--watch", *flags, "--", "true"],
        capture_output=True,
        timeout=LIMIT,
        cwd=project.folder,
        check=False,
    )
    assert done.returncode == 2
    assert words in done.stderr


def test_a_terminal_is_not_masked_and_says_so(project):
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-I", "-m", "devvault", "run", "--watch", "--mask", "--", "true"],
        stdout=theirs,
        stderr=subprocess.PIPE,
        timeout=LIMIT,
        cwd=project.folder,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 2
    assert b"--watch masks what goes into pipes" in done.stderr


def test_ctrl_c_on_a_terminal_reaches_the_child_once(project, watch):
    project.write("MODE=one\n")
    ours, theirs = pty.openpty()
    code = (
        "import os, signal, sys\nseen = []\n"
        "signal.signal(signal.SIGINT, lambda *_: seen.append(1))\n"
        "print('ready', os.isatty(0), flush=True)\nsys.stdin.readline()\n"
        "print('seen', len(seen), flush=True)\nsys.exit(6)\n"
    )
    front = (
        "import os, sys; os.setsid(); import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", f"{front}; os.execv(sys.executable, sys.argv[1:])",
         sys.executable, "-I", "-m", "devvault", "run", "--watch", "--no-connect", "--",
         sys.executable, "-c", code],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=project.folder,
    )  # fmt: skip
    os.close(theirs)
    said = b""

    def until(words: bytes) -> None:
        nonlocal said
        while words not in said:
            assert select.select([ours], [], [], LIMIT)[0], said
            said += os.read(ours, 4096)

    until(b"ready True")
    os.write(ours, b"\x03")
    until(b"^C")
    os.write(ours, b"\n")
    until(b"seen 1")
    assert process.wait(LIMIT) == 6
    os.close(ours)


def test_a_terminal_is_as_it_was_for_the_next_child(project, watch):
    project.write("MODE=one\n")
    ours, theirs = pty.openpty()
    code = (
        "import os, sys, termios, tty\n"
        "print(os.environ['MODE'], bool(termios.tcgetattr(0)[3] & termios.ECHO), flush=True)\n"
        "tty.setraw(0)\nprint('raw', os.environ['MODE'], flush=True)\nsys.stdin.read(1)\n"
    )
    front = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{front}; os.execv(sys.executable, sys.argv[1:])",
         sys.executable, "-I", "-m", "devvault", "run", "--watch", "--no-connect", "--",
         sys.executable, "-c", code],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=project.folder,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    for mode in ("one", "two"):
        if mode == "two":
            project.write("MODE=two\n")
        while f"raw {mode}".encode() not in said:
            assert select.select([ours], [], [], LIMIT)[0], said
            said += os.read(ours, 4096)
        assert f"{mode} True".encode() in said
    process.kill()
    process.wait(LIMIT)
    os.close(ours)
