"""Questions on a real pseudo-terminal: what is typed hidden never shows, and Ctrl-C is quiet."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

from tests.waiting import LIMIT

SECRET = "hunter2-on-a-terminal"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "project").mkdir()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("DEVVAULT_", "DBUS_", "XDG_"))},
        "HOME": str(tmp_path),
        "DEVVAULT_HOME": str(tmp_path / "home"),
    }
    yield tmp_path, environment
    talk(tmp_path, environment, ["daemon", "stop"], [])


def talk(tmp_path, environment, words, answers):
    """Run a verb on a terminal of its own; answer each (question, typed) and return all shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path / "project")
        command = [sys.executable, "-I", "-m", "devvault", *words]
        os.execve(sys.executable, command, environment)
    shown = b""
    waiting = list(answers)
    limit = time.monotonic() + LIMIT
    while time.monotonic() < limit:
        if not select.select([terminal], [], [], 0.5)[0]:
            continue
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            piece = b""
        if not piece:
            break
        shown += piece
        if waiting and waiting[0][0].encode() in shown:
            typed = waiting.pop(0)[1]
            time.sleep(0.1)  # getpass flushes what was typed before it turned the echo off
            os.write(terminal, typed.encode())
    else:
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    return code, shown.decode("utf-8", "replace")


def test_a_passphrase_home_and_a_hidden_value(place):
    code, shown = talk(
        *place,
        ["init", "--key-source", "passphrase", "--name", "my-app-vault"],
        [
            ("new passphrase", "correct horse\n"),
            ("once more", "correct horse\n"),
            ("recovery key", "\n"),
        ],
    )
    assert code == 0, shown
    assert "correct horse" not in shown
    assert "DVRK-" in shown
    code, shown = talk(*place, ["set", "DB"], [("value of DB", SECRET + "\n")])
    assert code == 0, shown
    assert SECRET not in shown
    assert talk(*place, ["lock"], [])[0] == 0
    code, shown = talk(*place, ["resolve", "DB"], [("passphrase:", "correct horse\n")])
    assert code == 0, shown
    assert SECRET in shown
    assert talk(*place, ["lock"], [])[0] == 0
    code, shown = talk(*place, ["resolve", "DB"], [("passphrase:", "wrong\n")])
    assert code == 2
    assert "wrong passphrase" in shown


def test_without_a_keyring_the_passphrase_is_offered(place):
    code, shown = talk(
        *place,
        ["init", "--name", "my-app-vault"],
        [
            ("recovery key", "n\n"),
            ("with a passphrase instead?", "\n"),
            ("new passphrase", "pw\n"),
            ("once more", "pw\n"),
        ],
    )
    assert code == 0, shown
    code, shown = talk(*place, ["daemon", "status", "--query", "key_source"], [])
    assert '"passphrase"' in shown


def test_two_answers_that_differ_make_nothing(place):
    code, shown = talk(
        *place,
        ["init", "--key-source", "passphrase"],
        [("new passphrase", "one\n"), ("once more", "two\n")],
    )
    assert code == 2
    assert "the two answers differ" in shown
    assert not (place[0] / "home" / "vault.db").exists()


def test_ctrl_c_at_a_question_is_quiet(place):
    words = ["init", "--key-source", "passphrase"]
    code, shown = talk(*place, words, [("new passphrase", "\x03")])
    assert code in (130, -2)
    assert "Traceback" not in shown


def test_a_value_is_never_read_from_a_pipe_that_is_not_stdin(place):
    tmp_path, environment = place
    done = subprocess.run(
        [sys.executable, "-I", "-m", "devvault", "init", "--key-source", "passphrase"],
        cwd=tmp_path / "project",
        env=environment,
        input="one\none\n",
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 2
    assert "there is no terminal to ask on" in done.stderr


def test_run_reminds_of_what_expires_on_a_terminal_once_a_day(place):
    folder, _ = place
    key = str(folder / "key")
    words = ["init", "--key-source", "file", "--key-file", key, "--name", "my-app-vault"]
    assert talk(*place, words, [("recovery key", "n\n")])[0] == 0
    words = ["set", "DB", "--expires", "9d"]
    assert talk(*place, words, [("value of DB", SECRET + "\n")])[0] == 0
    code, shown = talk(*place, ["run", "--", "true"], [])
    assert code == 0
    assert "devvault: note: DB: the secret my-app-vault/DB expires in 9 days" in shown
    code, shown = talk(*place, ["run", "--", "true"], [])
    assert (code, shown) == (0, "")
    code, shown = talk(*place, ["status"], [])
    assert "my-app-vault/DB  expires in 9 days" in shown


@pytest.mark.parametrize("answer", ["n", "y"])
def test_what_check_found_moves_into_the_vault_when_somebody_says_yes(place, answer):
    tmp_path, environment = place
    init = ["init", "--name", "my-vault", "--key-source", "file", "--key-file", str(tmp_path / "k")]
    subprocess.run(
        [sys.executable, "-I", "-m", "devvault", *init],
        cwd=tmp_path / "project",
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,
        check=True,
        timeout=LIMIT,
    )
    file = tmp_path / "project" / "a.env"
    file.write_text("API_PASSWORD=hT7-kq2-Vn41xyz\n")
    words = ["check", "a.env", "--fix"]
    code, shown = talk(tmp_path, environment, words, [("rewrite a.env?", f"{answer}\n")])
    text = file.read_text()
    if answer == "y":
        assert (code, "API_PASSWORD='@Microsoft.KeyVault(" in text) == (0, True), shown
    else:
        assert (code, "hT7-kq2-Vn41xyz" in text) == (1, True), shown
        assert "nothing was changed" in shown
    assert "hT7" not in shown
