"""What every adapter keeps to: little to load, few lines, every failure told, no value in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import devvault
from devvault.adapters import django, flask, functions
from devvault.adapters.dynaconf import Dynaconf
from devvault.adapters.environs import Env
from devvault.adapters.pydantic import AzureKeyVaultSettingsSource, BaseSettings
from devvault.adapters.starlette import Config
from devvault.errors import PlaintextSecret, Unresolved
from devvault.resolver.nested import resolve_tree
from tests.waiting import LIMIT

FOLDER = Path(devvault.__file__).parent / "adapters"
# Adapter -> what it is for, which is loaded anyway.
FRAMEWORKS = {
    "django": "", "dotenv": "dotenv", "dynaconf": "dynaconf", "environs": "environs",
    "flask": "flask", "functions": "", "pydantic": "pydantic_settings",
    "starlette": "starlette.config",
}  # fmt: skip
HEAVY = ("azure", "httpx", "keyring", "asyncio", "requests", "cryptography", "watchdog", "yaml")


def test_every_adapter_is_tested():
    assert set(FRAMEWORKS) == {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}


@pytest.mark.parametrize("name", sorted(FRAMEWORKS))
def test_an_adapter_is_short_and_adds_little(name):
    assert (FOLDER / f"{name}.py").read_text().count("\n") < 200
    code = (
        f"import sys\n{f'import {FRAMEWORKS[name]}' if FRAMEWORKS[name] else ''}\n"
        f"before = set(sys.modules)\nimport devvault.adapters.{name}\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=LIMIT
    )
    added = {module.partition(".")[0] for module in done.stdout.split()}
    assert not added & set(HEAVY), added


def settings_of_pydantic(project):
    class Settings(BaseSettings):
        db: str

    return Settings()


def config_of_flask(project):
    app = flask.Flask("x")
    app.config["MAIL"] = {"PASSWORD": project.ref("nope"), "OTHER": project.ref("db")}
    flask.init_app(app)


def config_of_django(project):
    django.resolve_settings({"DATABASES": [project.ref("nope")], "lower": project.ref("nope2")})


def config_of_dynaconf(project):
    project.write(f'db = "{project.ref("nope")}"\n', "settings.toml")
    return Dynaconf(settings_files=["settings.toml"], root_path=str(project.folder)).DB


def config_of_environs(project):
    Env().read_env(str(project.folder / ".env"))


def config_of_functions(project):
    project.write(f'{{"Values": {{"DB": "{project.ref("nope")}"}}}}', "local.settings.json")
    functions.load_local_settings()


@pytest.mark.parametrize(
    ("use", "where"),
    [
        (settings_of_pydantic, "DB"),
        (config_of_flask, "MAIL.PASSWORD"),
        (config_of_django, "DATABASES.0"),
        (config_of_dynaconf, "DB"),
        (config_of_environs, "DB"),
        (config_of_functions, "DB"),
        (lambda _: Config(".env"), "DB"),
    ],
)
def test_what_does_not_resolve_is_told_by_its_name(project, monkeypatch, use, where):
    project.write(f"DB={project.ref('nope')}\n")
    with pytest.raises(Unresolved) as caught:
        use(project)
    assert [failure[:2] for failure in caught.value.failures] == [(where, "SecretNotFound")]
    assert "DB" not in os.environ


@pytest.mark.parametrize(
    "use", [settings_of_pydantic, config_of_environs, lambda _: Config(".env")]
)
def test_a_secret_in_the_file_is_refused(project, use):
    project.write("DB_PASSWORD=hunter2-hunter2\nDB=x\n")
    with pytest.raises(PlaintextSecret) as caught:
        use(project)
    assert "hunter2" not in str(caught.value)


def test_a_local_settings_file_with_a_secret_is_refused(project):
    project.write('{"Values": {"DbPassword": "hunter2-hunter2"}}', "local.settings.json")
    with pytest.raises(PlaintextSecret):
        functions.load_local_settings()
    (project.folder / "local.settings.json").unlink()
    assert functions.load_local_settings() is False


def test_a_class_of_three_hundred_fields_is_one_round_trip(project, monkeypatch):
    from devvault.resolver.local import LocalSource

    asked = []
    original = LocalSource.look_up

    def look_up(self, references, met=None):
        asked.append(len(references))
        return original(self, references, met)

    monkeypatch.setattr(LocalSource, "look_up", look_up)
    project.daemon.set(project.vault, "field-7", "seven")
    fields = {f"field_{number}": (str, "default") for number in range(300)}

    class Base(BaseSettings):
        @classmethod
        def settings_customise_sources(cls, settings_cls, init_settings, *_more, **_others):
            return (AzureKeyVaultSettingsSource(settings_cls, project.vault),)

    namespace = {name: default for name, (_, default) in fields.items()}
    annotations = {name: kind for name, (kind, _) in fields.items()}
    made = type("Many", (Base,), {"__annotations__": annotations, **namespace})()
    assert (made.field_7, made.field_8) == ("seven", "default")
    assert asked == [300]


def test_a_vault_that_the_folder_was_not_given_is_no_default(project):
    class Settings(BaseSettings):
        db: str = "default"

        @classmethod
        def settings_customise_sources(cls, settings_cls, *_more, **_others):
            return (AzureKeyVaultSettingsSource(settings_cls, "https://other.vault.azure.net"),)

    with pytest.raises(Unresolved) as caught:
        Settings()
    assert caught.value.failures[0][1] == "VaultNotFound"


def test_a_tree_without_references_is_left_as_it_is():
    tree = {"a": [1, {"b": ("x", None)}], "c": "plain"}
    assert resolve_tree(tree) is tree
    loop: list[object] = []
    loop.append(loop)
    assert resolve_tree({"x": loop})["x"] is loop


def test_only_what_leads_to_a_value_is_made_anew(project):
    kept = {"x": [1]}
    tree = {"kept": kept, "a": [project.ref("db"), kept], "t": ("y", project.ref("smtp"))}
    found = resolve_tree(tree)
    assert found == {
        "kept": kept,
        "a": ["tide-7-harbour", kept],
        "t": ("y", "summer rain ${HOME}"),
    }
    assert found["kept"] is kept
    assert tree["a"][0] == project.ref("db")
    assert resolve_tree(project.ref("db")) == "tide-7-harbour"


def test_names_that_look_alike_are_told_apart(project):
    tree = {"a.b": project.ref("db"), "a": {"b": "plain", "c": project.ref("smtp")}}
    assert resolve_tree(tree) == {
        "a.b": "tide-7-harbour",
        "a": {"b": "plain", "c": "summer rain ${HOME}"},
    }
