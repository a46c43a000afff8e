from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import WrongUse
from devvault.settingsfiles.project import Project, find_project, read_project, write_project

FULL = b"""
vault = "my-vault"
env-files = [".env", "config/.env.local"]
settings-files = ["local.settings.json"]
identity = "web"
plain = ["PUBLIC_KEY"]

[vaults]
prod-vault = "my-vault"

[environments.test]
vault = "test-vault"
env-files = []

[environments.test.vaults]
other = "test-vault"

[check]
baseline = ".devvault-baseline"
exclude = ["docs/*"]
"""


def read(text: str) -> Project:
    return read_project("devvault.toml", text.encode())


def test_every_word():
    project = read_project("devvault.toml", FULL)
    assert project.vault == "my-vault"
    assert project.env_files == (".env", "config/.env.local")
    assert project.settings_files == ("local.settings.json",)
    assert project.identity == "web"
    assert project.plain == ("PUBLIC_KEY",)
    assert project.vaults == {"prod-vault": "my-vault"}
    assert project.check == {"baseline": ".devvault-baseline", "exclude": ("docs/*",)}


def test_an_environment_overrides_what_it_names():
    test = read_project("devvault.toml", FULL).for_environment("test")
    assert test.vault == "test-vault"
    assert test.env_files == ()
    assert test.settings_files == ("local.settings.json",)
    assert test.vaults == {"prod-vault": "my-vault", "other": "test-vault"}
    assert test.check["exclude"] == ("docs/*",)


def test_an_unknown_environment_names_the_known_ones():
    with pytest.raises(WrongUse, match="it has test"):
        read_project("devvault.toml", FULL).for_environment("prod")


def test_pyproject():
    data = b'[project]\nname = "x"\n[tool.devvault]\nvault = "my-vault"\n'
    assert read_project("pyproject.toml", data).vault == "my-vault"
    assert find_project("pyproject.toml", b'[project]\nname = "x"\n') is None
    assert find_project("a/pyproject.toml", b"tool = 1\n") is None
    assert read_project("pyproject.toml", b"") == Project()


def test_a_byte_order_mark_and_crlf_are_fine():
    assert read_project("devvault.toml", b'\xef\xbb\xbfvault = "abc"\r\n').vault == "abc"


@pytest.mark.parametrize(
    "word",
    [
        "chain", "on-unresolved", "on_unresolved", "reveal", "key-source", "plug-ins", "plaintext",
        "mask", "connect", "pass-through", "Reveal",
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["", "[environments.e]\n", "[check]\n"])
def test_what_is_not_a_projects_to_say(word, where):
    with pytest.raises(WrongUse, match="only yours") as caught:
        read(f'{where}{word} = "always"\n')
    assert "config.toml" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("vaultt = 'abc'", "vaultt is unknown"),
        ("'a b' = 1", "unknown"),
        ("vault = 1", "vault must be a text"),
        ("vault = ''", "vault must be a text"),
        ("vault = 'a'", "3 to 24"),
        ("vault = 'a--b'", "single hyphens"),
        ('vault = "ab\\u001bc"', "control"),
        ("env-files = '.env'", "list of texts"),
        ("env-files = [1]", "must be a text"),
        ("env-files = ['../.env']", "below"),
        ("env-files = ['/etc/passwd']", "below"),
        ("env-files = ['~/.env']", "below"),
        ("env-files = ['C:\\x']", "below"),
        ("env-files = ['a\\..\\..\\x']", "below"),
        ("settings-files = ['a/../../x']", "below"),
        ("plain = 'A'", "list"),
        ("identity = []", "text"),
        ("vaults = []", "table"),
        ("[vaults]\nabc = 1", "text"),
        ("[vaults]\na = 'abc'", "3 to 24"),
        ("environments = 1", "table"),
        ("[environments]\ne = 1", "table"),
        ("[environments.e.environments.f]", "unknown"),
        ("[environments.e.check]", "unknown"),
        ("[check]\nx = 1", "check.x is unknown"),
        ("check = 'x'", "table"),
        ("vault = ", "not valid TOML"),
        ("a = " + "[" * 20000, "TOML|nested"),
    ],
)
def test_wrong_use(text, word):
    with pytest.raises(WrongUse, match=word) as caught:
        read(text)
    assert caught.value.message.startswith("devvault.toml")


def test_invalid_utf8_names_the_line():
    with pytest.raises(WrongUse, match="line 2"):
        read_project("devvault.toml", b"# x\nvault = '\xff'\n")


def test_what_is_written_reads_back():
    project = read_project("devvault.toml", write_project("my-vault", lists_env=True))
    assert (project.vault, project.env_files) == ("my-vault", (".env",))
    project = read_project("devvault.toml", write_project("my-vault", lists_env=False))
    assert (project.vault, project.env_files) == ("my-vault", ())


@given(st.binary(max_size=40))
def test_any_bytes_are_a_project_or_wrong_use(data):
    try:
        project = read_project("devvault.toml", data)
    except WrongUse:
        return
    assert isinstance(project, Project)


@pytest.mark.parametrize(
    "text",
    [
        ".".join(["a"] * 50_000) + " = 1",
        "a = " + "9" * 5_000,
        "a = " + "[" * 50_000,
    ],
)
def test_what_only_an_attacker_writes_is_refused_in_a_sentence(text):
    with pytest.raises(WrongUse):
        read_project("devvault.toml", text.encode())
