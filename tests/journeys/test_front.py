"""The command as it is installed, from each place and among each kind of impostor."""

import os
import select
import signal
import subprocess
import sys

import pytest

from tests.journeys.installed import (
    Installed,
    build_wheel,
    copy_source,
    make_environment,
    pip,
)
from tests.waiting import LIMIT

SECRET = b"correct horse"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def shared(tmp_path_factory, wheel):
    environment = make_environment(tmp_path_factory.mktemp("shared") / "venv")
    pip(sys.executable, "install", "--no-deps", str(wheel), into=environment)
    return environment


@pytest.fixture(scope="module")
def installed(tmp_path_factory, shared):
    made = Installed(shared, tmp_path_factory.mktemp("journey")).init()
    yield made
    made.run("daemon", "stop")


@pytest.fixture
def fresh(tmp_path, shared):
    made = Installed(shared, tmp_path)
    yield made
    made.run("daemon", "stop")


def with_impostors(folder):
    """Fill a folder with everything that a careless front could pick up there."""
    names = ["dirname", "readlink", "python", "python3", "sh", "basename", "realpath", "sed"]
    for name in [*names, "exec", "command", "printf", "devvault"]:
        path = folder / name if name != "devvault" else folder / "devvault.sh"
        path.write_text(f"#!/bin/sh\necho impostor >{folder}/hit\nexit 9\n")
        path.chmod(0o755)
    code = f"open({str(folder / 'hit')!r}, 'w').write(__name__)\nraise SystemExit(9)\n"
    modules = [
        "fast",
        "json",
        "argparse",
        "posix",
        "_socket",
        "socket",
        "os",
        "re",
        "sitecustomize",
    ]
    for name in [*modules, "usercustomize", "encodings", "keyring", "dotenv"]:
        (folder / f"{name}.py").write_text(code)
    package = folder / "devvault"
    (package / "cli").mkdir(parents=True)
    for path in ("__init__.py", "__main__.py", "cli/__init__.py", "cli/fast.py", "cli/main.py"):
        (package / path).write_text(code)
    return folder


@pytest.mark.parametrize("how", ["bundled pip", "this pip", "editable"])
def test_each_way_of_installing_gives_a_command_that_works(how, tmp_path, wheel):
    environment = make_environment(tmp_path / "venv", with_pip=how == "bundled pip")
    if how == "bundled pip":
        pip(environment / "bin" / "python", "install", "--no-deps", str(wheel))
    elif how == "this pip":
        pip(sys.executable, "install", "--no-deps", str(wheel), into=environment)
    else:
        source = copy_source(tmp_path / "source")
        pip(sys.executable, "install", "--no-deps", "-e", str(source), into=environment)
    made = Installed(environment, tmp_path / "journey").init()
    try:
        assert os.access(made.front, os.X_OK)
        assert made.do("run", "--no-mask", "--", "printenv", "DB") == SECRET + b"\n"
        assert made.do("--version").startswith(b"devvault ")
        assert b"devvault run" in made.do("run", "--help")
    finally:
        made.run("daemon", "stop")


@pytest.mark.parametrize("name", ["a b", "it's", 'q"$HOME`x', "*?[z]", "-n", "ünï\n"])
def test_the_environment_may_have_any_path(name, tmp_path, wheel, installed):
    environment = make_environment(tmp_path / name)
    pip(sys.executable, "install", "--no-deps", str(wheel), into=environment)
    front = environment / "bin" / "devvault"
    assert installed.do("run", "--no-mask", "--", "printenv", "DB", front=[front]) == SECRET + b"\n"
    assert installed.do("--version", front=[front]).startswith(b"devvault ")
    link = tmp_path / "link"
    link.symlink_to(front)
    assert installed.do("run", "--no-mask", "--", "printenv", "DB", front=[link]) == SECRET + b"\n"


def test_it_works_through_links_and_relative_paths(installed, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    links = [tmp_path / "bin" / "devvault", tmp_path / "deep" / "er" / "two words"]
    links[0].symlink_to(installed.front)
    links[1].symlink_to(os.path.relpath(links[0], links[1].parent))
    (tmp_path / "folder").symlink_to(installed.environment)
    ways = [
        [links[0]],
        [links[1]],
        [tmp_path / "folder" / "bin" / "devvault"],
        ["/bin/sh", links[1]],
        [os.path.relpath(installed.front, installed.project)],
        [os.path.relpath(links[1], installed.project)],
        [installed.python, "-m", "devvault"],
        [installed.python, "-I", "-m", "devvault"],
    ]
    for way in ways:
        assert (
            installed.do("run", "--no-mask", "--", "printenv", "DB", front=way) == SECRET + b"\n"
        ), way
    path = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    assert installed.do("run", "--no-mask", "--", "printenv", "DB", front=["devvault"], env=path)
    by_name = ["/bin/sh", "-c", 'exec devvault "$@"', "sh"]
    assert (
        installed.do("run", "--no-mask", "--", "printenv", "DB", front=by_name, env=path)
        == SECRET + b"\n"
    )


def test_a_link_to_itself_or_without_an_interpreter_is_told(installed, tmp_path):
    alone = tmp_path / "alone" / "devvault"
    alone.parent.mkdir()
    alone.write_bytes(installed.front.read_bytes())
    alone.chmod(0o755)
    done = installed.run("run", "--", "true", front=[alone])
    assert done.returncode == 2
    assert b"devvault: error: there is no Python interpreter beside" in done.stderr


@pytest.mark.parametrize("state", ["warm", "cold"])
def test_nothing_at_hand_can_take_its_place(installed, tmp_path, state):
    folder = with_impostors(tmp_path)
    link = tmp_path / "deep" / "link"
    link.parent.mkdir()
    link.symlink_to(installed.front)
    hostile = {
        "PATH": f"{folder}:.:/usr/bin:/bin",
        "PYTHONPATH": str(folder),
        "PYTHONHOME": str(folder),
        "PYTHONSTARTUP": str(folder / "json.py"),
        "PYTHONINSPECT": "1",
        "PYTHONUSERBASE": str(folder),
        "CDPATH": str(folder),
        "ENV": str(folder / "printf"),
        "BASH_ENV": str(folder / "printf"),
        "IFS": "/",
    }
    env_file = installed.project / ".env"
    (folder / ".env").write_bytes(env_file.read_bytes())
    installed.do("allow", "front-vault", cwd=folder)
    if state == "cold":
        installed.do("daemon", "stop")
    for front in ([installed.front], [link]):
        done = installed.run(
            "run",
            "--no-mask",
            "--",
            "/usr/bin/printenv",
            "DB",
            front=front,
            cwd=folder,
            env=hostile,
        )
        assert (done.returncode, done.stdout) == (0, SECRET + b"\n"), done.stderr
        assert not (folder / "hit").exists()
        assert installed.run("--help", front=front, cwd=folder, env=hostile).returncode == 0
        assert not (folder / "hit").exists()


def test_the_daemon_is_started_when_it_is_not_there(installed):
    installed.do("daemon", "stop")
    assert installed.do("run", "--no-mask", "--", "printenv", "DB") == SECRET + b"\n"
    assert b'"state": "unlocked"' in installed.do("daemon", "status")


def test_a_killed_daemon_is_replaced(installed):
    installed.do("run", "--", "true")
    facts = installed.do("daemon", "status", "--query", "pid", "-o", "tsv")
    os.kill(int(facts), signal.SIGKILL)
    assert installed.do("run", "--no-mask", "--", "printenv", "DB") == SECRET + b"\n"


def test_the_daemon_is_nobodys_child_and_holds_nothing_of_ours(installed, tmp_path):
    installed.do("daemon", "stop")
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        subprocess.run(
            [installed.front, "run", "--", "true"],
            cwd=installed.project,
            env=installed.variables | {"MARKER_OF_THE_CALLER": "x"},
            pass_fds=[writing],
            check=True,
            timeout=LIMIT,
        )
    finally:
        os.close(writing)
    # The daemon lives; if it held our pipe, this read would wait for it.
    assert select.select([reading], [], [], LIMIT)[0]
    assert os.read(reading, 1) == b""
    os.close(reading)
    pid = int(installed.do("daemon", "status", "--query", "pid", "-o", "tsv"))
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        parent, group, session = file.read().rpartition(")")[2].split()[1:4]
    assert int(parent) != os.getpid()
    assert int(session) != os.getsid(0)
    assert int(group) != os.getpgid(0)


def test_two_that_start_it_at_once_get_one_daemon(installed):
    installed.do("daemon", "stop")
    command = [installed.front, "run", "--no-mask", "--", "printenv", "DB"]
    options = {"cwd": installed.project, "env": installed.variables, "stdout": subprocess.PIPE}
    started = [subprocess.Popen(command, **options) for _ in range(4)]
    assert {process.communicate(timeout=LIMIT)[0] for process in started} == {SECRET + b"\n"}
    assert [process.returncode for process in started] == [0] * 4


def test_a_locked_vault_is_told_with_the_command_that_opens_it(installed):
    installed.do("lock")
    done = installed.run("run", "--no-mask", "--", "printenv", "DB")
    assert done.returncode == 2
    assert b"devvault: hint: devvault unlock" in done.stderr
    installed.do("unlock")
    assert installed.do("run", "--no-mask", "--", "printenv", "DB") == SECRET + b"\n"


def test_a_passphrase_opens_it_on_the_way_and_reaches_no_child(fresh):
    secret = {"DEVVAULT_PASSPHRASE": "open sesame 1234"}
    fresh.do("init", "--name", "pass-vault", "--key-source", "passphrase", env=secret)
    fresh.do("set", "DB", stdin=SECRET, env=secret)
    fresh.do("daemon", "stop")
    done = fresh.run("run", "--no-mask", "--", "printenv", "DB")
    assert done.returncode == 2
    assert b"devvault: hint:" in done.stderr
    out = fresh.do("run", "--no-mask", "--", "env", env=secret)
    assert b"DB=" + SECRET in out.splitlines()
    assert b"sesame" not in out
    assert b"sesame" not in fresh.do("run", "--no-mask", "--", "env", env=secret)


def test_with_every_key_set_neither_home_nor_daemon_is_needed(fresh):
    reference = "DB='@Microsoft.KeyVault(VaultName=v-of-nobody;SecretName=db)'\nPLAIN=1\n"
    (fresh.project / ".env").write_text(reference)
    out = fresh.do("run", "--no-mask", "--", "env", env={"DB": "from the job"})
    assert {b"DB=from the job", b"PLAIN=1"} <= set(out.splitlines())
    assert not fresh.home.exists()
    done = fresh.run("run", "--", "true")
    assert done.returncode == 78
    assert b"devvault: error: DB: VaultNotFound: " in done.stderr
    assert b"devvault: hint: devvault init" in done.stderr
    assert not fresh.home.exists()


def test_unresolved_settings_end_with_78_whether_warm_or_cold(installed):
    missing = {"GONE": "@Microsoft.KeyVault(VaultName=front-vault;SecretName=gone)"}
    warm = installed.run("run", "--", "true", env=missing)
    installed.do("daemon", "stop")
    cold = installed.run("run", "--", "true", env=missing)
    assert warm.returncode == cold.returncode == 78
    assert b"devvault: error: GONE: SecretNotFound: " in warm.stderr
    assert warm.stderr == cold.stderr


def test_the_child_is_as_it_would_be_without_us(installed):
    installed.do("run", "--", "true")
    data = bytes(range(256)) * 1000
    assert installed.do("run", "--", "cat", stdin=data) == data
    assert installed.run("run", "--", "sh", "-c", "exit 37").returncode == 37
    assert installed.run("run", "--", "sh", "-c", "kill -9 $$").returncode == -9
    assert installed.run("run", "--", "no-such-program").returncode == 127
    assert installed.run("run", "--", str(installed.project / ".env")).returncode == 126
    ours = {**installed.variables, "ODD": "a\nb", "EMPTY": ""}
    plain = ("run", "--no-mask", "--no-connect")
    seen = dict(
        entry.partition(b"=")[::2]
        for entry in installed.do(*plain, "--", "env", "-0", only=ours).split(b"\0")
        if entry
    )
    added = {os.fsdecode(name) for name in seen} - set(ours)
    # A shell may export where it is; else nothing is added but the setting.
    assert added - {"PWD", "OLDPWD", "SHLVL", "_"} == {"DB"}
    assert seen[b"ODD"] == b"a\nb"


@pytest.mark.parametrize("state", ["warm", "cold"])
def test_a_pipe_shows_no_value_unless_asked_to(installed, state):
    script = 'echo $DB; printf %s "$DB" | base64; echo $DB >&2; exit 5'
    if state == "cold":
        installed.do("daemon", "stop")
    done = installed.run("run", "--", "sh", "-c", script)
    assert done.returncode == 5
    assert done.stdout == b"[masked]\n[masked]\n"
    assert done.stderr == (
        b"[masked]\ndevvault: note: masked 3 times: DB (--no-mask shows values)\n"
    )
    for flag, env in (("--no-mask", {}), ("--no-connect", {"DEVVAULT_MASK": "off"})):
        done = installed.run("run", flag, "--", "printenv", "DB", env=env)
        assert (done.stdout, done.stderr) == (SECRET + b"\n", b"")
    done = installed.run("run", "--mask", "--", "printenv", "DB", env={"DEVVAULT_MASK": "off"})
    assert done.stdout == b"[masked]\n"


def test_the_configuration_turns_masking_off(installed):
    configuration = installed.home / "config.toml"
    before = configuration.read_bytes() if configuration.exists() else b""
    configuration.touch(0o600)
    configuration.write_bytes(b"mask = false\n" + before)
    try:
        assert installed.do("run", "--", "printenv", "DB") == SECRET + b"\n"
    finally:
        configuration.write_bytes(before)
    assert installed.do("run", "--", "printenv", "DB") == b"[masked]\n"


@pytest.mark.parametrize("state", ["warm", "cold"])
def test_no_file_sets_our_own_options(installed, tmp_path, state):
    folder = tmp_path / "p"
    (folder / ".git").mkdir(parents=True)
    (folder / ".env").write_text("DEVVAULT_HOME=/elsewhere\nDEVVAULT_X=1\nA=2\n")
    if state == "cold":
        installed.do("daemon", "stop")
    out = installed.do("run", "--no-mask", "--", "env", cwd=folder).splitlines()
    assert b"A=2" in out
    assert b"DEVVAULT_HOME=/elsewhere" not in out
    assert b"DEVVAULT_X=1" not in out


@pytest.mark.parametrize("kind", ["fifo", "huge", "folder", "foreign link"])
def test_a_file_that_is_no_plain_one_of_ours_is_refused_at_once(installed, tmp_path, kind):
    folder = tmp_path / "p"
    (folder / ".git").mkdir(parents=True)
    path = folder / ".env"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(2**31)
    elif kind == "folder":
        path.mkdir()
    else:
        (tmp_path / "outside").write_text("A=1\n")
        path.symlink_to(tmp_path / "outside")
    done = installed.run("run", "--", "true", cwd=folder)
    assert done.returncode == 2
    assert done.stderr.startswith(b"devvault: error: ")
    assert done.stderr.count(b"error:") == 1


def test_a_link_inside_the_repository_is_followed(installed, tmp_path):
    folder = tmp_path / "p"
    (folder / ".git").mkdir(parents=True)
    (folder / "settings.env").write_text("A=linked\n")
    (folder / ".env").symlink_to("settings.env")
    assert installed.do("run", "--no-mask", "--", "printenv", "A", cwd=folder) == b"linked\n"


def test_an_environment_of_the_project_is_chosen(installed, tmp_path):
    folder = tmp_path / "p"
    (folder / ".git").mkdir(parents=True)
    (folder / "devvault.toml").write_text(
        'env-files = ["a.env"]\n[environments.test]\nenv-files = ["a.env", "b.env"]\n'
    )
    (folder / "a.env").write_text("A=a\nWHO=${USER_NAME}\n")
    (folder / "b.env").write_text("A=b\n")
    assert installed.do("run", "--no-mask", "--", "printenv", "A", cwd=folder) == b"a\n"
    assert installed.do("run", "-e", "test", "--", "printenv", "A", cwd=folder) == b"b\n"
    chosen = {"DEVVAULT_ENVIRONMENT": "test", "USER_NAME": "me"}
    assert (
        installed.do("run", "--no-mask", "--", "printenv", "A", "WHO", cwd=folder, env=chosen)
        == b"b\nme\n"
    )
    assert installed.run("run", "-e", "nope", "--", "true", cwd=folder).returncode == 2
    installed.do("daemon", "stop")
    assert installed.do("run", "-e", "test", "--", "printenv", "A", cwd=folder) == b"b\n"


@pytest.mark.parametrize(
    "args",
    [
        ["nosuchverb"],
        ["run"],
        ["run", "printenv"],
        ["run", "--mask", "--no-mask", "--", "true"],
        ["run", "--on-unresolved", "maybe", "--", "true"],
        ["run", "--env-file", "missing.env", "--", "true"],
    ],
)
def test_wrong_use_is_told_in_one_sentence(installed, args):
    done = installed.run(*args)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(b"devvault: error: ")
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""
