import inspect
import io
import os
import subprocess
import sys
import threading

import dotenv
import pytest

from devvault import load_dotenv
from devvault.adapters.dotenv import dotenv_values, find_dotenv
from devvault.errors import NotFound, PlaintextSecret, Unresolved
from tests.waiting import LIMIT

NAMES = ("DB", "URL", "PORT", "TOKEN", "SMTP", "EMPTY")


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    for name in NAMES:
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)


@pytest.mark.parametrize("ours", [load_dotenv, dotenv_values, find_dotenv])
def test_the_signature_is_that_of_python_dotenv(ours):
    def shape(function):
        found = inspect.signature(function).parameters.values()
        return [(one.name, one.default, one.kind) for one in found]

    assert shape(ours) == shape(getattr(dotenv, ours.__name__))


def test_references_are_resolved(project):
    path = project.write(f"DB={project.ref('db')}\nURL=x:${{DB}}@h\nPORT=1\nEMPTY\n")
    assert load_dotenv(path)
    assert [os.environ.get(name) for name in NAMES[:3]] == [
        "tide-7-harbour",
        "x:tide-7-harbour@h",
        "1",
    ]
    assert "EMPTY" not in os.environ
    assert dotenv_values(path) == {
        "DB": "tide-7-harbour",
        "URL": "x:tide-7-harbour@h",
        "PORT": "1",
        "EMPTY": None,
    }
    raw = dotenv_values(path, interpolate=False)
    assert (raw["DB"], raw["URL"]) == ("tide-7-harbour", "x:${DB}@h")


def test_a_value_from_a_vault_is_not_interpolated(project):
    path = project.write(f"SMTP={project.ref('smtp')}\n")
    assert dotenv_values(path) == {"SMTP": "summer rain ${HOME}"}


def test_what_is_set_stays_and_is_not_looked_up(project, monkeypatch):
    path = project.write(f"DB={project.ref('db')}\nURL={project.ref('nope')}\n")
    monkeypatch.setenv("DB", "mine")
    monkeypatch.setenv("URL", "mine too")
    before = project.reads()
    assert load_dotenv(path)
    assert (os.environ["DB"], os.environ["URL"]) == ("mine", "mine too")
    assert project.reads() == before
    with pytest.raises(Unresolved):
        load_dotenv(path, override=True)
    assert os.environ["DB"] == "mine"
    project.write(f"DB={project.ref('db')}\n")
    load_dotenv(path, override=True)
    assert os.environ["DB"] == "tide-7-harbour"


def test_a_stream_resolves_as_the_project_at_hand(project):
    text = f"DB={project.ref('db')}\n"
    assert dotenv_values(stream=io.StringIO(text)) == {"DB": "tide-7-harbour"}


def test_a_file_resolves_as_the_project_around_it(project, tmp_path, monkeypatch):
    path = project.write(f"DB={project.ref('db')}\n", "conf/.env")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert dotenv_values(path) == {"DB": "tide-7-harbour"}
    stranger = elsewhere / ".env"
    stranger.write_text(path.read_text())
    monkeypatch.chdir(project.folder)
    with pytest.raises(Unresolved, match="AccessToKeyVaultDenied"):
        dotenv_values(stranger)


def test_without_a_repository_a_file_below_belongs_to_the_project(project):
    (project.folder / ".git").rmdir()
    project.write(f'vault = "{project.vault}"\n', "devvault.toml")
    path = project.write(f"DB={project.ref('db')}\n", "conf/.env")
    assert dotenv_values(path) == {"DB": "tide-7-harbour"}


def test_the_last_of_two_counts(project):
    path = project.write(f"DB={project.ref('nope')}\nURL=a${{PORT:-b}}\nDB={project.ref('db')}\n")
    assert dotenv_values(path) == {"DB": "tide-7-harbour", "URL": "ab"}


def test_a_secret_at_rest_is_refused_and_nothing_is_set(project):
    path = project.write("PORT=1\nTOKEN=sk_live_51Kq0Vd9TrWmXeZbPuNsHaLcYf\n")
    with pytest.raises(PlaintextSecret) as caught:
        load_dotenv(path)
    assert caught.value.hint == f"devvault import {path}"
    assert "sk_live" not in str(caught.value)
    assert "PORT" not in os.environ
    os.environ["TOKEN"] = "set by hand"
    assert load_dotenv(path)
    assert os.environ["PORT"] == "1"
    project.write('plain = ["TOKEN"]\n', "devvault.toml")
    del os.environ["TOKEN"]
    assert load_dotenv(path)
    assert os.environ["TOKEN"].startswith("sk_live")


def test_what_does_not_rest_in_a_file_is_not_judged(project):
    text = "TOKEN=sk_live_51Kq0Vd9TrWmXeZbPuNsHaLcYf\n"
    assert dotenv_values(stream=io.StringIO(text))["TOKEN"].startswith("sk_live")
    fifo = project.folder / "fifo"
    os.mkfifo(fifo, 0o600)
    writer = threading.Thread(target=fifo.write_text, args=(text,))
    writer.start()
    assert dotenv_values(fifo)["TOKEN"].startswith("sk_live")
    writer.join(LIMIT)


def test_without_a_reference_nothing_of_ours_is_needed(clean, monkeypatch):
    (clean / "devvault.toml").write_text("this is no TOML")
    path = clean / ".env"
    path.write_text("PORT=1\n")
    assert dotenv_values(path) == {"PORT": "1"}
    assert not os.path.exists(os.environ["DEVVAULT_HOME"])


def test_without_a_home_a_reference_says_so(clean):
    path = clean / ".env"
    path.write_text("DB=@Microsoft.KeyVault(VaultName=a-vault;SecretName=db)\n")
    with pytest.raises(NotFound) as caught:
        load_dotenv(path)
    assert caught.value.code == "NoHome"


def test_it_can_be_switched_off(project, monkeypatch):
    path = project.write(f"DB={project.ref('db')}\n")
    monkeypatch.setenv("PYTHON_DOTENV_DISABLED", "true")
    assert load_dotenv(path) is False
    assert "DB" not in os.environ


def test_the_search_begins_at_the_callers_file(project, tmp_path):
    project.write(f"DB={project.ref('db')}\n")
    program = project.write(
        "import os\nfrom devvault import load_dotenv\nprint(load_dotenv(), os.environ['DB'])\n",
        "app/deep/program.py",
    )
    for extra in ([], ["-O"]):
        done = subprocess.run(
            [sys.executable, *extra, str(program)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        assert done.stdout == "True tide-7-harbour\n", done.stderr
