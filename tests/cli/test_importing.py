from __future__ import annotations

import os
import re
import stat
import subprocess
from contextlib import suppress

import pytest

from tests.cli.acceptance import FILE, LINES, PLAIN, SECRETS
from tests.cli.test_terminal import talk
from tests.cli.typed import Typed
from tests.settingsfiles import test_json, test_toml, test_yaml


@pytest.fixture
def typed(tmp_path):
    typed = Typed(tmp_path)
    typed.init()
    yield typed
    typed.stop()


def reference(key, vault="my-app-vault"):
    name = key.replace("_", "-")
    return f"@Microsoft.KeyVault(VaultName={vault};SecretName={name})"


def shows_no_value(done):
    shown = done.out.decode() + done.err
    return not any(value in shown for value in SECRETS.values())


def test_the_acceptance_file(typed):
    path = typed.project / ".env"
    path.write_bytes(FILE)
    path.chmod(0o640)
    done = typed("import", ".env", "--yes")
    assert done.code == 0, done.err
    assert shows_no_value(done)
    lines = path.read_text().split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(LINES) == 20
    changed = {}
    for old, new in zip(LINES, lines, strict=True):
        if old != new:
            key, _, value = new.partition("=")
            changed[key] = value.strip("'\"")
    assert changed == {key: reference(key) for key in SECRETS}
    assert sum(old == new for old, new in zip(LINES, lines, strict=True)) == 12
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    found = typed.settings()
    assert {**PLAIN, **SECRETS}.items() <= found.items()
    # Twice is once.
    after = path.read_bytes()
    again = typed("import", ".env", "--yes")
    assert (again.code, again.err) == (0, "nothing to import\n")
    assert path.read_bytes() == after
    # And back, byte for byte.
    assert typed("import", "--undo", ".env").code == 0
    assert path.read_bytes() == FILE
    gone = typed("import", "--undo", ".env")
    assert gone.code == 1
    assert "no import of the last 30 days rewrote" in gone.err
    # The values are there already.
    third = typed("import", "--yes")
    assert "holds these values already" in third.err
    assert path.read_bytes() == after
    names = typed("keyvault", "secret", "list", "--vault-name", "my-app-vault", "-o", "tsv")
    assert names.out.count(b"\n") == len(SECRETS)


def test_the_plan_alone_changes_nothing(typed):
    path = typed.project / ".env"
    path.write_bytes(FILE)
    done = typed("import", ".env", "--dry-run")
    assert done.code == 0
    assert shows_no_value(done)
    table = done.out.decode().splitlines()
    assert table[0].split() == ["Key", "Verdict", "Why", "SecretName"]
    verdicts = {line.split()[0]: line.split()[1] for line in table[2:]}
    assert verdicts == {**dict.fromkeys(PLAIN, "plain"), **dict.fromkeys(SECRETS, "secret")}
    assert path.read_bytes() == FILE
    listed = typed("keyvault", "secret", "list", "--vault-name", "my-app-vault", "-o", "tsv")
    assert listed.out == b""


def test_the_user_overrules(typed):
    path = typed.project / ".env"
    path.write_text("A=one\nADMIN_PW=Tr0ub4\nLICENSE=x y\nTOKEN=abcdef # devvault: allow a fake\n")
    done = typed("import", ".env", "--yes", "--plain", "ADMIN_PW", "--secret", "LICENSE")
    assert done.code == 0, done.err
    text = path.read_text()
    assert "ADMIN_PW=Tr0ub4\n" in text
    assert reference("LICENSE") in text
    assert "TOKEN=abcdef # devvault: allow a fake\n" in text
    wrong = typed("import", ".env", "--yes", "--secret", "NOPE")
    assert wrong.code == 2
    assert "no file sets NOPE" in wrong.err
    both = typed("import", ".env", "--secret", "A", "--plain", "A")
    assert both.code == 2


def test_without_a_terminal_it_asks_nobody(typed):
    (typed.project / ".env").write_bytes(FILE)
    done = typed("import", ".env")
    assert done.code == 2
    assert "devvault: hint: devvault import --yes" in done.err
    assert (typed.project / ".env").read_bytes() == FILE


def test_names_that_clash_get_a_number_and_same_values_are_shared(typed):
    typed("keyvault", "secret", "set", "--vault-name", "my-app-vault", "--name", "a-token",
          "--value", "another")  # fmt: skip
    path = typed.project / ".env"
    path.write_text("A_TOKEN=first-1\nA.TOKEN=second-2\na_token=first-1\n")
    done = typed("import", ".env", "--yes")
    assert done.code == 0, done.err
    assert path.read_text().replace("'", "") == (
        "A_TOKEN=@Microsoft.KeyVault(VaultName=my-app-vault;SecretName=A-TOKEN-2)\n"
        "A.TOKEN=@Microsoft.KeyVault(VaultName=my-app-vault;SecretName=A-TOKEN-3)\n"
        "a_token=@Microsoft.KeyVault(VaultName=my-app-vault;SecretName=a-token-2)\n"
    )
    found = typed.settings()
    assert (found["A_TOKEN"], found["A.TOKEN"], found["a_token"]) == (
        "first-1", "second-2", "first-1"
    )  # fmt: skip


def test_a_deleted_secret_keeps_its_name(typed):
    for words in (["set", "--value", "x"], ["delete"]):
        where = ["--vault-name", "my-app-vault", "--name", "DB-PASSWORD"]
        assert typed("keyvault", "secret", words[0], *where, *words[1:]).code == 0
    (typed.project / ".env").write_text("DB_PASSWORD=hunter22\n")
    done = typed("import", ".env", "--yes")
    assert done.code == 0, done.err
    assert "SecretName=DB-PASSWORD-2)" in (typed.project / ".env").read_text()


def test_what_is_composed_is_stored_as_the_program_gets_it(typed):
    path = typed.project / ".env"
    path.write_text(
        "HOST=db.local\nDB=postgres://app:hT7-kq2@${HOST}/app\nLIT='pw-${HOST}-1'\n"
        "PASSWORD=x-${DB}\nOTHER=@Microsoft.KeyVault(VaultName=v-a;SecretName=s)\n"
        "API_KEY=a1b2c3d4e5f6g7h8-${OTHER}\n"
    )
    done = typed("import", ".env", "--yes", "--secret", "LIT")
    assert done.code == 1  # one was left
    assert "composed with what is known only when it is used" in done.out.decode()
    assert "API_KEY=a1b2c3d4e5f6g7h8-${OTHER}\n" in path.read_text()
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:4]))
    found = typed.settings()
    assert found["DB"] == "postgres://app:hT7-kq2@db.local/app"
    assert found["LIT"] == "pw-${HOST}-1"
    assert found["PASSWORD"] == "x-postgres://app:hT7-kq2@db.local/app"


def test_a_link_stays_a_link(typed):
    (typed.project / "real").write_text("DB_PASSWORD=hunter22\n")
    (typed.project / ".env").symlink_to("real")
    assert typed("import", ".env", "--yes").code == 0
    assert os.readlink(typed.project / ".env") == "real"
    assert reference("DB_PASSWORD") in (typed.project / "real").read_text()
    assert typed("import", "--undo", ".env").code == 0
    assert (typed.project / "real").read_text() == "DB_PASSWORD=hunter22\n"


def test_undo_after_edits_restores_the_keys_alone(typed):
    path = typed.project / ".env"
    path.write_text('A_TOKEN="first-1" # one\nB_TOKEN=second-2\nC=3\n')
    assert typed("import", ".env", "--yes").code == 0
    path.write_text("NEW=1\n" + path.read_text().replace("C=3", "C=4"))
    path.write_text("\n".join("B_TOKEN=x" if "B_TOKEN" in line else line
                              for line in path.read_text().split("\n")))  # fmt: skip
    done = typed("import", "--undo", ".env")
    assert done.code == 0, done.err
    assert "was edited since; 1 setting got the old value back" in done.err
    assert path.read_text() == 'NEW=1\nA_TOKEN="first-1" # one\nB_TOKEN=x\nC=4\n'


def test_undo_refuses_where_nothing_of_the_import_is_left(typed):
    path = typed.project / ".env"
    path.write_text("A_TOKEN=first-1\n")
    assert typed("import", ".env", "--yes").code == 0
    path.write_text("A_TOKEN=other\n")
    done = typed("import", "--undo", ".env")
    assert done.code == 1
    assert "cannot be taken back" in done.err
    assert path.read_text() == "A_TOKEN=other\n"


def test_stdin_comes_out_rewritten(typed):
    done = typed("import", "-", "--yes", typed=b"A=1\r\nDB_PASSWORD=hunter22 # x\r\n")
    assert done.code == 0, done.err
    assert done.out.decode() == f"A=1\r\nDB_PASSWORD='{reference('DB_PASSWORD')}' # x\r\n"
    same = typed("import", "-", "--yes", typed=b"A=1\n")
    assert same.out == b"A=1\n"


def test_every_oddity_of_a_dotenv(typed):
    path = typed.project / ".env"
    odd = (
        b"\xef\xbb\xbf# top\r\nexport DB_PASSWORD = 'two\r\nlines-1'   # why\r\n"
        b"A_TOKEN=one-1\r\n\r\n \tA_TOKEN=two-2#no comment\r\nEMPTY=\r\nBARE\r\n"
        b'this is no line\r\nTLS_SECRET="a\\nb-3\\""\r\nLAST_PASSWORD=hunter22'
    )
    path.write_bytes(odd)
    before = typed("import", ".env", "--yes", "--plain", "A_TOKEN", "--plain", "LAST_PASSWORD",
                   "--plain", "TLS_SECRET", "--plain", "DB_PASSWORD")  # fmt: skip
    assert before.code == 1
    assert "line 9 cannot be read" in before.out.decode()
    done = typed("import", ".env", "--yes")
    assert done.code == 1, done.err
    found = typed.settings()
    assert found["DB_PASSWORD"] == "two\nlines-1"
    assert found["A_TOKEN"] == "two-2#no comment"
    assert found["TLS_SECRET"] == 'a\nb-3"'
    assert found["LAST_PASSWORD"] == "hunter22"
    assert b"\r\nEMPTY=\r\nBARE\r\nthis is no line\r\n" in path.read_bytes()
    assert typed("import", "--undo", ".env").code == 0
    assert path.read_bytes() == odd


def test_git_history_is_searched(typed):
    path = typed.project / ".env"
    typed.git("init", "-q")
    path.write_bytes(FILE)
    typed.git("add", "-A")
    typed.git("commit", "-qm", "the first mistake")
    (typed.project / "notes.md").write_text(f"the key is {SECRETS['STRIPE_KEY']}\n")
    typed.git("add", "-A")
    typed.git("commit", "-qm", "notes")
    typed.git("rm", "-q", "--cached", ".env", "notes.md")
    typed.git("commit", "-qm", "removed")
    done = typed("import", ".env", "--yes")
    assert done.code == 0, done.err
    assert shows_no_value(done)
    commits = typed.git("log", "--format=%h %s", "--reverse").splitlines()
    told = [line for line in done.err.splitlines() if line.startswith("  ")]
    assert told[0].split()[0] == commits[1].split()[0]
    assert "notes: STRIPE_KEY in notes.md" in told[0]
    assert told[1].split()[0] == commits[0].split()[0]
    assert "the first mistake: " in told[1]
    assert all(key in told[1] for key in SECRETS)
    assert len(told) == 2
    assert "rotate" in done.err


def test_bad_files_are_refused_before_anything_is_stored(typed, tmp_path):
    (typed.project / "latin.env").write_bytes(b"DB_PASSWORD=\xff\xfe1234\n")
    (typed.project / "big.env").write_bytes(b"DB_PASSWORD=" + b"aB1" * 10_000 + b"\n")
    (typed.project / "notes.txt").write_text("DB_PASSWORD=hunter22\n")
    (tmp_path / "other.env").write_text("DB_PASSWORD=hunter22\n")
    os.mkfifo(typed.project / "fifo.env")
    for name, words, code in (
        ("latin.env", "line 1 is not valid UTF-8", 1),
        ("notes.txt", "told by their names", 2),
        ("../other.env", "lies outside of", 2),
        ("fifo.env", "is no regular file", 2),
        ("missing.env", "there is no file", 1),
    ):
        done = typed("import", name, "--yes")
        assert (done.code, words in done.err) == (code, True), (name, done)
    big = typed("import", "big.env", "--yes")
    assert big.code == 1
    assert "30000 bytes are too many" in big.out.decode()
    listed = typed("keyvault", "secret", "list", "--vault-name", "my-app-vault", "-o", "tsv")
    assert listed.out == b""


PASSWORD = "hT7-" + "kq2-Vn41"


def test_local_settings_of_functions(typed):
    path = typed.project / "local.settings.json"
    text = (
        '{\r\n  "IsEncrypted": false, // always\r\n  "Values": {\r\n'
        '    "FUNCTIONS_WORKER_RUNTIME": "python",\r\n    "Smtp__Password": "PW",\r\n'
        '    "ConnectionStrings:Db": "Server=.;Password=PW",\r\n  }\r\n}'
    ).replace("PW", PASSWORD)
    path.write_bytes(text.encode())
    done = typed("import", "local.settings.json", "--yes")
    assert done.code == 0, done.err
    one = f"Server=.;Password={PASSWORD}"
    expected = text.replace(f'"{one}"', f'"{reference("ConnectionStrings--Db")}"')
    expected = expected.replace(f'"{PASSWORD}"', f'"{reference("Smtp--Password")}"')
    assert path.read_bytes() == expected.encode()
    assert typed("import", "local.settings.json", "--yes").err == "nothing to import\n"
    assert typed("import", "--undo", "local.settings.json").code == 0
    assert path.read_bytes() == text.encode()


def test_appsettings_and_compose_in_one_plan(typed):
    app, compose = typed.project / "appsettings.Development.json", typed.project / "compose.yaml"
    app.write_text('{"Smtp": {"Host": "h.example.net", "Password": "' + PASSWORD + '"}}')
    text = (
        "services:\n  web:\n    environment:\n      DB_PASSWORD: PW # why\n      HOST: db\n"
        "      LOOKED_UP_TOKEN: ${TOKEN}\n      MIXED_PASSWORD: PW-${TOKEN}\n"
        "  worker:\n    environment:\n      - DB_PASSWORD=PW\n      - API_TOKEN=a$$b-1234\n"
    ).replace("PW", PASSWORD)
    compose.write_text(text)
    done = typed("import", app.name, compose.name, "--yes")
    assert done.code == 1, done.err  # one is composed with a variable
    table = done.out.decode()
    assert table.split("\n")[0].split() == ["File", "Key", "Verdict", "Why", "SecretName"]
    assert app.read_text() == (
        '{"Smtp": {"Host": "h.example.net", "Password": "' + reference("Smtp--Password") + '"}}'
    )
    db = reference("DB-PASSWORD")
    expected = text.replace(f"DB_PASSWORD: {PASSWORD}", f"DB_PASSWORD: '{db}'")
    expected = expected.replace(f"DB_PASSWORD={PASSWORD}", f"DB_PASSWORD={db}")
    expected = expected.replace("API_TOKEN=a$$b-1234", f"API_TOKEN={reference('API-TOKEN')}")
    assert compose.read_text() == expected
    assert "MIXED_PASSWORD" in table
    assert "compose hands a reference" in done.err
    shown = typed("resolve", reference("API-TOKEN"))
    assert shown.out == b"a$b-1234"
    undone = typed("import", "--undo", compose.name, app.name)
    assert undone.code == 0, undone.err
    assert compose.read_text() == text


def test_toml_tells_what_it_cannot_rewrite(typed):
    path = typed.project / "settings.toml"
    path.write_text(f'[db]\npassword = "{PASSWORD}"\nmore = {{ token = "{PASSWORD}" }}\n')
    done = typed("import", path.name, "--yes")
    assert done.code == 1
    assert "a text in a list or an inline table is not rewritten" in done.out.decode()
    assert path.read_text() == (
        f'[db]\npassword = "{reference("db--password")}"\nmore = {{ token = "{PASSWORD}" }}\n'
    )


class Edited:
    """An answer that is typed after somebody else wrote to the file."""

    def __init__(self, path, text):
        self.path, self.text = path, text

    def encode(self):
        self.path.write_text(self.text)
        return b"y\n"


def test_a_file_that_changes_between_plan_and_write_stays(typed):
    path = typed.project / ".env"
    path.write_text("DB_PASSWORD=hunter22\n")
    edited = "DB_PASSWORD=hunter22\nNEW=1\n"
    answers = [("rewrite .env?", Edited(path, edited))]
    code, shown = talk(typed.root, typed.environment, ["import", ".env"], answers)
    assert code == 1
    assert ".env was changed in the meantime, and stays as it is" in shown
    assert path.read_text() == edited
    assert [one.name for one in typed.project.glob(".*partial")] == []
    # Nothing is lost: the value is there, the next import uses it again.
    assert "no import" in typed("import", "--undo", ".env").err
    done = typed("import", ".env", "--yes")
    assert "holds these values already" in done.err
    assert path.read_text().endswith("\nNEW=1\n")


def test_a_full_disk_leaves_the_file_as_it_was(typed):
    path = typed.project / ".env"
    path.write_bytes(FILE)
    done = typed("import", ".env", "--yes", before="ulimit -f 0; ")
    assert done.code == 2
    assert "cannot write" in done.err
    assert path.read_bytes() == FILE
    assert [one.name for one in typed.project.glob(".*partial")] == []
    assert typed("import", ".env", "--yes").code == 0
    assert typed("import", "--undo", ".env").code == 0
    assert path.read_bytes() == FILE


def test_a_value_that_is_also_a_common_word(typed):
    path = typed.project / ".env"
    path.write_text("DB_PASSWORD=production\nAPP_ENV=production\n# production\n")
    assert typed("import", ".env", "--yes").code == 0
    text = path.read_text()
    assert text == f"DB_PASSWORD='{reference('DB_PASSWORD')}'\nAPP_ENV=production\n# production\n"
    found = typed.settings()
    assert (found["DB_PASSWORD"], found["APP_ENV"]) == ("production", "production")


def test_the_trail_tells_and_shows_nothing(typed):
    (typed.project / ".env").write_bytes(FILE)
    typed("import", ".env", "--yes")
    typed("import", "--undo", ".env")
    found = typed("audit", "list", "-o", "json")
    names = found.out.decode()
    assert all(word in names for word in ("FileStash", "FileUnstash", "FileStashDelete"))
    assert shows_no_value(found)


ODD_FILES = {
    "appsettings.json": (test_json.ODD, {"ConnectionStrings:Db": 'Server=.;A="x"'}, "Token"),
    "compose.yaml": (
        test_yaml.ODD,
        {"SHARED_TOKEN": "it's one", "CERT": "line one\n  line two\n", "URL": None},
        "PLAIN",
    ),
    "settings.toml": (
        test_toml.ODD,
        {"cert": 'line "one"\n  two three"', "server:main:token": "one"},
        "title",
    ),
}


@pytest.mark.parametrize("name", sorted(ODD_FILES))
def test_every_oddity_of_a_format_is_imported_and_brought_back(typed, name):
    odd, secrets, plain = ODD_FILES[name]
    path = typed.project / name
    path.write_bytes(odd)
    flags = [word for key in secrets for word in ("--secret", key)]
    done = typed("import", name, "--yes", *flags, "--plain", plain)
    assert done.code in (0, 1), done.err  # 1: some of it looks secret and cannot be moved
    changed = path.read_bytes()
    assert changed.count(b"@Microsoft.KeyVault(") >= len(secrets)
    # What is before and behind each reference is what was there.
    kept = re.split(rb"""["']?@Microsoft\.KeyVault\([^)]*\)["']?""", changed)
    at = 0
    for piece in kept:
        found = odd.find(piece, at)
        assert found >= 0, piece
        at = found + len(piece)
    assert odd.startswith(kept[0])
    assert odd.endswith(kept[-1])
    for key, value in secrets.items():
        if value is not None:
            part = "#web" if name == "compose.yaml" else ""
            shown = typed("resolve", key, "--settings", name + part)
            assert shown.out.decode() == value, (key, shown.err)
    again = typed("import", name, "--yes", *flags, "--plain", plain)
    assert path.read_bytes() == changed, again.err
    assert typed("import", "--undo", name).code == 0
    assert path.read_bytes() == odd


def test_a_second_file_that_cannot_be_written_leaves_the_first_whole(typed):
    first, second = typed.project / ".env", typed.project / "b" / ".env"
    second.parent.mkdir()
    first.write_text("DB_PASSWORD=hunter22\n")
    second.write_text("B_PASSWORD=" + "hunter33" * 400 + "\nREST=" + "x" * 4000 + "\n")
    before = second.read_bytes()
    done = typed("import", ".env", "b/.env", "--yes", before="ulimit -f 1; ")
    assert done.code == 2
    assert "cannot write" in done.err
    assert reference("DB_PASSWORD") in first.read_text()
    assert second.read_bytes() == before
    assert [one.name for one in second.parent.iterdir()] == [".env"]
    assert typed("import", "b/.env", "--yes").code == 0
    assert typed("import", "--undo", "b/.env").code == 0
    assert second.read_bytes() == before


@pytest.mark.skipif(os.getuid() != 0, reason="a disk of its own takes root")
@pytest.mark.parametrize("whose", ["the project's", "the home's"])
def test_a_disk_that_is_full(typed, whose):
    disk = typed.project if whose == "the project's" else typed.root / "home"
    if disk.name == "home":
        typed.stop()
        kept = typed.root / "kept"
        disk.rename(kept)
        disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "dv-test", disk], capture_output=True
    ).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        if disk.name == "home":
            subprocess.run(["cp", "-a", f"{kept}/.", disk], check=True)
        path = typed.project / ".env"
        path.write_bytes(FILE)
        assert typed("daemon", "start").code == 0
        with (disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(bytes(4096))
        done = typed("import", ".env", "--yes")
        assert done.code == 2, done
        assert "Traceback" not in done.err
        assert "error: " in done.err
        assert shows_no_value(done)
        assert path.read_bytes() == FILE
        assert [one.name for one in typed.project.glob(".*partial")] == []
        (disk / "ballast").unlink()
        for _ in range(20):  # the daemon writes what it could not, and takes changes again
            done = typed("import", ".env", "--yes")
            if done.code == 0:
                break
        assert done.code == 0, done.err
        assert {**PLAIN, **SECRETS}.items() <= typed.settings().items()
    finally:
        typed.stop()
        subprocess.run(["umount", "-l", disk], check=True)
