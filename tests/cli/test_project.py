from __future__ import annotations

import os

import pytest

from devvault.cli.project import FILE_LIMIT, find_folder, open_place, read_settings
from devvault.errors import NotFound, WrongUse


@pytest.fixture
def repository(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "app" / "src").mkdir(parents=True)
    return tmp_path


def test_the_folder_is_the_repository_around_us(repository):
    assert find_folder(repository / "app" / "src") == repository


def test_without_a_repository_it_is_the_working_directory_alone(tmp_path):
    inside = tmp_path / "a"
    inside.mkdir()
    (tmp_path / "devvault.toml").write_text('vault = "other-vault"\n')
    (tmp_path / ".env").write_text("A=1\n")
    place = open_place(inside)
    assert place.folder == inside
    assert place.file is None
    assert place.env_files == []
    assert place.first_env_file == inside / ".env"


def test_a_linked_folder_is_its_real_path(repository, tmp_path_factory):
    link = tmp_path_factory.mktemp("links") / "here"
    link.symlink_to(repository)
    assert find_folder(link) == repository


def test_the_nearest_env_file_upwards(repository):
    (repository / ".env").write_text("A=1\n")
    assert open_place(repository / "app" / "src").env_files == [repository / ".env"]
    (repository / "app" / ".env").write_text("A=2\n")
    assert open_place(repository / "app" / "src").env_files == [repository / "app" / ".env"]


def test_the_project_file_names_its_own(repository):
    (repository / "app" / "devvault.toml").write_text('env-files = ["conf/a.env", ".env"]\n')
    place = open_place(repository / "app" / "src")
    assert place.first_env_file == repository / "app" / "conf" / "a.env"


def test_pyproject_counts_only_with_our_table(repository):
    (repository / "app" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    (repository / "pyproject.toml").write_text("[tool.devvault]\nvault = 'kv-one'\n")
    place = open_place(repository / "app")
    assert place.file == repository / "pyproject.toml"
    assert place.project.vault == "kv-one"


def test_an_environment_overrides(repository, monkeypatch):
    (repository / "devvault.toml").write_text(
        'vault = "kv-dev"\n[environments.test]\nvault = "kv-test"\n'
    )
    monkeypatch.setenv("DEVVAULT_ENVIRONMENT", "test")
    assert open_place(repository).project.vault == "kv-test"
    monkeypatch.setenv("DEVVAULT_ENVIRONMENT", "none")
    with pytest.raises(WrongUse):
        open_place(repository)


def test_a_link_out_of_the_repository_is_refused(repository, tmp_path_factory):
    outside = tmp_path_factory.mktemp("out") / ".env"
    outside.write_text("A=1\n")
    (repository / ".env").symlink_to(outside)
    with pytest.raises(WrongUse, match="leads out"):
        read_settings(repository / ".env", repository)


def test_a_link_within_the_repository_is_followed(repository):
    (repository / "app" / "one.env").write_text("A=1\n")
    (repository / ".env").symlink_to("app/one.env")
    assert read_settings(repository / ".env", repository) == b"A=1\n"


def test_a_fifo_is_refused_and_waits_for_nobody(repository):
    os.mkfifo(repository / ".env")
    with pytest.raises(WrongUse, match="no regular file"):
        read_settings(repository / ".env", repository)


def test_a_file_over_one_mebibyte_is_refused_unread(repository):
    with (repository / ".env").open("wb") as file:
        file.truncate(2 * 1024**3)  # sparse: 2 GiB on no disk space
    with pytest.raises(WrongUse, match="larger"):
        read_settings(repository / ".env", repository)
    (repository / ".env").write_bytes(b"#" * FILE_LIMIT)
    assert len(read_settings(repository / ".env", repository)) == FILE_LIMIT


def test_no_file(repository):
    with pytest.raises(NotFound):
        read_settings(repository / ".env", repository)


def give_away(path, monkeypatch):
    """Make a path another user's: root gives it away, anybody else becomes somebody else."""
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)


def test_another_users_project_file_is_refused(repository, monkeypatch):
    path = repository / "devvault.toml"
    path.write_text('vault = "kv-one"\n')
    give_away(path, monkeypatch)
    with pytest.raises(WrongUse, match="another user"):
        read_settings(path, repository)


def test_another_users_repository_above_us_is_none(repository, monkeypatch):
    give_away(repository / ".git", monkeypatch)
    assert find_folder(repository / "app") == repository / "app"


ONLY = (b"vaults", b"identity")


def test_a_file_without_the_words_is_not_parsed(repository):
    (repository / "devvault.toml").write_text("this is no TOML")
    assert open_place(repository, only=ONLY).file == repository / "devvault.toml"
    with pytest.raises(WrongUse):
        open_place(repository)
    (repository / "devvault.toml").write_text('[vaults]\nkv-prod = "my-app-vault"\n')
    assert open_place(repository, only=ONLY).project.vaults == {"kv-prod": "my-app-vault"}
    (repository / "devvault.toml").write_text('["\\u0076aults"]\nkv-prod = "my-app-vault"\n')
    assert open_place(repository, only=ONLY).project.vaults == {"kv-prod": "my-app-vault"}


def test_a_pyproject_of_another_tool_is_passed_over(repository):
    (repository / "pyproject.toml").write_text("this is no TOML")
    assert open_place(repository, only=ONLY).file is None
    (repository / "pyproject.toml").write_text('[tool.devvault]\nidentity = "app"\n')
    assert open_place(repository, only=ONLY).project.identity == "app"
