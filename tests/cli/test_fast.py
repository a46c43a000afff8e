"""The fast path in a process of its own, with the wire's other end scripted by the test."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.cli import answer, fast
from devvault.paths import Home, default_home
from devvault.references.marks import MARKS
from tests.client.peer import Peer, reply
from tests.waiting import LIMIT

REFERENCE = "@Microsoft.KeyVault(VaultName=v;SecretName=s)"
# What the front has Python do.
STUB = """import sys; from _frozen_importlib_external import SourceFileLoader as L
m = sys.modules["fast"] = type(sys)("fast"); m.__file__ = sys.argv[1] + "/fast.py"
L("fast", m.__file__).exec_module(m); m.start(sys.argv[2])"""
FAST = os.fspath(Path(fast.__file__).parent)


def fields(*found):
    return reply(b"".join(field + b"\0" for field in [*found, b"."]))


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "h")


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "p"
    (folder / ".git").mkdir(parents=True)
    return folder


@pytest.fixture
def daemon(home):
    peers = []

    def answer(*replies):
        peers.append(Peer(home.socket, list(replies)))
        return peers[-1]

    yield answer
    for peer in peers:
        peer.close()


@pytest.fixture
def run(home, project):
    def start(*args, env=(), cwd=project, locale="", stdin=None, **options):
        environment = {
            "PATH": os.environ["PATH"],
            "DEVVAULT_HOME": os.fspath(home.root),
            **dict(env),
        }
        return subprocess.run(
            [sys.executable, "-I", "-S", "-c", STUB, FAST, locale, *args],
            env=environment,
            cwd=cwd,
            input=stdin,
            capture_output=True,
            timeout=LIMIT,
            **options,
        )

    return start


def body_of(request):
    return request.partition(b"\r\n\r\n")[2]


def sent_fields(request):
    """Read a request as the protocol says, into (tag, content, file bytes)."""
    body = body_of(request)
    found = []
    while body:
        field, _, body = body.partition(b"\0")
        data = b""
        if field[:1] in (b"F", b"J"):
            size, _, body = body.partition(b"\0")
            data, body = body[: int(size)], body[int(size) :]
        found.append((field[:1].decode(), field[1:], data))
    return found


def contents(request, tag):
    return [content for found, content, _ in sent_fields(request) if found == tag]


def test_the_child_gets_what_the_daemon_says(daemon, run, project):
    (project / ".env").write_bytes(b"DB=" + REFERENCE.encode())
    peer = daemon(fields(b"SDB=a=b\nc \xff", b"MDB", b"DGONE", b"Wdevvault: note: hello"))
    done = run("run", "--no-mask", "--", "env", "-0", env={"GONE": "1", "KEPT": "x"})
    assert done.returncode == 0
    assert b"DB=a=b\nc \xff" in done.stdout.split(b"\0")
    assert b"KEPT=x" in done.stdout.split(b"\0")
    assert b"GONE=1" not in done.stdout.split(b"\0")
    assert done.stderr == b"devvault: note: hello\n"
    assert peer.requests[0].startswith(b"POST /local/run HTTP/1.1\r\nHost: devvault\r\n")


def test_the_request_says_where_and_with_what(daemon, run, project):
    (project / "sub").mkdir()
    (project / ".env").write_bytes(b"A=\0raw\xff")
    (project / "devvault.toml").write_bytes(b'vault = "v"\n')
    peer = daemon(fields())
    run(
        "run", "--identity", "app", "--on-unresolved=literal", "--no-mask", "--no-connect",
        "--", "true", cwd=project / "sub", env={"DB": REFERENCE, "X": "plain-value"},
    )  # fmt: skip
    request = peer.requests[0]
    real = os.fsencode(project.resolve())
    assert contents(request, "P") == [b"1"]
    assert contents(request, "V") == [b"run"]
    assert contents(request, "C") == [real + b"/sub"]
    assert contents(request, "R") == [real]
    assert contents(request, "I") == [b"app"]
    assert contents(request, "U") == [b"literal"]
    assert contents(request, "O") == [b"no-connect"]
    assert contents(request, "E") == [b"DB=" + REFERENCE.encode()]
    assert set(contents(request, "N")) == {b"PATH", b"DEVVAULT_HOME", b"X"}
    assert ("F", real + b"/.env", b"A=\0raw\xff") in sent_fields(request)
    assert ("J", real + b"/devvault.toml", b'vault = "v"\n') in sent_fields(request)
    assert b"plain-value" not in request


def test_the_marks_are_those_of_the_forms():
    assert tuple(mark.decode() for mark in fast.MARKS) == MARKS


def test_marks_are_found_in_any_case(daemon, run):
    peer = daemon(fields())
    run("run", "--", "true", env={"A": "x @MICROSOFT.keyvault(", "B": "@Microsoft-KeyVault()"})
    assert contents(peer.requests[0], "E") == [b"A=x @MICROSOFT.keyvault("]


def test_named_files_replace_the_projects_own(daemon, run, project):
    for name in (".env", "one", "two"):
        (project / name).write_text(f"A={name}\n")
    peer = daemon(fields())
    run("run", "--env-file", "one", f"--env-file={project}/two", "--", "true")
    assert contents(peer.requests[0], "G") == [b"1"]
    assert [(path, data) for tag, path, data in sent_fields(peer.requests[0]) if tag == "F"] == [
        (b"one", b"A=one\n"),
        (os.fsencode(project / "two"), b"A=two\n"),
    ]


def test_files_that_the_project_names_are_read_and_sent(daemon, run, project):
    real = os.fsencode(project.resolve())
    (project / "pyproject.toml").write_bytes(b"[tool.devvault]\nenv-files=['a.env']\n")
    (project / "conf").mkdir()
    (project / "conf" / "a.env").write_bytes(b"A=1\n")
    peer = daemon(fields(b"Q" + real + b"/conf/a.env", b"Q" + real + b"/missing"), fields(b"SA=2"))
    done = run("run", "--", "printenv", "A")
    assert done.stdout == b"2\n"
    assert b"/missing, which is not there" in done.stderr
    assert contents(peer.requests[1], "A") == [b"1"]
    assert ("F", real + b"/conf/a.env", b"A=1\n") in sent_fields(peer.requests[1])


def test_a_value_that_the_files_use_is_sent_when_asked_for(daemon, run, project):
    (project / ".env").write_bytes(b"A=${USER_PART}x\n")
    peer = daemon(fields(b"KUSER_PART", b"KNOWHERE"), fields(b"SA=1x"))
    done = run("run", "--", "printenv", "A", env={"USER_PART": "1"})
    assert done.stdout == b"1x\n"
    assert contents(peer.requests[0], "E") == []
    assert contents(peer.requests[1], "E") == [b"USER_PART=1"]


def test_unresolved_settings_end_it_with_78_and_the_daemons_lines(daemon, run, tmp_path):
    mark = tmp_path / "ran"
    daemon(fields(b"Wdevvault: error: DB: SecretNotFound: no \x1b[2Jsuch secret", b"X78"))
    done = run("run", "--", "touch", os.fspath(mark))
    assert done.returncode == 78
    assert done.stderr == b"devvault: error: DB: SecretNotFound: no ?[2Jsuch secret\n"
    assert not mark.exists()


def test_without_file_mark_and_connection_no_daemon_is_asked(run):
    done = run("run", "--no-connect", "--", "printenv", "A", env={"A": "1"})
    assert (done.returncode, done.stdout) == (0, b"1\n")


def test_no_child_sees_our_passphrase(daemon, run):
    daemon(fields())
    secret = {"DEVVAULT_PASSPHRASE": "hunter2", "DEVVAULT_LC_CTYPE": "x"}
    assert b"hunter2" not in run("run", "--no-connect", "--", "env", env=secret).stdout
    del secret["DEVVAULT_LC_CTYPE"]
    out = run("run", "--", "env", env={**secret, "DB": REFERENCE}).stdout
    assert b"hunter2" not in out
    assert b"DEVVAULT_HOME=" in out


@pytest.mark.parametrize("locale", [None, "C", "C.UTF-8"])
def test_the_locale_arrives_as_it_was(run, locale):
    env = {} if locale is None else {"LC_CTYPE": locale}
    told = "" if locale is None else f"={locale}"
    out = run("run", "--no-connect", "--", "env", env=env, locale=told).stdout
    expected = [] if locale is None else [f"LC_CTYPE={locale}".encode()]
    assert [line for line in out.splitlines() if line.startswith(b"LC_")] == expected


def test_stdin_and_arguments_arrive_byte_for_byte(run, tmp_path):
    data = bytes(range(256)) * 300
    assert run("run", "--no-connect", "--", "cat", stdin=data).stdout == data
    odd = ["a b", "$HOME", "'\"", "", "--", "\udcff", "-n"]
    show = "import os,sys; os.write(1, b'|'.join(map(os.fsencode, sys.argv[1:])))"
    out = run("run", "--no-connect", "--", sys.executable, "-c", show, *odd).stdout
    assert out == b"|".join(map(os.fsencode, odd))


def test_the_child_inherits_no_descriptor_and_no_ignored_signal(daemon, run):
    daemon(fields())
    show = (
        "import os,signal; print(sorted(os.listdir('/dev/fd'))[:-1],"
        "[open('/proc/self/status').read().split('SigIgn:')[1].split()[0]])"
    )
    done = run("run", "--", "sh", "-c", "ls /dev/fd | wc -l; grep SigIgn /proc/self/status")
    assert done.stdout.split()[:1] == [b"4"], show  # 0, 1, 2 and ls's own
    ignored = int(done.stdout.split()[-1], 16)
    assert not ignored & (1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1))


def test_the_process_becomes_the_child(run):
    done = run("run", "--no-connect", "--", "sh", "-c", "kill -TERM $$")
    assert done.returncode == -signal.SIGTERM
    assert run("run", "--no-connect", "--", "sh", "-c", "exit 37").returncode == 37


def test_a_program_is_looked_up_as_execvp_does(run, project):
    (project / "plain").write_text("not executable")
    script = project / "script"
    script.write_text("echo $1 from sh")
    script.chmod(0o755)
    (project / "first").mkdir()
    (project / "first" / "both").write_text("x")
    (project / "second").mkdir()
    both = project / "second" / "both"
    both.write_text("#!/bin/sh\necho second\n")
    both.chmod(0o755)
    path = {"PATH": f"{project}/first:{project}/second"}

    def result(*command, **options):
        done = run("run", "--no-connect", "--", *command, **options)
        return done.returncode, done.stdout + done.stderr

    missing = b"devvault: error: %b: command not found\n"
    assert result("no-such-program") == (127, missing % b"no-such-program")
    assert result("./missing") == (127, missing % b"./missing")
    assert result("") == (127, missing % b"")
    assert result("\x1b[2J") == (127, missing % b"?[2J")
    assert result("./plain") == (126, b"devvault: error: ./plain: permission denied\n")
    assert result("./script", "hello") == (0, b"hello from sh\n")
    assert result("both", env=path) == (0, b"second\n")
    assert result("script", env={"PATH": ""})[0] == 0  # an empty PATH entry is the folder itself


def test_closed_standard_streams_stop_nothing(daemon, home, project, tmp_path):
    daemon(fields(b"Wdevvault: note: nobody reads this", b"SA=1"))
    out = tmp_path / "out"
    script = f'exec "$@" 0<&- 1>"{out}" 2>&-'
    command = [sys.executable, "-I", "-S", "-c", STUB, FAST, "", "run", "--", "printenv", "A"]
    env = {"PATH": os.environ["PATH"], "DEVVAULT_HOME": os.fspath(home.root)}
    done = subprocess.run(["sh", "-c", script, "sh", *command], cwd=project, env=env, timeout=LIMIT)
    assert done.returncode == 0
    assert out.read_bytes() == b"1\n"


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--help"],
        ["env"],
        ["run"],
        ["run", "--"],
        ["run", "true"],
        ["run", "--help", "--", "true"],
        ["run", "-e", "x", "--", "true"],
        ["run", "--mask", "--", "true"],
        ["run", "--no-mask=1", "--", "true"],
        ["run", "--env-file"],
        ["run", "--env-file", "--", "true"],
        ["run", "--env-file=", "--", "true"],
        ["run", "--on-unresolved", "maybe", "--", "true"],
        ["run", "--settings", "x.json", "--", "true"],
    ],
)
def test_whatever_is_not_plain_goes_to_the_full_cli(args):
    with pytest.raises(fast.HandOver):
        fast.parse(args)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {b"HOME": b"relative"},
        {b"DEVVAULT_HOME": b"relative"},
        {b"DEVVAULT_HOME": b"/a/../b"},
        {b"DEVVAULT_HOME": b"/a//b"},
        {b"DEVVAULT_HOME": b"/" + b"x" * 100},
        {b"HOME": b"/u", b"DEVVAULT_ON_UNRESOLVED": b"empty"},
        {b"HOME": b"/u", b"DEVVAULT_ENVIRONMENT": b"test"},
    ],
)
def test_a_home_that_is_not_plain_goes_to_the_full_cli(environment):
    with pytest.raises(fast.HandOver):
        fast.socket_path(environment)


@pytest.mark.parametrize(
    "environment",
    [
        {"HOME": "/u"},
        {"HOME": "/u", "XDG_DATA_HOME": "/d"},
        {"HOME": "/u", "XDG_DATA_HOME": "relative"},
        {"HOME": "/u", "DEVVAULT_HOME": "/h"},
        {"HOME": "/u", "DEVVAULT_HOME": ""},
        {"XDG_DATA_HOME": "/d"},
    ],
)
def test_both_paths_agree_on_where_the_socket_is(environment, monkeypatch):
    for name in ("HOME", "XDG_DATA_HOME", "DEVVAULT_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    given = {os.fsencode(name): os.fsencode(value) for name, value in environment.items()}
    assert fast.socket_path(given) == os.fsencode(default_home().socket)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"SA=1\0",
        b"SA=1\0.",
        b".\0SA=1\0",
        b"SA\0.\0",
        b"S=1\0.\0",
        b"ZA\0.\0",
        b"\0.\0",
        b"Xten\0.\0",
    ],
)
def test_an_odd_answer_is_not_used(bad):
    with pytest.raises(ValueError, match="the reply"):
        answer.apply(bad, {})


@pytest.mark.parametrize(
    "bad",
    [
        b"HTTP/1.1 423 Locked\r\nContent-Length: 2\r\n\r\n.\0",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n.\0",
        b"HTTP/1.1 200 OK\r\n\r\n.\0",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"",
    ],
)
def test_a_reply_that_is_not_whole_is_not_used(daemon, home, bad):
    daemon(bad)
    with pytest.raises((fast.HandOver, ValueError)):
        answer.apply(fast.ask(os.fsencode(home.socket), [b"P1"], []), {})


def test_a_daemon_of_another_user_is_told_nothing(daemon, home, monkeypatch):
    peer = daemon(fields())
    monkeypatch.setattr(fast.posix, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(fast.HandOver):
        fast.ask(os.fsencode(home.socket), [b"Esecret"], [])
    assert b"secret" not in b"".join(peer.requests)


def test_only_plain_files_of_ours_are_read(project, monkeypatch):
    def read(name):
        return fast.read_file(os.fsencode(project / name), b"n")

    (project / "good").write_bytes(b"A=1")
    assert read("good") == b"n\x003\x00A=1"
    (project / "limit").write_bytes(b"x" * fast.FILE_LIMIT)
    assert len(read("limit")) > fast.FILE_LIMIT
    os.mkfifo(project / "fifo")
    (project / "folder").mkdir()
    (project / "link").symlink_to("good")
    (project / "dangling").symlink_to("nowhere")
    (project / "long").write_bytes(b"x" * (fast.FILE_LIMIT + 1))
    with (project / "huge").open("wb") as huge:
        huge.truncate(2**31)
    for name in ("fifo", "folder", "link", "dangling", "long", "huge", "missing"):
        with pytest.raises((fast.HandOver, OSError)):
            read(name)
    monkeypatch.setattr(fast.posix, "geteuid", lambda: 4711)
    if os.getuid() != 0:
        with pytest.raises(fast.HandOver):
            read("good")


def test_the_search_ends_at_the_repository(project):
    inner = project / "a" / "b"
    inner.mkdir(parents=True)
    (project.parent / ".env").write_text("OUTSIDE=1")
    (project.parent / "devvault.toml").write_text("")
    at, root = os.fsencode(inner), os.fsencode(project)
    assert fast.find_root(at) == root
    assert fast.find_project(at, root, fast.read_file) == b""
    assert fast.find_settings(at, root, fast.read_file) == []
    (project / ".env").write_text("A=1")
    (project / "a" / ".env").write_text("A=2")
    assert fast.find_settings(at, root, fast.read_file)[0].endswith(b"\0A=2")


def test_without_a_repository_only_the_folder_itself_counts(tmp_path):
    inner = tmp_path / "a"
    inner.mkdir()
    (tmp_path / "devvault.toml").write_text("")
    at = os.fsencode(inner)
    assert fast.find_root(at) == at
    assert fast.find_project(at, at, fast.read_file) == b""


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("[tool.devvault]\n", True),
        ("[ tool . 'devvault' ]\n", True),
        ("[tool.devvault.vaults]\n", True),
        ("x=1\ntool.devvault.vault = 'v'\n", True),
        ("[tool]\ndevvault.vault = 'v'\n", True),
        ("[project]\ndependencies = ['devvault']\n", False),
        ("[tool.ruff]\n", False),
        ("", False),
    ],
)
def test_our_table_is_seen_without_a_parser(text, ours):
    assert fast.has_our_table(text.encode()) is ours


@pytest.mark.parametrize("name", ["/etc/passwd", "P/../../etc/passwd", "P/link/file"])
def test_a_project_lists_no_file_outside(project, name):
    (project / "link").symlink_to("/etc")
    path = os.fsencode(name.replace("P", os.fspath(project)))
    with pytest.raises(fast.HandOver):
        fast.read_listed(os.fsencode(project), path)


NAMES = st.binary(min_size=1, max_size=8).filter(lambda name: not {0, 61} & set(name))
VALUES = st.binary(max_size=20).filter(lambda value: 0 not in value)


@given(st.dictionaries(NAMES, VALUES, max_size=5), st.dictionaries(NAMES, VALUES, max_size=5))
def test_what_is_set_arrives_and_all_else_stays(given_environment, told):
    body = b"".join(b"S" + name + b"=" + value + b"\0" for name, value in told.items()) + b".\0"
    *_, made, _ = answer.apply(body, dict(given_environment))
    assert made == {**given_environment, **told}


@given(st.binary(max_size=200))
def test_no_answer_breaks_the_reader(data):
    try:
        *_, made, _ = answer.apply(data, {})
    except ValueError:
        return
    assert b"" not in made
