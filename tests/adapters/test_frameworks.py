# ruff: noqa: E501  # examples stay in one piece
"""The first example of each framework's own manual, one line changed, run from our manual's text."""

from __future__ import annotations

import difflib
import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import devvault
from tests.waiting import LIMIT

PAGE = (Path(devvault.__file__).parent / "help" / "frameworks.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    """Return the code below the line of the manual that begins with a name."""
    lines = PAGE.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"{name}"))
    code = []
    for line in lines[start + 1 :]:
        if line and not line.startswith("  "):
            break
        code.append(line[2:])
    return "\n".join(code).strip("\n") + "\n"


def run(project, code: str, *, files: dict[str, str], shown: str, **environment: str) -> object:
    """Run an example in a process of its own and return what it is asked to show, as JSON."""
    for name, text in files.items():
        project.write(text, name)
    program = project.write(
        f"{code}\nimport json as _json\nprint(_json.dumps({shown}))\n", "app.py"
    )
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "DEVVAULT_HOME", "LANG")}
    done = subprocess.run(
        [sys.executable, os.fspath(program)],
        cwd=project.folder,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# Framework -> (distribution, the page of its manual, the line there that ours takes the place of)
PAGES = {
    "pydantic-settings": (
        "pydantic-settings",
        "docs.pydantic.dev/latest/concepts/pydantic_settings, Usage (2.16)",
        "from pydantic_settings import BaseSettings, SettingsConfigDict",
    ),
    "Django": (
        "django",
        "docs.djangoproject.com/en/5.2/howto/deployment/checklist, SECRET_KEY (5.2)",
        "import os",
    ),
    "Flask": (
        "flask",
        "flask.palletsprojects.com/en/stable/config, Configuring from Environment Variables (3.1)",
        "from flask import Flask",
    ),
    "dynaconf": (
        "dynaconf",
        "dynaconf.com, Getting started: config.py of dynaconf init (3.2 and 3.3)",
        "from dynaconf import Dynaconf",
    ),
    "environs": (
        "environs",
        "README of environs, Basic usage (14 and 15)",
        "from environs import env",
    ),
    "Starlette": (
        "starlette",
        "starlette.io/config, without the two lines of SQLAlchemy (1.x)",
        "from starlette.config import Config",
    ),
    "python-dotenv": (
        "python-dotenv",
        "README of python-dotenv, Getting Started (1.2)",
        "from dotenv import load_dotenv",
    ),
}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_one_line_is_changed(name):
    distribution, _, theirs = PAGES[name]
    assert importlib.metadata.version(distribution)
    ours = block(name)
    marked = [line for line in ours.splitlines() if line.endswith("  # <-")]
    assert len(marked) == 1
    original = ours.replace(marked[0], theirs)
    compile(original, name, "exec")
    changes = [
        line for line in difflib.ndiff(original.splitlines(), ours.splitlines()) if line[:1] in "+-"
    ]
    assert len(changes) == 2
    assert "devvault" not in original


def test_pydantic(project):
    env = f"my_auth_key={project.ref('db')}\nmy_api_key=akvs://s/{project.vault}/smtp\n"
    env += 'my_prefix_domains=["foo.com"]\nMY_PREFIX_MORE_SETTINGS={"foo": "x"}\n'
    before = project.reads()
    found = run(
        project, block("pydantic-settings"), files={".env": env},
        shown="[Settings().auth_key, Settings().api_key, list(Settings().domains), Settings().more_settings.foo]",
        SERVICE_REDIS_DSN="redis://other:1/1",
    )  # fmt: skip
    assert found == ["tide-7-harbour", "summer rain ${HOME}", ["foo.com"], "x"]
    assert project.reads() - before == 2 * 5  # as often as Settings() is made, once for each secret


def test_pydantic_in_place_of_its_own_source(project):
    for name, value in (
        ("my-password", "one"),
        ("sub-model--foo", "two"),
        ("aliased-key", "three"),
    ):
        project.daemon.set(project.vault, name, value)
    code = """
from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings
from devvault.adapters.pydantic import AzureKeyVaultSettingsSource

class SubModel(BaseModel):
    foo: str = "default"
    other: str = "kept"

class Settings(BaseSettings):
    my_password: str
    missing: str = "fallback"
    aliased: str = Field(validation_alias="aliased_key")
    sub_model: SubModel

    @classmethod
    def settings_customise_sources(cls, settings_cls, init_settings, env_settings, dotenv_settings, file_secret_settings):
        return (
            init_settings,
            AzureKeyVaultSettingsSource(settings_cls, "https://VAULT.vault.azure.net/", None),
        )
""".replace("VAULT", project.vault)
    shown = "Settings().model_dump()"
    assert run(project, code, files={}, shown=shown) == {
        "my_password": "one",
        "missing": "fallback",
        "aliased": "three",
        "sub_model": {"foo": "two", "other": "kept"},
    }


def test_django(project):
    settings = block("Django") + (
        'from devvault.adapters.django import resolve_settings\nALLOWED_HOSTS = ["x", os.environ["HOST"]]\n'
        f'DATABASES = {{"default": {{"ENGINE": "django.db.backends.dummy", "PASSWORD": "{project.ref("smtp")}",'
        f' "OPTIONS": {{"keys": ["{project.ref("db")}", 1]}}}}}}\nBASE = os.path.basename("a/b")\n'
        'resolve_settings(globals())\n'
    )  # fmt: skip
    code = (
        "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'settings'\nimport django\ndjango.setup()\n"
        "from django.conf import settings\nfrom django.core.signing import Signer\nSigner().sign('x')\n"
    )
    found = run(
        project, code, files={"settings.py": settings, ".env": f"SECRET_KEY={project.ref('db')}\nHOST=h\n"},
        shown="[settings.SECRET_KEY, settings.DATABASES['default']['PASSWORD'],"
        " settings.DATABASES['default']['OPTIONS'], settings.ALLOWED_HOSTS, settings.BASE]",
    )  # fmt: skip
    assert found == [
        "tide-7-harbour", "summer rain ${HOME}", {"keys": ["tide-7-harbour", 1]}, ["x", "h"], "b",
    ]  # fmt: skip


def test_flask(project):
    code = block("Flask") + (
        "from devvault.adapters.flask import init_app\nfrom flask import Flask as Plain\n"
        f"other = Plain('other'); other.config.update(MAIL={{'PASSWORD': '{project.ref('smtp')}'}})\n"
        "init_app(other)\n@app.get('/')\ndef index():\n    return app.config['SECRET_KEY']\n"
    )
    env = f"FLASK_SECRET_KEY={project.ref('db')}\nFLASK_DEBUG=true\nFLASK_MAIL__PORT=25\n"
    found = run(
        project, code, files={".env": env},
        shown="[app.test_client().get('/').text, app.config['DEBUG'], app.config['MAIL'], other.config['MAIL']]",
    )  # fmt: skip
    assert found == [
        "tide-7-harbour", True, {"PORT": 25}, {"PASSWORD": "summer rain ${HOME}"},
    ]  # fmt: skip


def test_dynaconf(project):
    settings = (
        f'key = "value"\ndb = "{project.ref("db")}"\nhosts = ["a", "{project.ref("smtp")}"]\n'
        f'[mail]\nport = 25\npassword = "{project.ref("smtp")}"\n'
    )
    found = run(
        project, block("dynaconf"), files={"settings.toml": settings},
        shown="[settings.key, settings.DB, list(settings.hosts), settings.mail.password, settings.mail.port, settings.fromenv]",
        DYNACONF_FROMENV=project.ref("db"),
    )  # fmt: skip
    assert found == [
        "value", "tide-7-harbour", ["a", "summer rain ${HOME}"], "summer rain ${HOME}", 25,
        "tide-7-harbour",
    ]  # fmt: skip


def test_environs(project):
    env = (
        f"GITHUB_USER=sloria\nSECRET={project.ref('db')}\nMAX_CONNECTIONS=100\nSHIP_DATE='1984-06-25'\n"
        "TTL=42\nLOG_LEVEL=DEBUG\nENABLE_LOGIN=true\n"
    )
    found = run(
        project, block("environs"), files={".env": env},
        shown="[gh_user, secret, max_connections, str(ship_date), ttl.seconds, log_level, enable_login]",
    )  # fmt: skip
    assert found == ["sloria", "tide-7-harbour", 100, "1984-06-25", 42, 10, True]


def test_starlette(project):
    env = f"DEBUG=True\nDATABASE_URL=postgresql://localhost/db\nSECRET_KEY={project.ref('db')}\n"
    found = run(
        project, block("Starlette"), files={".env": env},
        shown="[app.debug, str(SECRET_KEY), repr(SECRET_KEY), list(ALLOWED_HOSTS)]",
        ALLOWED_HOSTS=project.ref("smtp"),
    )  # fmt: skip
    assert found == [True, "tide-7-harbour", "Secret('**********')", ["summer rain ${HOME}"]]


def test_python_dotenv(project):
    env = f"DB={project.ref('db')}\n"
    code = block("python-dotenv") + "import os\n"
    assert run(project, code, files={".env": env}, shown="os.environ['DB']") == "tide-7-harbour"


def test_azure_functions(project):
    local = json.dumps(
        {
            "IsEncrypted": False,
            "Values": {"myAppSetting": project.ref("db"), "Set": "file", "PLAIN": "x"},
            "ConnectionStrings": {"Main": project.ref("smtp")},
        }
    )
    found = run(
        project, block("Azure Functions") + "import os\n", files={"local.settings.json": local},
        shown="[os.environ[n] for n in ('myAppSetting', 'Set', 'PLAIN', 'ConnectionStrings__Main')]",
        Set="mine",
    )  # fmt: skip
    assert found == ["tide-7-harbour", "mine", "x", "summer rain ${HOME}"]
