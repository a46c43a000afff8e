"""`devvault check --staged` as it is installed: the fast path and the full CLI give one answer."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.journeys.installed import Installed, build_wheel, make_environment, pip

SECRET = "tYq7Rk2mZp9Lw4Xc8Vb1"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("staged")
    environment = make_environment(folder / "venv")
    wheel = build_wheel(folder / "w")
    pip(sys.executable, "install", "--no-deps", str(wheel), into=environment)
    made = Installed(environment, folder)
    shutil.rmtree(made.project / ".git")
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=made.project, check=True)
    made.variables["GIT_CONFIG_NOSYSTEM"] = "1"
    made.do("init", "--name", "front-vault", "--key-source", "file", "--key-file", folder / "key")
    made.do("set", "DB", stdin=SECRET.encode())
    yield made
    made.run("daemon", "stop")


@pytest.fixture
def stage(installed):
    """Stage files, and nothing else; what was staged before is committed."""

    def git(*words):
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        command = ["git", *who, *words]
        subprocess.run(command, cwd=installed.project, check=True, stdout=subprocess.DEVNULL)

    git("add", "-A")
    git("commit", "-qm", "before", "--allow-empty", "--no-verify")

    def write(files):
        for name, data in files.items():
            path = installed.project / name
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_bytes(data if isinstance(data, bytes) else data.encode())
            git("add", "-f", name)

    yield write
    git("reset", "-q", "--hard")


def both(installed, **options):
    """What the front and the full CLI say: the same."""
    full = [installed.python, "-I", "-m", "devvault"]
    fast = installed.run("check", "--staged", **options)
    slow = installed.run("check", "--staged", front=full, **options)
    assert (fast.returncode, fast.stdout, fast.stderr) == (
        slow.returncode,
        slow.stdout,
        slow.stderr,
    )
    return fast


def took_fast_path(installed, **options):
    """Whether the daemon was asked for the whole answer: it alone tells no texts apart."""
    trace = installed.home.parent / "trace"
    strace = shutil.which("strace")
    if strace is None:
        return None
    installed.run(
        "check", "--staged", front=[strace, "-f", "-o", trace, installed.front], **options
    )
    text = trace.read_text(errors="replace")
    return "/local/check" in text and '"-m", "devvault"' not in text


STORIES = {
    "nothing": {},
    "clean": {"a.py": "x = 1\n" * 400},
    "a value": {"a.md": f"one\ntwo {SECRET} three\n"},
    "a value in base64": {"k8s.yaml": "data:\n  p: dFlxN1JrMm1acDlMdzRYYzhWYjE=\n"},
    "a name": {".env.prod": "API_PASSWORD=hT7-kq2-Vn41xyz\n"},
    "allowed": {"b.py": "password = 'hT7-kq2-Vn41xyz'  # devvault: allow a test\n"},
    "odd names": {"\u00fc \"x'\n.env": f"K={SECRET}\n", "a b/c": f"{SECRET}\n"},
    "no line end": {"c.txt": f"{SECRET}"},
    "like a diff": {"d.txt": f"diff --git a/x b/x\n+++ b/x\n@@ -1 +1 @@\n+{SECRET}\n\\ No\n"},
    "binary": {"bin": b"\0\1\2" + SECRET.encode()},
    "latin-1": {"l.txt": f"gr\u00fc\u00df {SECRET}\n".encode("latin-1")},
    "crlf": {"w.txt": f"a\r\n{SECRET}\r\n"},
    "empty": {"empty": ""},
}
FOUND = {"a value", "a value in base64", "a name", "odd names", "no line end", "like a diff",
         "binary", "latin-1", "crlf"}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_both_ways_say_the_same(story, installed, stage):
    stage(STORIES[story])
    done = both(installed)
    assert done.returncode == (1 if story in FOUND else 0), done.stderr
    assert SECRET.encode() not in done.stdout + done.stderr


def test_from_a_folder_below(installed, stage):
    stage({"below/a.md": f"{SECRET}\n"})
    done = both(installed, cwd=installed.project / "below")
    assert b"below/a.md:1:1:" in done.stdout


def test_a_project_file_that_the_daemon_cannot_follow_is_for_the_full_cli(installed, stage):
    stage({"x/.env": "API_PASSWORD=hT7-kq2-Vn41xyz\n"})
    project = installed.project / "devvault.toml"
    text = project.read_text()
    project.write_text(text + '[check]\nexclude = ["x/*"]\n')
    assert both(installed).returncode == 0
    project.write_text(text + '[check]\nbaseline = "none"\n')
    assert both(installed).returncode == 2
    project.write_text(text + '[check]\nrules = ["none.toml"]\n')
    assert both(installed).returncode == 2
    project.write_text(text + "[check]\nnonsense = 1\n")
    assert both(installed).returncode == 2
    project.write_text(text)


def test_a_baseline_of_the_project_is_known_to_both(installed, stage):
    strong = "Zk2pQ9-n3w-Xc8Vb1-Lw4"
    stage({"x/.env": f"API_PASSWORD={strong}\n"})
    project = installed.project / "devvault.toml"
    text = project.read_text()
    try:
        assert both(installed).returncode == 1
        project.write_text(text + '[check]\nbaseline = "known"\n')
        assert installed.run("check", "--staged", "--accept", "test data").returncode == 0
        done = both(installed)
        assert (done.returncode, b"1 allowed" in done.stderr) == (0, True)
        assert took_fast_path(installed) in (True, None)
        known = installed.project / "known"
        known.write_text(known.read_text().replace(" - test", " 2020-01-01 test"))
        done = both(installed)
        assert (done.returncode, b"accepted until 2020-01-01" in done.stderr) == (1, True)
        known.write_text("{}")
        assert both(installed).returncode == 2
    finally:
        project.write_text(text)
        (installed.project / "known").unlink(missing_ok=True)


def test_without_git_and_without_a_repository(installed, stage, tmp_path):
    stage({"a": "b"})
    front = installed.front
    shell = shutil.which("sh")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to(shell)
    done = installed.run("check", "--staged", front=[front], env={"PATH": str(tmp_path / "bin")})
    assert done.returncode == 2
    assert b"git cannot be started" in done.stderr
    done = both(installed, cwd=tmp_path)
    assert (done.returncode, b"there is no git repository here" in done.stderr) == (2, True)


def test_another_index_is_looked_at(installed, stage):
    stage({"a.md": "clean\n"})
    other = str(installed.home.parent / "index")
    environment = {"GIT_INDEX_FILE": other}
    (installed.project / "b.md").write_text(f"{SECRET}\n")
    subprocess.run(
        ["git", "add", "b.md"], cwd=installed.project, env={**installed.variables, **environment}
    )
    done = both(installed, env=environment)
    assert b"b.md:1:1:" in done.stdout
    assert both(installed).returncode == 0


def test_with_the_daemon_stopped_or_the_vault_locked(installed, stage):
    stage({"a.md": f"{SECRET}\n"})
    installed.do("daemon", "stop")
    assert installed.run("check", "--staged").returncode == 1
    installed.do("lock")
    done = both(installed)
    assert (done.returncode, b"values of vaults were not checked" in done.stderr) == (0, True)
    installed.do("unlock")
    assert both(installed).returncode == 1


def test_it_is_one_request_and_one_record(installed, stage):
    stage({"a.md": f"{SECRET}\n"})
    count = ["audit", "list", "--limit", "500", "--query", "length([?operationName=='CheckScan'])"]
    before = int(installed.do(*count, "-o", "tsv"))
    assert installed.run("check", "--staged").returncode == 1
    assert int(installed.do(*count, "-o", "tsv")) == before + 1
    took = took_fast_path(installed)
    assert took in (True, None)


def test_without_a_vault_on_this_machine_it_is_checked_right_here(installed, stage, tmp_path):
    environment = {"DEVVAULT_HOME": str(tmp_path / "none")}
    for story in ("clean", "allowed", "no line end", "crlf", "nothing", "a name"):
        stage(STORIES[story])
        done = both(installed, env=environment)
        assert done.returncode == (1 if story == "a name" else 0), done
        assert b"there is no vault on this machine" in done.stderr
    assert not (tmp_path / "none").exists()
    stage({"bin": b"\0\1\2"})  # git has to be asked for more
    assert both(installed, env=environment).returncode == 1
    project = installed.project / "devvault.toml"
    text = project.read_text()
    try:
        project.write_text(text + 'plain = ["API_PASSWORD"]\n')
        assert both(installed, env=environment).returncode == 0
    finally:
        project.write_text(text)
