"""A commit of a vault's secret, as people make it: with the pre-commit framework, and without.

The framework is the real one. It clones this project at a commit and installs the clone by itself;
tests/run.sh laid by the wheels that this takes.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.installed import ROOT, copy_source
from tests.waiting import LIMIT

SECRET = "tYq7Rk2mZp9Lw4Xc8Vb1"
REFERENCE = "@Microsoft.KeyVault(VaultName=hook-vault;SecretName=DB-PASSWORD)"
WHEELS = Path(sys.prefix) / "wheelhouse"


class Repository:
    """A git repository with a home of its own, whose vault holds SECRET as DB-PASSWORD."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.home = folder / "home"
        (folder / "bin").mkdir()
        front = folder / "bin" / "devvault"
        front.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -m devvault "$@"\n')
        front.chmod(0o755)
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DEVVAULT_", "GIT_", "PYTHON", "XDG_", "PIP_", "VIRTUAL_ENV"))
        }
        self.environment = {
            **kept,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder / "user"),
            "DEVVAULT_HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "LC_ALL": "C.UTF-8",
            "PRE_COMMIT_HOME": str(folder / "pre-commit"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(WHEELS),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        self.folder.mkdir()
        (folder / "user").mkdir()
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "a")
        self.git("config", "user.email", "a@example.org")
        key = str(folder / "key")
        self.do("init", "--name", "hook-vault", "--key-source", "file", "--key-file", key)
        self.do("set", "DB_PASSWORD", stdin=SECRET)
        (self.folder / ".env").unlink()

    def run(self, *command, stdin="", cwd=None):
        return subprocess.run(
            command,
            cwd=cwd or self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=3 * LIMIT,
            start_new_session=True,
        )

    def git(self, *words, **options):
        done = self.run("git", *words, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def devvault(self, *words, **options):
        return self.run("devvault", *words, **options)

    def do(self, *words, **options):
        done = self.devvault(*words, **options)
        assert done.returncode == 0, done.stderr
        return done

    def write(self, name, text):
        (self.folder / name).write_text(text)
        self.git("add", "-f", name)

    def commit(self):
        return self.run("git", "commit", "-m", "x")

    def head(self, name):
        return self.git("show", f"HEAD:{name}")


@pytest.fixture
def repository(tmp_path):
    made = Repository(tmp_path)
    yield made
    made.devvault("daemon", "stop")


def refused_and_repaired(repository):
    """The story of the issue: raw, then in base64; refused, told what to type, repaired."""
    for name, value in (
        ("DB_PASSWORD", SECRET),
        ("CODED", base64.b64encode(SECRET.encode()).decode()),
    ):
        before = repository.run("git", "rev-parse", "-q", "--verify", "HEAD").stdout
        repository.write(".env", f"# settings\nPLAIN=1\n{name}={value}\n")
        done = repository.commit()
        told = done.stdout + done.stderr
        assert done.returncode != 0, told
        assert "repair: devvault check --fix" in told
        assert "the secret DB-PASSWORD in the vault hook-vault" in told
        assert value not in told
        assert repository.run("git", "rev-parse", "-q", "--verify", "HEAD").stdout == before
        fixed = repository.do("check", "--fix", "--yes")
        assert value not in fixed.stdout + fixed.stderr
        done = repository.commit()
        assert done.returncode == 0, done.stdout + done.stderr
        committed = repository.head(".env")
        assert value not in committed
        assert committed.startswith("# settings\nPLAIN=1\n")
        assert repository.do("resolve", name).stdout == value
    assert REFERENCE not in repository.head(".env")  # the coded one is a secret of its own


def test_a_bare_hook_refuses_a_vaults_secret_until_it_is_repaired(repository):
    repository.do("check", "--install")
    refused_and_repaired(repository)


def test_the_pre_commit_framework_does_with_a_clone_of_this_project(repository, tmp_path):
    if not any(WHEELS.glob("hatchling-*")) or shutil.which("pre-commit", path=bin_path()) is None:
        reason = "tests/run.sh --prepare laid by no wheels for pre-commit"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    clone = tmp_path / "devvault"
    copy_source(clone)
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", clone)
    repository.git("init", "-q", "-b", "main", cwd=clone)
    repository.git("add", "-A", cwd=clone)
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    repository.git(*who, "commit", "-qm", "x", cwd=clone)
    at = repository.git("rev-parse", "HEAD", cwd=clone).strip()
    repository.write(
        ".pre-commit-config.yaml",
        f"repos:\n  - repo: {clone}\n    rev: {at}\n    hooks:\n      - id: devvault-check\n"
        "      - id: devvault-check-push\n",
    )
    pre_commit = shutil.which("pre-commit", path=bin_path())
    assert pre_commit is not None
    types = ("--hook-type", "pre-commit", "--hook-type", "pre-push")
    done = repository.run(pre_commit, "install", "--install-hooks", *types)
    assert done.returncode == 0, done.stdout + done.stderr
    refused_and_repaired(repository)
    remote = tmp_path / "remote.git"
    repository.git("init", "-q", "--bare", str(remote))
    repository.git("remote", "add", "origin", str(remote))
    assert repository.run("git", "push", "-q", "origin", "main").returncode == 0
    repository.write("notes.md", f"it is {SECRET} again\n")
    repository.git("commit", "-q", "--no-verify", "-m", "leak")
    done = repository.run("git", "push", "-q", "origin", "main")
    assert done.returncode != 0
    assert "the secret DB-PASSWORD in the vault hook-vault" in done.stdout + done.stderr


def bin_path():
    return str(Path(sys.prefix) / "bin")


def test_a_bare_pre_push_hook_sees_every_commit_that_is_pushed(repository, tmp_path):
    repository.write("a", "one\n")
    assert repository.commit().returncode == 0
    remote = tmp_path / "remote.git"
    repository.git("init", "-q", "--bare", str(remote))
    repository.git("remote", "add", "origin", str(remote))
    repository.do("check", "--install")
    assert repository.run("git", "push", "-q", "origin", "main").returncode == 0
    # A commit that leaks, and one that takes it back: the value is in what would be published.
    for text in (f"it is {SECRET}\n", "it was\n"):
        repository.write("a", text)
        repository.git("commit", "-q", "--no-verify", "-m", "x")
    done = repository.run("git", "push", "-q", "origin", "main")
    assert done.returncode != 0
    assert ":a:1:7:" in done.stdout + done.stderr
    done = repository.run("git", "push", "-q", "origin", "main:other")
    assert done.returncode != 0
    assert repository.run("git", "push", "-q", "origin", "HEAD~2:refs/heads/third").returncode == 0
    assert repository.run("git", "push", "-q", "origin", ":third").returncode == 0


def test_a_hook_that_was_there_runs_after_ours_and_comes_back(repository):
    hooks = repository.folder / ".git" / "hooks"
    log = repository.folder.parent / "log"
    for name in ("pre-commit", "pre-push"):
        (hooks / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{log}\ncat >>{log}\n')
        (hooks / name).chmod(0o755)
    before = (hooks / "pre-commit").read_text()
    for _ in range(2):
        told = repository.do("check", "--install").stderr
        assert "then pre-commit.before-devvault" in told
    repository.write("a", "one\n")
    assert repository.commit().returncode == 0
    assert log.read_text() == "pre-commit\n"
    remote = repository.folder.parent / "remote.git"
    repository.git("init", "-q", "--bare", str(remote))
    assert repository.run("git", "push", "-q", str(remote), "main").returncode == 0
    assert f"pre-push {remote} {remote}\nrefs/heads/main " in log.read_text()
    repository.write("a", f"{SECRET}\n")
    log.unlink()
    assert repository.commit().returncode != 0
    assert not log.exists()
    repository.do("check", "--uninstall")
    assert (hooks / "pre-commit").read_text() == before
    assert not list(hooks.glob("*devvault*"))
    done = repository.devvault("check", "--uninstall")
    assert (done.returncode, "no hook here is ours" in done.stderr) == (1, True)


def test_nothing_is_written_over_and_nothing_that_is_shared(repository):
    hooks = repository.folder / ".git" / "hooks"
    for name in ("pre-commit", "pre-commit.before-devvault"):
        (hooks / name).write_text("#!/bin/sh\n")
    done = repository.devvault("check", "--install")
    assert (done.returncode, "neither is written over" in done.stderr) == (1, True)
    assert (hooks / "pre-commit").read_text() == "#!/bin/sh\n"
    shared = repository.folder.parent / "shared"
    shared.mkdir()
    repository.git("config", "core.hooksPath", str(shared))
    done = repository.devvault("check", "--install")
    assert (done.returncode, "other repositories may share" in done.stderr) == (2, True)
    assert not list(shared.iterdir())
    repository.git("config", "core.hooksPath", ".husky/_")
    done = repository.devvault("check", "--install")
    assert (done.returncode, "husky" in done.stderr) == (2, True)
    repository.git("config", "core.hooksPath", "hooks")
    repository.do("check", "--install")
    assert (repository.folder / "hooks" / "pre-commit").stat().st_mode & 0o111


def test_a_linked_work_tree_and_a_folder_below(repository):
    repository.write("a", "one\n")
    assert repository.commit().returncode == 0
    other = repository.folder.parent / "other"
    repository.git("worktree", "add", "-q", str(other))
    repository.do("check", "--install", cwd=other)
    assert (repository.folder / ".git" / "hooks" / "pre-commit").exists()
    repository.do("allow", "hook-vault", cwd=other)
    (other / "below").mkdir()
    (other / "below" / "a").write_text(f"{SECRET}\n")
    repository.git("add", "-A", cwd=other)
    done = repository.run("git", "commit", "-m", "x", cwd=other / "below")
    assert done.returncode != 0
    assert "below/a:1:1:" in done.stdout + done.stderr


def test_a_hook_whose_devvault_is_gone_refuses_and_says_what_to_do(repository):
    repository.do("check", "--install")
    hook = repository.folder / ".git" / "hooks" / "pre-commit"
    hook.write_text(hook.read_text().replace(sys.prefix, "/nowhere"))
    front = repository.folder.parent / "bin" / "devvault"
    front.rename(front.with_name("elsewhere"))
    repository.write("a", "one\n")
    done = repository.commit()
    front.with_name("elsewhere").rename(front)
    assert done.returncode != 0
    assert "devvault is not installed any more" in done.stderr
