from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devvault.errors import DevvaultError, Invalid, Locked
from devvault.model.attributes import Change
from devvault.server.reply import Reply
from devvault.vault import secrets
from tests.daemon.running import env_file, reference, run_body


def post(plane, *fields: bytes, folder: str = "/app") -> list[bytes]:
    found = plane.raw("POST", "/local/run", run_body(folder, fields))
    assert isinstance(found, Reply)
    assert found.headers["content-type"] == "application/octet-stream"
    parts = found.body.split(b"\0")
    assert parts[-2:] == [b".", b""]
    return parts[:-2]


def tagged(fields: list[bytes], tag: bytes) -> list[str]:
    return [field[1:].decode() for field in fields if field[:1] == tag]


@pytest.fixture
def stocked(plane):
    plane.set("my-vault", "db", "value-1")
    return plane


DB = reference("my-vault", "db")


def test_values_from_environment_and_file(stocked):
    found = post(
        stocked,
        b"EENV=" + DB.encode() + b"\0",
        b"NPATH\0",
        env_file("/app/.env", f"DB={DB}\nPORT=80\nPATH=/evil\n".encode()),
    )
    assert sorted(tagged(found, b"S")) == ["DB=value-1", "ENV=value-1", "PORT=80"]
    assert tagged(found, b"M") == ["DB", "ENV"]
    assert tagged(found, b"X") == []


def test_every_failure_at_once_with_its_hint(stocked):
    text = f"A={reference('my-vault', 'nope')}\nB={reference('other-kv', 'x')}\nC={DB}\n"
    found = post(stocked, env_file("/app/.env", text.encode()))
    assert tagged(found, b"S") == []
    assert tagged(found, b"X") == ["78"]
    lines = tagged(found, b"W")
    assert lines[0].startswith("devvault: error: A: SecretNotFound: ")
    assert lines[1].startswith("devvault: error: B: VaultNotFound: ")
    assert "devvault: hint: devvault keyvault create --name other-kv" in lines
    assert "value-1" not in repr(found)


def test_a_cloned_folder_is_denied_with_the_hint(stocked):
    found = post(stocked, env_file("/c/.env", f"DB={DB}\n".encode()), folder="/cloned")
    assert tagged(found, b"X") == ["78"]
    assert "AccessToKeyVaultDenied" in tagged(found, b"W")[0]
    assert tagged(found, b"W")[1] == "devvault: hint: devvault allow my-vault"


def test_a_secret_in_clear_is_refused(stocked):
    found = post(stocked, env_file("/app/.env", b"DB_PASSWORD=kT9#vQ2mZx7pLw4R\n"))
    assert tagged(found, b"X") == ["78"]
    words = tagged(found, b"W")
    assert words[0].startswith("devvault: error: DB_PASSWORD: .env line 1 holds a secret")
    assert words[1] == "devvault: hint: devvault import .env"
    assert "kT9" not in repr(found)
    stocked.config = replace(stocked.config, plaintext="allow")
    assert post(stocked, env_file("/app/.env", b"DB_PASSWORD=kT9#vQ2mZx7pLw4R\n"))[0][:1] == b"S"


def test_on_unresolved_by_flag_and_by_configuration(stocked):
    file = env_file("/app/.env", f"A={reference('my-vault', 'nope')}\n".encode())
    assert tagged(post(stocked, b"Uempty\0", file), b"S") == ["A="]
    stocked.config = replace(stocked.config, on_unresolved="literal")
    found = post(stocked, file)
    assert tagged(found, b"S") == [f"A={reference('my-vault', 'nope')}"]
    assert tagged(found, b"W")[0].startswith("devvault: note: A: SecretNotFound")


def test_the_projects_files_are_asked_for(stocked):
    project = env_file("/app/devvault.toml", b"env-files = ['a.env', 'b.env']\n", b"J")
    first = post(stocked, project, env_file("/app/.env", b"X=1\n"))
    assert tagged(first, b"Q") == ["/app/a.env", "/app/b.env"]
    assert tagged(first, b"S") == []
    second = post(stocked, b"A1\0", project, env_file("/app/a.env", b"X=2\n"))
    assert tagged(second, b"S") == ["X=2"]
    named = post(stocked, b"G1\0", project, env_file("mine.env", b"X=3\n"))
    assert tagged(named, b"S") == ["X=3"]


def test_the_nearest_file_is_the_projects_own(stocked):
    project = env_file("/app/devvault.toml", b"env-files = ['.env']\n", b"J")
    assert tagged(post(stocked, project, env_file("/app/.env", b"X=1\n")), b"S") == ["X=1"]


def test_a_project_says_what_is_plain_and_which_vault_stands_in(stocked):
    project = env_file(
        "/app/devvault.toml", b"plain = ['DB_PASSWORD']\n[vaults]\nprod-kv = 'my-vault'\n", b"J"
    )
    text = f"DB_PASSWORD=kT9#vQ2mZx7pLw4R\nDB={reference('prod-kv', 'db')}\n"
    found = post(stocked, project, env_file("/app/.env", text.encode()))
    assert sorted(tagged(found, b"S")) == ["DB=value-1", "DB_PASSWORD=kT9#vQ2mZx7pLw4R"]


def test_an_environment_of_the_project(stocked):
    project = env_file(
        "/app/devvault.toml", b"env-files = ['a']\n[environments.ci]\nenv-files = ['b']\n", b"J"
    )
    assert tagged(post(stocked, b"Oenvironment=ci\0", project), b"Q") == ["/app/b"]
    assert tagged(post(stocked, b"Oenvironment=no\0", project), b"X") == ["2"]


def test_a_bad_project_file_ends_it_with_a_sentence(stocked):
    found = post(stocked, env_file("/app/devvault.toml", b"reveal = 'always'\n", b"J"))
    assert tagged(found, b"X") == ["2"]
    assert "is not a project's to say" in tagged(found, b"W")[0]


def test_names_that_a_file_needs_are_asked_for(stocked):
    file = env_file("/app/.env", b"A=${HOME}/x\n")
    assert tagged(post(stocked, b"NHOME\0", file), b"K") == ["HOME"]
    assert tagged(post(stocked, b"EHOME=/h\0", file), b"S") == ["A=/h/x"]


def test_a_passphrase_is_taken_from_the_child(stocked):
    found = post(stocked, b"NDEVVAULT_PASSPHRASE\0", b"NDEVVAULT_PASSPHRASE_FILE\0")
    assert tagged(found, b"D") == ["DEVVAULT_PASSPHRASE", "DEVVAULT_PASSPHRASE_FILE"]


def test_a_value_keeps_every_byte(stocked):
    stocked.set("my-vault", "odd", "a=b\nc\td\u00e9\U0001f511")
    found = post(stocked, b"EX=" + reference("my-vault", "odd").encode() + b"\0")
    assert tagged(found, b"S") == ["X=a=b\nc\td\u00e9\U0001f511"]


def test_bytes_of_the_environment_that_are_no_text_come_back(stocked):
    file = env_file("/app/.env", b"A=${RAW}\n")
    found = post(stocked, b"ERAW=\xff\xfe\0", file)
    assert [field for field in found if field[:1] == b"S"] == [b"SA=\xff\xfe"]


def test_a_file_that_is_no_text_ends_it_with_a_sentence(stocked):
    found = post(stocked, env_file("/app/.env", b"A=\0"))
    assert tagged(found, b"X") == ["2"]
    assert tagged(found, b"W")[0] == "devvault: error: .env: line 1 holds a NUL byte"


def test_no_line_can_steer_a_terminal(stocked):
    found = post(stocked, env_file("/app/\x1b[2J.env", b"A=\0"))
    assert not any(b"\x1b" in field for field in found)


def test_a_locked_home_is_an_error_only_where_it_is_needed(stocked):
    stocked.post("/local/lock")
    assert tagged(post(stocked, env_file("/app/.env", b"A=1\n")), b"S") == ["A=1"]
    with pytest.raises(Locked):
        post(stocked, env_file("/app/.env", f"A={DB}\n".encode()))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"P1",
        b"P1\0",
        b"P2\0R/app\0",
        b"P1\0Rrelative\0EA=@Microsoft.KeyVault(\0",
        b"P1\0R/app\0?x\0",
        b"P1\0R/app\0Vdance\0",
        b"P1\0R/app\0Unever\0",
        b"P1\0R/app\0Enovalue\0",
        b"P1\0R/app\0F/x\0005\0ab",
        b"P1\0R/app\0F/x\0-1\0ab",
        b"P1\0R/app\0F/x\0" + b"9" * 30 + b"\0ab",
        b"P1\0R/app\0F/x\0" + b"1048577\0" + b"a" * 1048577,
    ],
)
def test_malformed_requests_are_refused(stocked, body):
    with pytest.raises(Invalid):
        stocked.raw("POST", "/local/run", body)


def test_another_protocol_is_refused_with_what_to_do(stocked):
    with pytest.raises(Invalid) as caught:
        stocked.raw("POST", "/local/run", b"P9\0R/app\0")
    assert caught.value.hint == "devvault daemon stop"


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_any_bytes_are_answered_or_refused(stocked, body):
    try:
        found = stocked.raw("POST", "/local/run", b"P1\0R/app\0" + body)
    except DevvaultError:
        return
    assert isinstance(found, Reply)
    assert found.body.endswith(b".\0")


def expiring(plane, name, days):
    change = Change(exp=plane.keeper.clock.now() + timedelta(days=days))
    gate, me = plane.plane.gate(), plane.plane.developer()
    secrets.set_secret(gate, me, "my-vault", name, f"value of {name}", change=change)


def test_somebody_on_a_terminal_is_reminded_once_a_day(stocked):
    expiring(stocked, "soon", 5)
    expiring(stocked, "later", 50)
    text = f"A={reference('my-vault', 'soon')}\nB={reference('my-vault', 'later')}\nDB={DB}\n"
    file = env_file("/app/.env", text.encode())
    said = [
        "devvault: note: A: the secret my-vault/soon expires in 5 days",
        "devvault: hint: devvault status",
    ]
    assert tagged(post(stocked, file), b"W") == []
    assert tagged(post(stocked, b"Oterminal\0", b"Venv\0", file), b"W") == []
    assert tagged(post(stocked, b"Oterminal\0", file), b"W") == said
    assert tagged(post(stocked, b"Oterminal\0", file), b"W") == []
    stocked.keeper.clock.set(stocked.keeper.clock.now() + timedelta(days=1))
    assert tagged(post(stocked, b"Oterminal\0", file), b"W")[0].endswith("in 4 days")
    stocked.plane.reminded.clear()
    broken = env_file("/app/x.env", f"X={reference('my-vault', 'nope')}\n".encode())
    assert "expires" not in repr(post(stocked, b"Oterminal\0", file, broken))


def test_nothing_that_expires_is_nothing_to_say(stocked):
    file = env_file("/app/.env", f"DB={DB}\n".encode())
    assert tagged(post(stocked, b"Oterminal\0", file), b"W") == []
    assert stocked.plane.reminded == {}


def test_a_dry_run_gives_rows_and_no_value(stocked):
    expiring(stocked, "soon", 5)
    text = f"A={reference('my-vault', 'soon')}\nDB={DB}\nPORT=1\nURL=x${{DB}}\n"
    found = post(stocked, b"Odry-run\0", env_file("/app/.env", text.encode()))
    rows = [line.split("\t") for line in tagged(found, b"T")]
    assert [(row[0], row[1], row[2], row[4]) for row in rows] == [
        ("A", ".env", "my-vault/soon", "in 5 days"),
        ("DB", ".env", "my-vault/db", ""),
        ("PORT", ".env", "plain", ""),
        ("URL", ".env", "made of secrets", ""),
    ]
    assert all(len(row[3]) == 32 for row in rows[:2])
    assert tagged(found, b"X") == ["0"]
    assert tagged(found, b"S") == tagged(found, b"M") == []
    assert "value" not in repr(found)


def test_a_dry_run_tells_failures_beside_what_works(stocked):
    text = f"A={reference('my-vault', 'nope')}\nDB={DB}\n"
    found = post(stocked, b"Odry-run\0", env_file("/app/.env", text.encode()))
    assert [line.split("\t")[0] for line in tagged(found, b"T")] == ["DB"]
    assert tagged(found, b"W")[0].startswith("devvault: error: A: SecretNotFound: ")
    assert tagged(found, b"X") == ["78"]
