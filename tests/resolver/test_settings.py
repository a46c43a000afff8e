import copy
import json
import multiprocessing
import os
import pickle
import signal
import threading
import traceback

import pytest

import devvault
from devvault import SecretValue, load_settings, resolve
from devvault.errors import NotFound, PlaintextSecret, Unresolved, WrongUse
from tests.waiting import LIMIT

PROJECT = """
vault = "{0}"
env-files = ["conf/a.env", "conf/gone.env", "conf/b.env"]
[vaults]
kv-prod = "{0}"
[environments.ci]
env-files = ["conf/ci.env"]
"""


def test_a_reference_resolves(project):
    assert resolve(project.ref("db")) == "tide-7-harbour"
    assert (
        resolve(
            f"@Microsoft.KeyVault(SecretUri=https://{project.vault}.vault.azure.net/secrets/DB/)"
        )
        == "tide-7-harbour"
    )


def test_what_is_no_reference_is_given_back(clean):
    assert resolve("postgres://db.local/app") == "postgres://db.local/app"
    assert resolve("") == ""


def test_every_failure_of_a_reference_has_its_status_and_hint(project):
    for text, status in (
        (project.ref("nope"), "SecretNotFound"),
        ("@Microsoft.KeyVault(VaultName=no-such-vault;SecretName=a)", "VaultNotFound"),
        ("@Microsoft.KeyVault(VaultName=a", "InvalidSyntax"),
    ):
        with pytest.raises(Unresolved) as caught:
            resolve(text)
        assert [one[1] for one in caught.value.failures] == [status]
        assert caught.value.hint
        assert any("hint: devvault" in note for note in caught.value.__notes__)


def test_a_folder_that_was_not_given_the_vault_gets_nothing(project, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(Unresolved, match="AccessToKeyVaultDenied") as caught:
        resolve(project.ref("db"), folder=other)
    assert caught.value.hint == f"devvault allow {project.vault}"


def test_settings_are_the_environment_then_the_file(project, monkeypatch):
    monkeypatch.setenv("PORT", "9090")
    monkeypatch.setenv("FROM_ENVIRONMENT", project.ref("smtp"))
    project.write(f"PORT=8080\nLEVEL=debug\nDB={project.ref('db')}\nURL=x://u:${{DB}}@h/\n")
    settings = load_settings()
    assert settings["PORT"] == "9090"
    assert settings["LEVEL"] == "debug"
    assert settings["DB"] == "tide-7-harbour"
    assert settings["FROM_ENVIRONMENT"] == "summer rain ${HOME}"
    assert settings["URL"] == "x://u:tide-7-harbour@h/"
    assert settings.get("NOPE") is None
    assert settings.get("NOPE", "d") == "d"
    assert "DB" in settings
    assert "NOPE" not in settings
    assert len(settings) == len(list(settings)) == len(dict(settings))
    assert set(settings) >= {"PATH", "DB"}
    assert settings.secrets == {"DB", "FROM_ENVIRONMENT", "URL"}
    assert settings.secret("DB") == SecretValue("tide-7-harbour")
    assert settings.secret("PORT").reveal() == "9090"
    with pytest.raises(KeyError):
        settings["NOPE"]
    with pytest.raises(KeyError):
        settings.secret("NOPE")


def test_settings_cannot_be_changed(project):
    settings = load_settings()
    with pytest.raises(TypeError):
        settings["A"] = "b"
    with pytest.raises(TypeError):
        del settings["PATH"]
    with pytest.raises(AttributeError):
        settings.more = 1


def test_settings_show_no_value(project):
    project.write(f"DB={project.ref('db')}\n")
    settings = load_settings()
    for shown in (
        repr(settings),
        str(settings),
        f"{settings}",
        repr(settings.items()),
        repr(settings.secret("DB")),
    ):
        assert "tide-7" not in shown
    assert "DB" in repr(settings)
    assert copy.copy(settings) is settings
    assert copy.deepcopy({"a": settings})["a"] is settings
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(settings)
    with pytest.raises(TypeError):
        json.dumps(settings)


def test_one_round_trip_for_any_number(project, monkeypatch):
    asked = []
    real = devvault.resolver.local.Connection.request

    def counting(self, *args, **more):
        asked.append(args[2])
        return real(self, *args, **more)

    monkeypatch.setattr("devvault.resolver.local.Connection.request", counting)
    project.write("".join(f"A{number}={project.ref('db')}\n" for number in range(100)))
    before = project.reads()
    settings = load_settings()
    assert {settings[f"A{number}"] for number in range(100)} == {"tide-7-harbour"}
    assert asked == ["/local/resolve"]
    assert project.reads() == before + 1


def test_all_failures_at_once(project):
    project.write(
        f"A={project.ref('nope')}\nB=@Microsoft.KeyVault(x)\nOK={project.ref('db')}\n"
        f"N={project.ref('nul')}\nTOKEN=sk_live_51Kq0Vd9TrWmXeZbPuNsHaLcYf\n"
    )
    with pytest.raises(Unresolved) as caught:
        load_settings()
    found = {setting: status for setting, status, _, _ in caught.value.failures}
    assert found == {
        "A": "SecretNotFound",
        "B": "InvalidSyntax",
        "N": "OtherReasons",
        "TOKEN": "PlaintextSecret",
    }
    for word in ("A: SecretNotFound", "B: InvalidSyntax", "TOKEN: PlaintextSecret"):
        assert word in str(caught.value)
    assert "sk_live" not in str(caught.value)


def test_a_plaintext_secret_is_refused(project):
    project.write("PORT=1\nSMTP_PASSWORD='summer-rain-91'\n")
    with pytest.raises(
        PlaintextSecret, match=r"SMTP_PASSWORD: \.env line 2 holds a secret"
    ) as caught:
        load_settings()
    assert caught.value.hint == "devvault import .env"
    assert "summer-rain" not in str(caught.value)
    project.write("SMTP_PASSWORD='summer-rain-91'  # devvault: allow the test server's\n")
    assert load_settings()["SMTP_PASSWORD"] == "summer-rain-91"
    project.write("SMTP_PASSWORD='summer-rain-91'\n")
    project.write('plain = ["SMTP_PASSWORD"]\n', "devvault.toml")
    assert load_settings()["SMTP_PASSWORD"] == "summer-rain-91"


def test_no_frame_of_an_error_holds_a_value(project):
    project.write(f"DB={project.ref('db')}\nA={project.ref('nope')}\n")
    with pytest.raises(Unresolved) as caught:
        load_settings()
    whole = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = "".join(whole.format())
    assert "tide-7" not in shown
    assert "hint: devvault" in shown
    assert caught.value.__context__ is None


def test_the_project_file_has_its_say(project, monkeypatch):
    project.write(PROJECT.format(project.vault), "devvault.toml")
    project.write("A=1\nDB=@Microsoft.KeyVault(VaultName=kv-prod;SecretName=db)\n", "conf/a.env")
    project.write("A=2\n", "conf/b.env")
    project.write("A=ci\n", "conf/ci.env")
    settings = load_settings()
    assert (settings["A"], settings["DB"]) == ("2", "tide-7-harbour")
    assert resolve("@Microsoft.KeyVault(VaultName=kv-prod;SecretName=db)") == "tide-7-harbour"
    monkeypatch.setenv("DEVVAULT_ENVIRONMENT", "ci")
    settings = load_settings()
    assert settings["A"] == "ci"
    assert "DB" not in settings
    monkeypatch.setenv("DEVVAULT_ENVIRONMENT", "nope")
    with pytest.raises(WrongUse):
        load_settings()


def test_settings_files_of_the_project_count_below_env_files(project):
    project.write('settings-files = ["appsettings.json"]\n', "devvault.toml")
    project.write(
        f'{{"MODE": "json", "Smtp": {{"Password": "{project.ref("db")}"}}}}', "appsettings.json"
    )
    project.write("MODE=env\n")
    settings = load_settings()
    assert (settings["MODE"], settings["Smtp__Password"]) == ("env", "tide-7-harbour")
    project.write('settings-files = ["compose.yaml"]\n', "devvault.toml")
    project.write("a: {}\n", "compose.yaml")
    with pytest.raises(WrongUse):
        load_settings()


def test_a_missing_file_is_told_in_the_log(project, caplog):
    project.write('env-files = ["gone.env"]\n', "devvault.toml")
    load_settings()
    assert [one.name for one in caplog.records] == ["devvault"]
    assert "gone.env" in caplog.text


def test_no_home_is_needed_where_the_environment_has_every_key(clean, monkeypatch):
    (clean / ".env").write_text("DB=@Microsoft.KeyVault(VaultName=a-vault;SecretName=db)\nB=2\n")
    monkeypatch.setenv("DB", "given")
    settings = load_settings()
    assert (settings["DB"], settings["B"]) == ("given", "2")
    monkeypatch.delenv("DB")
    with pytest.raises(NotFound) as caught:
        load_settings()
    assert caught.value.code == "NoHome"
    assert caught.value.hint == "devvault init"
    assert not os.path.exists(os.environ["DEVVAULT_HOME"])


def test_the_passphrase_is_no_setting(clean, monkeypatch):
    monkeypatch.setenv("DEVVAULT_PASSPHRASE", "open sesame")
    settings = load_settings()
    assert not any(name.startswith("DEVVAULT_PASSPHRASE") for name in settings)


def test_threads_share_nothing(project):
    project.write(f"DB={project.ref('db')}\nSMTP={project.ref('smtp')}\n")
    found = []

    def work():
        for _ in range(5):
            pair = load_settings()["DB"], resolve(project.ref("smtp"))
            found.append(pair)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert found == [("tide-7-harbour", "summer rain ${HOME}")] * 40


def test_forked_workers_ask_for_themselves(project):
    assert resolve(project.ref("db")) == "tide-7-harbour"
    reading, writing = os.pipe()
    workers = []
    for _ in range(4):
        pid = os.fork()
        if not pid:
            code = 1
            try:
                signal.alarm(int(LIMIT))
                code = 0 if resolve(project.ref("db")) == "tide-7-harbour" else 2
                os.write(writing, b".")
            finally:
                os._exit(code)
        workers.append(pid)
    os.close(writing)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in workers] == [0] * 4
    assert os.read(reading, 16) == b"...."
    os.close(reading)


def spawned(text):
    return resolve(text)


def test_spawned_workers_too(project):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(spawned, [project.ref("db")] * 4) == ["tide-7-harbour"] * 4
