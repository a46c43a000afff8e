"""Which files a run reads, and what format each has; shared by the daemon and the run without one.

Order is precedence: settings files (JSON, TOML, ...) come first, so that an env file overrules
them. `FILE#PART` chooses a service of a compose file, or a container of an app.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from devvault.errors import WrongUse
from devvault.resolver.plan import EnvFile
from devvault.settingsfiles.base import find_format
from devvault.settingsfiles.project import Project
from devvault.settingsfiles.shapes import find_shape

_BY_SHAPE = "yaml"  # what a YAML file holds is told by its content


def wanted_files(
    project: Project | None, project_path: str, sent: Sequence[str], *, is_settings_named: bool
) -> list[str]:
    """Return the paths that the project lists; empty where it lists none or they were sent.

    `sent` are the env files that came; without `env-files` in the project they stay as they are.
    `is_settings_named` says that the user named settings files: they stand for the project's.
    """
    if project is None or not (project.env_files or project.settings_files):
        return []
    folder = project_path.rpartition("/")[0]
    env_files = [f"{folder}/{name}" for name in project.env_files] or list(sent)
    settings = [] if is_settings_named else [f"{folder}/{name}" for name in project.settings_files]
    wanted = [*settings, *(path for path in env_files if path not in settings)]
    return [] if list(sent) == wanted else wanted


def formed(file: EnvFile, project: Project | None, project_path: str) -> EnvFile:
    """Return a file with its format: one that the project lists as settings is told by its name.

    Raises:
        WrongUse: it is listed, and of no format that a run reads.
    """
    folder = project_path.rpartition("/")[0]
    listed = project.settings_files if project else ()
    if file.path in {f"{folder}/{name}" for name in listed}:
        return settings_file(file)
    return file


def settings_file(file: EnvFile) -> EnvFile:
    """Return a settings file with the format that its name says.

    Raises:
        WrongUse: its name says none, or one that a run does not read.
    """
    name, part = split_part(file.path)
    form = find_shape(name, file.data) or find_format(name)
    if form is None or form == _BY_SHAPE:
        raise WrongUse(
            f"{file.path}: a run reads no settings from such a file"
            " (devvault help run lists what it reads)",
            hint="--env-file FILE",
        )
    return replace(file, format=form, part=part)


def split_part(path: str) -> tuple[str, str]:
    """Return a settings file's path, and the part of it that was chosen, "" for none."""
    name, mark, part = path.rpartition("#")
    if mark and name.lower().endswith((".yml", ".yaml", ".json")):
        return name, part
    return path, ""
