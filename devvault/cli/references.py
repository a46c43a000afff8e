"""References in whatever files a project has: which vaults do they name? By text, format or not."""

from __future__ import annotations

import re
from pathlib import Path

from devvault.cli import say
from devvault.cli.project import Place, read_settings
from devvault.errors import DevvaultError, Invalid
from devvault.references import base
from devvault.references.reference import Reference

# Names and addresses hold no bracket, quote or line end, so that this ends where a reference does.
_TEXT = re.compile(r"@microsoft\.keyvault\([^()\r\n\"']{0,2000}\)", re.IGNORECASE)
_GLOBS = (
    ".env",
    ".env.*",
    "*.env",
    "local.settings.json",
    "appsettings*.json",
    "compose*.y*ml",
    "docker-compose*.y*ml",
    "settings.toml",
    ".secrets.toml",
)
_FILES_LIMIT = 100


def named_vaults(place: Place) -> list[str]:
    """Return the vaults that references in the project's settings files name, in file order.

    A file that cannot be read is passed over with a note: a vault more or less is soon repaired.
    """
    found: list[str] = []
    for path in settings_files(place):
        try:
            text = read_settings(path, place.folder).decode("utf-8", "replace")
        except DevvaultError as error:
            say.note(f"not read: {error.message}")
            continue
        found += [reference.vault for reference in references_in(text) if reference.is_served]
    return list(dict.fromkeys(found))


def references_in(text: str) -> list[Reference]:
    """Return the well-formed references that stand anywhere in a text."""
    found = []
    for match in _TEXT.finditer(text):
        try:
            found.append(base.parse(match[0]))
        except Invalid:
            continue  # `run` tells what is wrong with it
    return found


def settings_files(place: Place) -> list[Path]:
    """Return the settings files of a project that are there: those it lists, and the usual ones."""
    beside = place.file.parent if place.file else place.folder
    listed = [beside / name for name in (*place.project.env_files, *place.project.settings_files)]
    globbed = [
        path
        for at in dict.fromkeys((place.folder, beside, place.cwd))
        for glob in _GLOBS
        for path in sorted(at.glob(glob))
    ]
    there = [path for path in dict.fromkeys((*listed, *globbed)) if path.is_file()]
    return there[:_FILES_LIMIT]
