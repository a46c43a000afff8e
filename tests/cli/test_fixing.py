"""`check --fix` where it is delicate: staged in part, killed on the way, values of odd forms."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time

import pytest

from tests.waiting import LIMIT

SECRET = "tYq7Rk2mZp9Lw4Xc8Vb1"
OTHER = "hT7-kq2-Vn41xyz"
REFERENCE = "@Microsoft.KeyVault(VaultName=fix-vault;SecretName=DB-PASSWORD)"
# Runs a verb, and kills it right before the call that is named, for the so many-th time.
KILLER = """
import importlib, os, signal, sys
place, number, args = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
module, _, name = place.partition(":")
owner = importlib.import_module(module)
real, count = getattr(owner, name), [0]
def killed(*a, **k):
    count[0] += 1
    if count[0] == number:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*a, **k)
setattr(owner, name, killed)
from devvault.cli.main import main
sys.exit(main(args))
"""


class Project:
    def __init__(self, tmp_path):
        self.folder = tmp_path / "project"
        self.folder.mkdir()
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DEVVAULT_", "GIT_", "PYTHON", "XDG_"))
        }
        self.environment = {
            **kept,
            "HOME": str(tmp_path),
            "DEVVAULT_HOME": str(tmp_path / "home"),
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "a")
        self.git("config", "user.email", "a@b")
        key = str(tmp_path / "key")
        self.do("init", "--name", "fix-vault", "--key-source", "file", "--key-file", key)
        self.do("set", "DB_PASSWORD", stdin=SECRET)
        self.env.unlink()

    @property
    def env(self):
        return self.folder / ".env"

    def start(self, command, stdin=""):
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            start_new_session=True,
        )

    def run(self, *words, stdin=""):
        return self.start([sys.executable, "-I", "-m", "devvault", *words], stdin)

    def do(self, *words, code=0, stdin=""):
        done = self.run(*words, stdin=stdin)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def killed(self, place, number, *words):
        return self.start([sys.executable, "-c", KILLER, place, str(number), *words])

    def git(self, *words):
        done = self.start(["git", *words])
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stage(self, text, name=".env"):
        (self.folder / name).write_bytes(text.encode())
        self.git("add", "-f", name)

    def staged(self, name=".env"):
        return self.git("show", f":{name}")


@pytest.fixture
def project(tmp_path):
    made = Project(tmp_path)
    yield made
    made.run("daemon", "stop")


def test_index_and_work_tree_are_each_changed_for_themselves(project):
    project.stage(f"# one\nA=1\nDB_PASSWORD={SECRET}\nSMTP_PASSWORD={OTHER}\n")
    mine = f"# two, not staged\nDB_PASSWORD={SECRET}\nSMTP_PASSWORD=another-9Zk2pQ\nB=2\n"
    project.env.write_text(mine)
    project.do("check", "--fix", "--yes")
    smtp = "@Microsoft.KeyVault(VaultName=fix-vault;SecretName=SMTP-PASSWORD)"
    assert project.staged() == (f"# one\nA=1\nDB_PASSWORD='{REFERENCE}'\nSMTP_PASSWORD='{smtp}'\n")
    # A value that is not the staged one stays, and is no part of the commit.
    assert project.env.read_text() == mine.replace(SECRET, f"'{REFERENCE}'")


def test_what_is_staged_is_repaired_where_the_file_is_gone_or_whole_again(project):
    project.stage(f"DB_PASSWORD={SECRET}\n")
    project.env.unlink()
    project.do("check", "--fix", "--yes")
    assert project.staged() == f"DB_PASSWORD='{REFERENCE}'\n"
    assert not project.env.exists()
    project.stage(f"DB_PASSWORD={SECRET}\n")
    project.env.write_text("DB_PASSWORD=@Microsoft.KeyVault(VaultName=x;SecretName=y)\n")
    project.do("check", "--fix", "--yes")
    assert project.staged() == f"DB_PASSWORD='{REFERENCE}'\n"
    assert "VaultName=x" in project.env.read_text()


def test_modes_line_ends_and_comments_stay(project):
    text = f"\ufeff# note\r\nexport DB_PASSWORD=\"{SECRET}\"  # why\r\nA='1'\r\n"
    project.stage(text)
    project.env.chmod(0o755)
    project.git("add", "-f", ".env")
    project.do("check", "--fix", "--yes")
    changed = f"\ufeff# note\r\nexport DB_PASSWORD=\"{REFERENCE}\"  # why\r\nA='1'\r\n".encode()
    assert project.env.read_bytes() == changed
    assert project.git("ls-files", "-s", ".env").startswith("100755 ")
    assert project.env.stat().st_mode & 0o777 == 0o755
    blob = subprocess.run(["git", "show", ":.env"], cwd=project.folder, capture_output=True).stdout
    assert blob == changed


def test_an_encoded_copy_and_what_holds_it_move_as_they_stand(project):
    coded = base64.b64encode(SECRET.encode()).decode()
    url = f"postgres://app:{SECRET}@db/app"
    project.stage(f"CODED={coded}\nURL={url}\n")
    project.do("check", "--fix", "--yes")
    assert project.do("resolve", "CODED").stdout == coded
    assert project.do("resolve", "URL").stdout == url
    assert project.do("resolve", REFERENCE).stdout == SECRET


def test_json_yaml_and_toml_files(project):
    project.stage(f'{{\n  // note\n  "Db": {{"Password": "{SECRET}"}}, "n": 1\n}}\n', "a.json")
    project.stage(
        f"services:\n  web:\n    environment:\n      DB_PASSWORD: {SECRET}\n", "compose.yaml"
    )
    project.stage(f'[db]\npassword = "{SECRET}"  # c\n', "a.toml")
    done = project.do("check", "--fix", "--yes")
    for name in ("a.json", "compose.yaml", "a.toml"):
        assert SECRET not in project.staged(name), done.stderr
        assert REFERENCE in project.staged(name), done.stderr
        assert project.staged(name) == (project.folder / name).read_text()


def test_source_code_is_told_what_to_write_and_stays(project):
    project.stage(f'password = "{OTHER}"\n', "app.py")
    project.stage(f'const key = "{SECRET}";\n', "app.ts")
    done = project.do("check", "--fix", "--yes", code=1)
    assert 'app.py:1: write os.environ["PASSWORD"] there, and into .env:' in done.stdout
    assert "  PASSWORD=@Microsoft.KeyVault(VaultName=fix-vault;SecretName=PASSWORD)" in done.stdout
    assert "app.ts:1: write process.env." in done.stdout
    assert f"={REFERENCE}" in done.stdout
    assert project.staged("app.py") == f'password = "{OTHER}"\n'
    found = "@Microsoft.KeyVault(VaultName=fix-vault;SecretName=PASSWORD)"
    assert project.do("resolve", found).stdout == OTHER


def test_nobody_to_ask_means_nothing_is_done(project):
    project.stage(f"SMTP_PASSWORD={OTHER}\n")
    done = project.do("check", "--fix", code=2)
    assert "devvault: hint: devvault check --fix --yes" in done.stderr
    assert project.staged() == f"SMTP_PASSWORD={OTHER}\n"
    assert (
        "SMTP" not in project.do("keyvault", "secret", "list", "--vault-name", "fix-vault").stdout
    )


def test_without_anything_staged_it_is_the_work_tree(project):
    project.env.write_text(f"DB_PASSWORD={SECRET}\n")
    project.do("check", "--fix", "--yes")
    assert project.env.read_text() == f"DB_PASSWORD='{REFERENCE}'\n"
    below = project.folder / "below"
    below.mkdir()
    (below / "b.env").write_text(f"DB_PASSWORD={SECRET}\n")
    project.do("check", "--fix", "--yes", "below")
    assert (below / "b.env").read_text() == f"DB_PASSWORD='{REFERENCE}'\n"


def test_it_can_be_undone(project):
    before = f"DB_PASSWORD={SECRET}\nSMTP_PASSWORD={OTHER}\n"
    project.stage(before)
    project.do("check", "--fix", "--yes")
    project.do("import", "--undo", ".env")
    assert project.env.read_text() == before


def test_an_older_and_a_deleted_value_are_stored_anew(project):
    project.do("set", "DB_PASSWORD", stdin="n3w-Zk2pQ-value-of-it")
    project.stage(f"OLD={SECRET}\n")
    done = project.do("check", "--staged", code=1)
    assert "(an older version)" in done.stdout
    project.git("reset", "-q")
    project.env.unlink()
    project.stage(f"OLD={SECRET}\n")
    project.do("check", "--fix", "--yes")
    assert project.do("resolve", "OLD").stdout == SECRET


KILLS = [
    ("devvault.cli.fixing:store_secrets", 1),
    ("devvault.cli.fixing:replace_source", 1),
    ("devvault.cli.importing:lay_by", 1),
    ("devvault.cli.importing:replace_keeping_mode", 1),
    ("devvault.cli.fixing:stage", 1),
    ("devvault.scan.repository:git", 1),
    ("devvault.scan.repository:git", 2),
    ("devvault.scan.repository:git", 3),
    ("devvault.scan.repository:git", 4),
]


@pytest.mark.parametrize(("place", "number"), KILLS)
def test_killed_anywhere_nothing_is_lost_and_the_same_command_goes_on(project, place, number):
    before = f"# c\nDB_PASSWORD={SECRET}\nSMTP_PASSWORD={OTHER}\n"
    project.stage(before)
    done = project.killed(place, number, "check", "--fix", "--yes")
    assert done.returncode == -9, done.stdout + done.stderr
    vault = project.do("keyvault", "secret", "list", "--vault-name", "fix-vault").stdout
    for text in (project.env.read_text(), project.staged()):
        # Each value is where it was, or a reference stands there and the vault has it.
        assert OTHER in text or "SMTP-PASSWORD" in vault
        assert text.startswith("# c\nDB_PASSWORD=")
    project.do("check", "--fix", "--yes")
    assert project.staged() == project.env.read_text()
    assert OTHER not in project.staged()
    assert SECRET not in project.staged()
    assert project.do("resolve", "SMTP_PASSWORD").stdout == OTHER
    assert project.do("resolve", "DB_PASSWORD").stdout == SECRET
    assert not list(project.folder.glob("*.partial"))


def test_staging_anew_starts_no_program_of_the_repository(project, tmp_path):
    program = tmp_path / "evil"
    program.write_text(f"#!/bin/sh\ntouch '{program}.ran'\ncat\n")
    program.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-index-change").write_bytes(program.read_bytes())
    (hooks / "post-index-change").chmod(0o755)
    (project.folder / "other.env").write_text("B=2\n")
    later = time.time() + 1000  # younger than the index: git looks into it whenever it writes one
    os.utime(project.folder / "other.env", (later, later))
    project.git("add", "-f", "other.env")
    project.stage(f"DB_PASSWORD={SECRET}\n")
    (project.folder / ".gitattributes").write_text("*.env filter=a=b\n*.more filter=c\n")
    project.git("config", "filter.a=b.clean", str(program))
    project.git("config", "filter.c.process", str(program))
    project.git("config", "core.hooksPath", str(hooks))
    project.do("check", "--fix", "--yes")
    assert project.staged() == f"DB_PASSWORD='{REFERENCE}'\n"
    assert not (tmp_path / "evil.ran").exists()
