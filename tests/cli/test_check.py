"""`check` on input that is odd, hostile or large: it ends in time, with 0, 1 or 2, and says why."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios

import pytest

from devvault.scan.repository import GIT
from tests.client.peer import Peer, reply
from tests.waiting import LIMIT, wait_for

KEY = "hT7-kq2-Vn41xyz"
LEAK = f"DB_PASSWORD={KEY}\n"


class Place:
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
            "DEVVAULT_HOME": str(tmp_path / "none"),
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def run(self, *words, cwd=None, stdin=b""):
        return subprocess.run(
            [sys.executable, "-I", "-m", "devvault", "check", *words],
            cwd=cwd or self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            timeout=LIMIT,
        )

    def git(self, *words, data=None, cwd=None, code=0):
        who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always")
        done = subprocess.run(
            ["git", *who, *words],
            cwd=cwd or self.folder,
            env=self.environment,
            input=data,
            capture_output=True,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    def init(self):
        self.git("init", "-q", "-b", "main")
        return self

    def write(self, name, data=LEAK):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def commit(self, name="a", data="one\n"):
        self.write(name, data)
        self.git("add", "-f", name)
        self.git("commit", "-qm", "x")


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def found(done):
    assert done.returncode in (0, 1), done.stderr.decode()
    return done.stdout.decode("utf-8", "replace").splitlines()[::2]


def test_no_commit_yet_and_nothing_staged(place):
    place.init()
    done = place.run("--staged")
    assert (done.returncode, b"checked 0 files" in done.stderr) == (0, True)
    place.write(".env")
    place.git("add", "-f", ".env")
    assert found(place.run("--staged"))[0].startswith(".env:1:13:")
    assert place.run("--history").returncode in (0, 2)


def test_detached_head(place):
    place.init().commit()
    place.git("checkout", "-q", "--detach")
    place.write(".env")
    place.git("add", "-f", ".env")
    assert len(found(place.run("--staged"))) == 1


def test_an_index_that_is_not_merged_is_named(place):
    place.init().commit("a", "one\n")
    place.git("checkout", "-qb", "side")
    place.commit("a", "two\n")
    place.git("checkout", "-q", "main")
    place.commit("a", "three\n")
    place.git("merge", "side", code=1)
    place.write(".env")
    place.git("add", "-f", ".env")
    done = place.run("--staged")
    assert len(found(done)) == 1
    assert b"not checked: a: not merged yet" in done.stderr


def test_a_merge_shows_what_it_brings(place):
    place.init().commit()
    place.git("checkout", "-qb", "side")
    place.commit(".env", LEAK)
    place.git("checkout", "-q", "main")
    place.commit("b")
    place.git("merge", "-q", "--no-commit", "side")
    assert len(found(place.run("--staged"))) == 1
    place.git("commit", "-qm", "m")
    done = place.run("--range", "HEAD~1..HEAD")
    assert len(found(done)) == 1
    assert b":.env:1:13:" in done.stdout


def test_a_rename_shows_its_new_lines_alone(place):
    place.init().commit("old.env", LEAK + "".join(f"K{n}=v\n" for n in range(50)))
    place.git("mv", "old.env", "new.env")
    assert found(place.run("--staged")) == []
    (place.folder / "new.env").write_text((place.folder / "new.env").read_text() + f"X_{LEAK}")
    place.git("add", "-f", "new.env")
    assert found(place.run("--staged"))[0].startswith("new.env:52:15:")


def test_a_submodule_is_named(place, tmp_path):
    other = Place(tmp_path / "o") if (tmp_path / "o").mkdir() is None else None
    other.init().commit(".env", LEAK)
    place.init().commit()
    place.git("submodule", "add", "-q", str(other.folder), "sub")
    done = place.run("--staged")
    assert found(done) == []
    assert b"sub: a submodule" in done.stderr
    done = place.run()
    assert b"sub: a submodule" in done.stderr


def test_sparse_and_partial_clones(place, tmp_path):
    place.init().commit("in/a.txt", "one\n")
    place.commit("out/b.env", f"X_{LEAK}")
    place.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    url = f"file://{place.folder}"
    place.git("clone", "-q", "--filter=blob:none", "--sparse", url, str(clone), cwd=tmp_path)
    place.git("sparse-checkout", "set", "in", cwd=clone)
    (clone / "in" / ".env").write_text(LEAK)
    place.git("add", "-f", "in/.env", cwd=clone)
    assert len(found(place.run("--staged", cwd=clone))) == 1
    assert len(found(place.run(cwd=clone))) == 1
    done = place.run("--history", cwd=clone)  # what was never fetched cannot be read
    assert done.returncode == 2
    assert b"git cannot tell what there is" in done.stderr


def test_files_that_attributes_hide_from_a_diff_are_read(place):
    place.init()
    place.write(".gitattributes", "*.env -diff\n*.ext diff=evil\n")
    place.git("config", "diff.evil.textconv", "false")
    place.git("config", "diff.external", "false")
    place.write("a.env")
    place.write("b.ext", f"password = '{KEY}'\n")
    place.git("add", "-fA")
    assert [line[:6] for line in found(place.run("--staged"))] == ["a.env:", "b.ext:"]


def test_a_folder_that_looks_like_a_repository_hides_nothing(place):
    place.init()
    place.git("init", "-q", "--bare", "sub/inner.git")
    sub = place.folder / "sub"
    for inside in (sub / "inner.git").iterdir():
        inside.rename(sub / inside.name)
    (sub / "config").write_text("[core]\nrepositoryformatversion = 0\nworktree = ..\n")
    place.write("sub/a.env")
    place.git("add", "-f", "sub/a.env")
    # As the front starts git: where the user stands, not at the top.
    assert place.git(*GIT[1:], "rev-parse", "--git-dir", cwd=sub, code=128) == b""
    assert [line[:10] for line in found(place.run("--staged", cwd=sub))] == ["sub/a.env:"]


def test_two_gigabytes_are_named_and_not_read(place):
    place.init()
    with (place.folder / "huge").open("wb") as file:
        file.truncate(2 << 30)
    done = place.run()
    assert b"not checked: huge: larger than 128 MiB" in done.stderr
    done = place.run("huge")
    assert done.returncode == 2


def test_a_line_of_many_megabytes(place):
    data = b'{"a":"' + b"x1 " * 8_000_000 + f'","password":"{KEY}"}}'.encode()
    place.write("a.json", data)
    done = place.run("a.json")
    assert done.returncode in (0, 1)
    assert f"{len(data)} bytes".encode() in done.stderr


def test_fifos_loops_and_what_may_not_be_read(place):
    os.mkfifo(place.folder / "fifo")
    (place.folder / "loop").symlink_to("loop")
    (place.folder / "dir").mkdir()
    (place.folder / "dir" / "up").symlink_to("..")
    place.write("a.env")
    done = place.run()
    assert len(found(done)) == 1
    assert b"fifo: no regular file" in done.stderr
    done = place.run("loop", "fifo")
    assert done.returncode == 2
    assert b"loop: too many levels" in done.stderr


@pytest.mark.parametrize(
    "name", [b"a\nb.env", b"\xff\xfe.env", b"a\tb\\\"'.env", b"-x.env", b" .env"]
)
def test_odd_names(place, name):
    place.init()
    path = os.fsencode(place.folder) + b"/" + name
    with open(path, "w") as file:
        file.write(LEAK)
    place.git("add", "-fA")
    for words in (["--staged"], [], ["--staged", "--format", "json"], ["--format", "sarif"]):
        done = place.run(*words)
        assert done.returncode == 1, done.stderr
        assert b"\xff" not in done.stdout
    found_path = json.loads(place.run("--format", "json").stdout)["findings"][0]["path"]
    assert os.fsencode(found_path) == name
    place.git("commit", "-qm", "x")
    assert place.run("--history").returncode == 1


def test_a_hundred_thousand_files(place):
    place.init()
    clean = place.git("hash-object", "-w", "--stdin", data=b"x = 1\n").strip()
    leak = place.git("hash-object", "-w", "--stdin", data=LEAK.encode()).strip()
    lines = [b"100644 %b\td%d/f%d.py\n" % (clean, n % 100, n) for n in range(100_000)]
    lines.append(b"100644 %b\tz.env\n" % leak)
    place.git("update-index", "--index-info", data=b"".join(lines))
    done = place.run("--staged")
    assert len(found(done)) == 1
    assert b"checked 100001 files" in done.stderr


def test_what_is_no_text_in_history_is_named(place):
    place.init().commit("a b.bin", b"\0\1\2")
    done = place.run("--history")
    assert (done.returncode, b"not checked: a b.bin: not text" in done.stderr) == (0, True)


def test_git_is_missing_or_refuses(place):
    place.init()
    place.environment["PATH"] = "/nowhere"
    done = place.run("--staged")
    assert (done.returncode, b"git cannot be started" in done.stderr) == (2, True)
    place.environment["PATH"] = os.environ["PATH"]
    (place.folder / ".git" / "index").write_bytes(b"nonsense")
    done = place.run("--staged")
    assert (done.returncode, b"git cannot tell what there is" in done.stderr) == (2, True)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("word", ["--output=x", "none..HEAD", "a b", ""])
def test_a_range_that_is_none(place, word):
    place.init().commit()
    done = place.run(f"--range={word}")
    assert done.returncode == 2
    assert not (place.folder / "x").exists()


def test_a_foreign_baseline(place):
    place.write("a.env")
    place.write("b", '{"version": "1.5.0", "plugins_used": []}')
    done = place.run("a.env", "--baseline", "b")
    assert (done.returncode, b"b is no baseline of devvault" in done.stderr) == (2, True)
    assert place.run("a.env", "--baseline", "none").returncode == 2


def test_findings_are_accepted_into_a_baseline(place):
    strong = "tYq7Rk2mZp9Lw4Xc8Vb1"
    place.write("a.env", f"A_PASSWORD={strong}\nB_PASSWORD=hunter2zz\n")
    done = place.run("a.env", "--baseline", "known", "--accept", "test data", "--expires", "90d")
    assert done.returncode == 1
    assert b"B_PASSWORD=**** is named like a password" in done.stdout
    assert b"in no baseline" in done.stderr
    done = place.run("a.env", "--baseline", "known", "--report-allowed")
    assert done.returncode == 1
    assert b"allowed: a.env:1:12:" in done.stdout
    assert b": baseline: test data" in done.stdout
    place.write("a.env", f"A_PASSWORD={strong}x\n")
    assert place.run("a.env", "--baseline", "known").returncode == 1
    place.write("c/d.env", f"\n\n\nA_PASSWORD={strong}\n")
    assert place.run("c/d.env", "--baseline", "known").returncode == 0
    assert (place.folder / "known").stat().st_mode & 0o777 == 0o644


def unread(pipe):
    """How many bytes of a pipe nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_ctrl_c_in_the_middle_leaves_nothing(place):
    os.mkfifo(place.folder / "slow")
    reader = subprocess.Popen(
        [sys.executable, "-I", "-m", "devvault", "check", "-"],
        cwd=place.folder,
        env=place.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert reader.stdin is not None
    reader.stdin.write(b"x" * 100)
    reader.stdin.flush()
    wait_for(lambda: unread(reader.stdin.fileno()) == 0)
    reader.send_signal(signal.SIGINT)
    out, err = reader.communicate(timeout=LIMIT)
    assert reader.returncode == 130
    assert b"Traceback" not in out + err


def test_stdin_that_never_ends(place):
    with open("/dev/zero", "rb") as zeros:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "devvault", "check", "-"],
            cwd=place.folder,
            env=place.environment,
            stdin=zeros,
            capture_output=True,
            timeout=LIMIT,
        )
    assert done.returncode == 0
    assert b"larger than 128 MiB; the rest of it" in done.stderr


def test_nothing_on_stdin_is_told(place):
    done = place.run("-")
    assert (done.returncode, b"nothing was read" in done.stderr) == (2, True)


RULE = """
[[rule]]
id = "{0}"
what = "a token of ours"
severity = "high"
keywords = ["ours_"]
pattern = "{1}"
"""


def test_a_project_adds_rules_and_an_error_in_one_stops_the_check(place):
    place.init()
    place.write("devvault.toml", '[check]\nrules = ["ours.toml"]\n')
    place.write("a.txt", "it is ours_3f9c27ab41d86e05 here\n")
    place.write("ours.toml", RULE.format("ours-token", "ours_[0-9a-f]{16}"))
    (line,) = found(place.run("a.txt"))
    assert "[ours-token, high]" in line
    for text in (
        "[[rule",
        RULE.format("ours-token", "ours_(?=x)"),
        RULE.format("jwt", "ours_x"),
        "",
    ):
        place.write("ours.toml", text)
        done = place.run("a.txt")
        assert done.returncode == 2, (text, done.stderr)
        assert b"ours.toml" in done.stderr or b"there is a rule jwt already" in done.stderr
        assert b"Traceback" not in done.stderr
    (place.folder / "ours.toml").unlink()
    assert place.run("a.txt").returncode == 2


def test_what_a_project_excludes_is_left_out_and_no_layer_can_be_switched_off(place):
    place.init()
    place.write("devvault.toml", '[check]\nexclude = ["docs/*"]\n')
    place.write("docs/a.env")
    place.write("b.env")
    assert [line[:6] for line in found(place.run())] == ["b.env:"]
    for word in ("values = false", "layers = []", "inline-allow = true"):
        place.write("devvault.toml", f"[check]\n{word}\n")
        assert place.run().returncode == 2


STATUS = {"protocol": 1, "version": "999.0.0", "pid": 1, "state": "unlocked", "key_source": "file"}
WRONG = b'{"error": {"code": "InternalServerError", "message": "something went wrong"}}'


@pytest.mark.parametrize(
    ("replies", "code", "said"),
    [
        ([(json.dumps(STATUS).encode(), 200), (WRONG, 500)], 2, b"something went wrong"),
        ([(json.dumps(STATUS).encode(), 200), (b"<html>", 200)], 2, b"cannot be read"),
        ([(json.dumps(STATUS).encode(), 200), (b'{"findings": [1]}', 200)], 2, b"cannot be read"),
        ([(WRONG, 500)], 2, b"something went wrong"),
        (
            [
                (json.dumps(STATUS).encode(), 200),
                (b'{"error": {"code": "VaultLocked", "message": "the vault is locked"}}', 423),
            ],
            0,
            b"the vault is locked",
        ),
    ],
)
def test_a_daemon_that_fails_is_a_check_that_was_not_done(place, replies, code, said):
    home = place.folder.parent / "h"
    answers = [reply(body, status, "application/json") for body, status in replies]
    peer = Peer(home / "run" / "s", answers)
    try:
        (home / "vault.db").write_bytes(b"x")
        (home / "vault.db").chmod(0o600)
        place.environment["DEVVAULT_HOME"] = str(home)
        place.write("a.txt", "nothing of interest\n")
        done = place.run("a.txt")
    finally:
        peer.close()
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert b"values of vaults were not checked" in done.stderr
    assert b"Traceback" not in done.stderr
