"""A child behind a masked pipe is as it would be without us: exit, signals, descriptors, order."""

import os
import pty
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from devvault.cli import child, fast
from devvault.cli.mask import forms
from tests.waiting import LIMIT, wait_for

FOLDER = os.fspath(Path(fast.__file__).parent)
SECRET = "summer-rain-91"
# The fast path from where the daemon's answer is in: real masking, real child, no daemon.
STUB = """
import sys
sys.path.insert(0, sys.argv[1])
import posix, answer, fast, spawn
command = [fast._encoded(word) for word in sys.argv[2:]]
given = fast.as_given(posix.environ, "")
piped = fast.find_piped()
if piped:
    import child, mask
    started = spawn.spawn(command, given, piped, answer.find_program)
    child.Keeper(started, lambda: mask.Mask({b"DB": given[b"DB"]})).stay()
answer.become(command, given)
"""
ENVIRONMENT = {"PATH": os.environ["PATH"], "DB": SECRET}
STARTED = []
# Says each signal that it gets, and at the end how many; one that came twice has a while for that.
COUNTER = """
import os, select, signal, sys, time
seen = {}
def note(number, _frame):
    seen[number] = seen.get(number, 0) + 1
    os.write(1, signal.Signals(number).name.encode() + b"\\n")
for name in ("INT", "TERM", "HUP", "QUIT", "TSTP", "USR1", "USR2", "CONT", "WINCH"):
    signal.signal(getattr(signal, "SIG" + name), note)
os.write(1, b"ready\\n")
while not select.select([0], [], [], 0.02)[0]:
    pass
sys.stdin.buffer.read(1)
time.sleep(0.2)
print(sorted((signal.Signals(n).name, c) for n, c in seen.items()), flush=True)
"""


def command(*words):
    return [sys.executable, "-I", "-S", "-c", STUB, FOLDER, *words]


def run(*words, stdin=b"", **options):
    return subprocess.run(
        command(*words),
        env=ENVIRONMENT,
        input=stdin,
        capture_output=True,
        timeout=LIMIT,
        **options,
    )


def start(*words, before=(), **options):
    options = {"stdout": subprocess.PIPE, "stdin": subprocess.PIPE, **options}
    words = [*before, *command(*words)]
    STARTED.append(subprocess.Popen(words, env=ENVIRONMENT, bufsize=0, **options))
    return STARTED[-1]


@pytest.fixture(autouse=True)
def _tidy():
    yield
    while STARTED:
        process = STARTED.pop()
        for file in (process.stdin, process.stdout, process.stderr):
            if file is not None:
                file.close()
        if process.poll() is None:
            process.kill()
            process.wait(LIMIT)


def child_of(process):
    """Return the child's own process: the oldest below ours."""
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_for(path.read_text)
    return int(path.read_text().split()[0])


def state_of(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_both_outputs_are_masked_and_the_line_names_the_setting():
    done = run("sh", "-c", "echo out $DB; echo err $DB >&2; exit 3")
    assert done.returncode == 3
    assert done.stdout == b"out [masked]\n"
    lines = done.stderr.splitlines()
    assert lines[0] == b"err [masked]"
    assert lines[1] == b"devvault: note: masked 2 times: DB (--no-mask shows values)"


def test_what_holds_no_value_passes_byte_for_byte():
    data = bytes(range(256)) * 4000
    done = run("cat", stdin=data)
    assert (done.returncode, done.stdout, done.stderr) == (0, data, b"")


@pytest.mark.parametrize("code", [0, 1, 2, 37, 126, 127, 128, 130, 137, 254, 255])
def test_exit_codes_are_the_childs(code):
    assert run("sh", "-c", f"exit {code}").returncode == code


@pytest.mark.parametrize(
    "name", ["HUP", "INT", "QUIT", "ABRT", "KILL", "SEGV", "PIPE", "ALRM", "TERM", "USR1", "XCPU"]
)
def test_a_child_that_dies_of_a_signal_takes_us_along(name, tmp_path):
    done = run(
        "sh", "-c", f"echo before; kill -{name} $$",
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    )  # fmt: skip
    assert done.returncode == -getattr(signal, f"SIG{name}")
    assert done.stdout == b"before\n"


def test_a_program_that_is_not_there_or_may_not_run():
    done = run("no-such-program")
    assert (done.returncode, done.stderr) == (
        127,
        b"devvault: error: no-such-program: command not found\n",
    )
    assert run("/etc/passwd").returncode == 126


def test_arguments_arrive_byte_for_byte():
    odd = ["a b", "$HOME", "'\"", "", "--", "\udcff", "-n", "\n"]
    show = "import os,sys; os.write(1, b'|'.join(map(os.fsencode, sys.argv[1:])))"
    assert run(sys.executable, "-c", show, *odd).stdout == b"|".join(map(os.fsencode, odd))


def test_one_pipe_for_both_keeps_the_order():
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo o$i; echo e$i >&2; done"
    done = subprocess.run(
        command("sh", "-c", script),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT,
    )
    assert done.stdout.split() == [f"{s}{i}".encode() for i in range(1, 10) for s in "oe"]


def test_a_regular_file_is_written_untouched_and_without_us(tmp_path):
    with (tmp_path / "out").open("wb") as file:
        process = subprocess.Popen(
            command("sh", "-c", "echo $DB; echo $$; echo $DB >&2"),
            env=ENVIRONMENT,
            stdout=file,
            stderr=subprocess.PIPE,
        )
        _, errors = process.communicate(timeout=LIMIT)
    assert (tmp_path / "out").read_bytes().split()[0] == SECRET.encode()
    assert errors.startswith(b"[masked]\n")
    with (tmp_path / "both").open("wb") as file:
        process = subprocess.Popen(
            command("sh", "-c", "echo $DB $$"), env=ENVIRONMENT, stdout=file, stderr=file
        )
        process.wait(LIMIT)
    assert (tmp_path / "both").read_bytes() == f"{SECRET} {process.pid}\n".encode()


def test_a_prompt_shows_at_once():
    process = start("sh", "-c", "printf 'Password: '; read x; echo $x")
    assert os.read(process.stdout.fileno(), 100) == b"Password: "
    out, _ = process.communicate(b"hello\n", timeout=LIMIT)
    assert out == b"hello\n"


def test_a_reader_that_goes_away_is_told_to_the_child():
    process = start("sh", "-c", "while :; do echo y; done", stderr=subprocess.PIPE)
    assert process.stdout.read(2) == b"y\n"
    process.stdout.close()
    assert process.wait(LIMIT) == -signal.SIGPIPE


def test_a_child_that_closes_its_output_early_is_told_to_the_reader():
    process = start("sh", "-c", "echo x; exec >&-; read y; exit 7")
    assert process.stdout.read() == b"x\n"  # the end of file, while the child still waits
    process.stdin.write(b"\n")
    assert process.wait(LIMIT) == 7


def test_our_end_of_stdin_does_not_keep_the_writer_waiting():
    process = start("sh", "-c", "exec <&-; echo ready; sleep 60")
    process.stdout.read(6)
    with pytest.raises(BrokenPipeError):
        for _ in range(100):
            process.stdin.write(b"x" * 65536)
    process.terminate()
    process.wait(LIMIT)


def test_the_child_inherits_no_descriptor_limit_or_signal_of_ours():
    script = "ls /proc/self/fd | wc -l; ulimit -a; grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status"
    plain = subprocess.run(
        ["sh", "-c", script], env=ENVIRONMENT, capture_output=True, stdin=subprocess.PIPE
    )
    # glibc's posix_spawn leaves its own two, 32 and 33, ignored; they reach no program.
    ours = run("sh", "-c", script).stdout.replace(b"0000000180000000", b"0" * 16)
    assert ours == plain.stdout


def test_signals_that_the_caller_ignores_or_blocks_stay_so():
    def prepare():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])

    lines = run("grep", "-E", "Sig(Blk|Ign)", "/proc/self/status", preexec_fn=prepare).stdout
    blocked, ignored = (int(line.split()[1], 16) for line in lines.splitlines())
    assert blocked == 1 << (signal.SIGUSR1 - 1)
    assert ignored & 0x7FFFFFFF == 1 << (signal.SIGHUP - 1) | 1 << (signal.SIGINT - 1)


def test_a_descriptor_of_the_callers_reaches_the_child_alone():
    reading, writing = os.pipe()
    process = start(
        "bash", "-c", f"echo x >&{writing}; exec {writing}>&-; read y", pass_fds=[writing]
    )
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        assert file.read() == b"x\n"  # the end: we hold no copy of it
    process.communicate(b"\n", timeout=LIMIT)


@pytest.mark.parametrize(
    "name", ["INT", "TERM", "HUP", "QUIT", "TSTP", "USR1", "USR2", "CONT", "WINCH"]
)
@pytest.mark.parametrize("to", ["us", "the group", "the group twice"])
def test_a_signal_reaches_the_child_once(name, to):
    process = start(sys.executable, "-I", "-c", COUNTER, start_new_session=True)
    assert process.stdout.readline() == b"ready\n"
    number = getattr(signal, f"SIG{name}")
    if to == "us":
        os.kill(process.pid, number)
    else:
        os.killpg(process.pid, number)
    assert process.stdout.readline() == f"SIG{name}\n".encode()
    if to == "the group twice":
        os.killpg(process.pid, number)
        assert process.stdout.readline() == f"SIG{name}\n".encode()
    out, _ = process.communicate(b"x", timeout=LIMIT)
    assert out == f"[('SIG{name}', {2 if 'twice' in to else 1})]\n".encode()
    assert process.returncode == 0


def test_a_child_that_ignores_term_goes_on():
    process = start("sh", "-c", "trap '' TERM; echo ready; read x; echo $x")
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    out, _ = process.communicate(b"still here\n", timeout=LIMIT)
    assert out == b"still here\n"
    assert process.returncode == 0


def test_a_signal_passes_while_the_reader_is_slow():
    process = start("sh", "-c", "exec cat /dev/zero")
    assert process.stdout.read(1) == b"\0"
    time.sleep(0.3)  # now every pipe is full, or will be, and we wait for the reader
    process.terminate()
    process.stdout.read()
    assert process.wait(LIMIT) == -signal.SIGTERM


def test_we_stop_and_continue_with_the_child():
    process = start("sh", "-c", "echo ready; read x; echo $x", start_new_session=True)
    process.stdout.readline()
    below = child_of(process)
    os.kill(process.pid, signal.SIGTSTP)  # an orphaned group stops for SIGSTOP alone
    os.kill(below, signal.SIGSTOP)
    wait_for(lambda: state_of(process.pid) == state_of(below) == "T")
    os.kill(process.pid, signal.SIGCONT)
    wait_for(lambda: state_of(below) in "SR")
    out, _ = process.communicate(b"on\n", timeout=LIMIT)
    assert out == b"on\n"


def test_what_the_child_leaves_behind_keeps_its_output_and_nobody_waits():
    script = "(read go <&3; echo late $DB) & echo early"
    reading, writing = os.pipe()
    process = start(
        "bash", "-c", f"exec 3<&{reading}; {script}", pass_fds=[reading], stderr=subprocess.PIPE
    )
    os.close(reading)
    assert process.stdout.readline() == b"early\n"
    assert process.wait(LIMIT) == 0  # at once, as without us
    os.write(writing, b"go\n")
    os.close(writing)
    assert process.stdout.read() == b"late [masked]\n"
    assert b"masked once: DB" in process.stderr.read()


def test_a_flood_from_what_is_left_behind_does_not_hold_us():
    process = start("sh", "-c", "yes & exit 4", start_new_session=True, stderr=subprocess.DEVNULL)
    for _ in range(2000):
        process.stdout.read(65536)
        if process.poll() is not None:
            break
    assert process.wait(LIMIT) == 4
    os.killpg(process.pid, signal.SIGKILL)
    process.stdout.close()


def test_nobody_is_left_behind_otherwise():
    process = start("sh", "-c", "echo x; sleep 0.1", start_new_session=True)
    process.communicate(timeout=LIMIT)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_outputs_that_are_closed_stay_closed():
    script = "echo $DB; ls -l /proc/self/fd >&2"
    for closing in ("<&-", "2>&-", "<&- 2>&-"):
        done = subprocess.run(
            ["sh", "-c", f'"$@" {closing}', "sh", *command("sh", "-c", script)],
            env=ENVIRONMENT,
            capture_output=True,
            timeout=LIMIT,
        )
        assert done.stdout == b"[masked]\n", (closing, done.stderr)


def test_a_gigabyte_comes_through():
    size = 1_000_000_000
    process = start("head", "-c", str(size), "/dev/zero")
    got = 0
    while piece := process.stdout.read(1 << 20):
        got += len(piece)
    assert (got, process.wait(LIMIT)) == (size, 0)


def test_binary_with_values_in_it_is_masked_wherever_they_stand(tmp_path):
    random = Random(7)
    parts = [random.randbytes(random.randrange(300_000)) for _ in range(40)]
    (tmp_path / "data").write_bytes(SECRET.encode().join(parts))
    done = run("cat", str(tmp_path / "data"))
    assert done.stdout == b"[masked]".join(parts)
    assert done.stderr == b"devvault: note: masked 39 times: DB (--no-mask shows values)\n"


def test_one_byte_at_a_time_shows_at_once():
    code = (
        "import os\n"
        "for byte in os.environb[b'TEXT']:\n"
        "    os.write(1, bytes([byte])); os.read(0, 1)  # goes on when it was seen\n"
    )
    beginnings = {form[0] for form in forms(SECRET.encode())}
    text = bytes(byte for byte in range(32, 127) if byte not in beginnings)
    process = start("env", b"TEXT=" + text, sys.executable, "-I", "-c", code)
    for byte in text:
        assert os.read(process.stdout.fileno(), 100) == bytes([byte])
        process.stdin.write(b".")
    assert process.wait(LIMIT) == 0
    assert len(text) > 80


def test_a_storm_of_signals_loses_nothing():
    count = 3000
    code = (
        "import signal, sys; signal.signal(signal.SIGWINCH, lambda *_: None)\n"
        "print('ready', flush=True)\n"
        f"for n in range({count}): print(n, flush=True)\n"
        "sys.exit(5)"
    )
    process = start(sys.executable, "-I", "-c", code)
    assert process.stdout.readline() == b"ready\n"
    said = b""
    for _ in range(300):
        if process.poll() is None:
            process.send_signal(signal.SIGWINCH)
        said += os.read(process.stdout.fileno(), 100)
    said += process.stdout.read()
    assert said == b"".join(b"%d\n" % number for number in range(count))
    assert process.wait(LIMIT) == 5


def on_a_terminal(*words):
    """Start words on a terminal as its foreground job, stdout a pipe; return terminal and pipe."""
    reading, writing = os.pipe()
    pid, terminal = pty.fork()
    if pid == 0:
        os.dup2(writing, 1)
        os.execve(words[0], words, ENVIRONMENT)
    os.close(writing)
    return pid, terminal, reading


def test_ctrl_c_reaches_the_child_once():
    pid, terminal, reading = on_a_terminal(*command(sys.executable, "-I", "-c", COUNTER))
    assert os.read(reading, 100) == b"ready\n"
    for _ in range(2):
        os.write(terminal, b"\x03")
        assert os.read(reading, 100) == b"SIGINT\n"
    os.write(terminal, b"x\n")
    said = b""
    while select.select([reading], [], [], LIMIT)[0] and (piece := os.read(reading, 1000)):
        said += piece
    assert said == b"[('SIGINT', 2)]\n"
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)
    os.close(reading)


def test_a_shell_stops_and_continues_us_as_it_would_the_child():
    words = " ".join(f"'{word}'" for word in command("sh", "-c", 'echo rea""dy; read x; echo $x'))
    words = words.replace(STUB, "'\"$STUB\"'")
    script = f"set -m\n{words} | cat\necho stopped $?\nfg >/dev/null\necho code $?\n"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve("/bin/bash", ["bash", "-c", script], {**ENVIRONMENT, "STUB": STUB})
    shown = b""
    typed = [(b"ready", b"\x1a"), (b"stopped 1", b"hello\n")]
    limit = time.monotonic() + LIMIT
    while time.monotonic() < limit:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                shown += os.read(terminal, 4096)
            except OSError:
                break
        if typed and typed[0][0] in shown:
            os.write(terminal, typed.pop(0)[1])
    os.close(terminal)
    os.waitpid(pid, 0)
    assert b"stopped 148" in shown, shown
    assert b"code 0" in shown, shown


@pytest.mark.skipif(os.getuid() != 0, reason="a namespace of processes takes root")
def test_as_process_one_we_pass_on_and_reap():
    if subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True).returncode:
        pytest.skip("no namespaces here")
    script = (
        "(sleep 0.1 & exec true) ; (sleep 0.2 &) ; n=0;"
        "while ps -o comm= --ppid 1 | grep -q sleep && [ $n -lt 600 ];"
        "do sleep 0.1; n=$((n+1)); done;"
        "ps -o comm= --ppid 1 | grep -c sleep; trap 'echo term; exit 9' TERM; echo ready;"
        "while :; do sleep 0.1; done"
    )
    process = start("sh", "-c", script, before=["unshare", "--pid", "--fork", "--mount-proc"])
    assert process.stdout.readline() == b"0\n"
    assert process.stdout.readline() == b"ready\n"
    os.kill(child_of(process), signal.SIGTERM)
    assert process.stdout.read() == b"term\n"
    assert process.wait(LIMIT) == 9
    killed = subprocess.run(
        ["unshare", "--pid", "--fork", *command("sh", "-c", "kill -9 $$")],
        env=ENVIRONMENT,
        capture_output=True,
        timeout=LIMIT,
    )
    assert killed.returncode == 137


def test_every_exit_is_told():
    for code in range(256):
        pid = os.fork()
        if pid == 0:
            child.die_as(code << 8)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code
