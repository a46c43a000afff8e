"""References in whatever files a project has: which vaults do they name? By text, format or not."""

from __future__ import annotations

import re
from pathlib import Path

from devvault.cli import say
from devvault.cli.project import Place, read_settings
from devvault.errors import DevvaultError, Invalid
from devvault.references import base
from devvault.references.reference import Reference
from devvault.resolver.files import split_part
from devvault.settingsfiles.base import Setting, find_format, get_format
from devvault.settingsfiles.shapes import find_shape, get_shape

# Names and addresses hold no bracket, quote or line end, so that this ends where a reference does.
_TEXT = re.compile(
    r"@microsoft\.keyvault\([^()\r\n\"']{0,2000}\)|akvs://[0-9A-Za-z-]+/[0-9A-Za-z-]+/[0-9A-Za-z-]+"
    r"|keyvaultref:[^\s\"']+|\{\s*\"uri\"\s*:\s*\"[^\"\s]{1,300}\"\s*\}",
    re.IGNORECASE,
)
_GLOBS = (
    ".env",
    ".env.*",
    "*.env",
    "local.settings.json",
    "appsettings*.json",
    "compose*.y*ml",
    "docker-compose*.y*ml",
    ".azure/*/.env",
    "*.parameters.json",
    "*.bicepparam",
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
            data = read_settings(path, place.folder)
        except DevvaultError as error:
            say.note(f"not read: {error.message}")
            continue
        found += [one.vault for _, one in references_of(path.name, data) if one.is_served]
    return list(dict.fromkeys(found))


def references_of(name: str, data: bytes) -> list[tuple[str, Reference]]:
    """Return the references of a file, each with its setting's name where the format tells it."""
    shape = find_shape(name, data)
    try:
        settings = get_shape(shape).read(data, "") if shape else _read(name, data)
    except Invalid:
        settings = []  # `run` tells what is wrong with it; what stands there as text counts
    found = []
    for one in settings:
        try:
            found.append((one.key, base.parse(one.value or "")))
        except Invalid:
            continue
    known = {reference.text for _, reference in found}
    more = references_in(data.decode("utf-8", "replace"))
    return [*found, *(("", one) for one in more if one.text not in known)]


def _read(name: str, data: bytes) -> list[Setting]:
    form = find_format(name)
    return get_format(form).read(data) if form else []


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
    listed = [
        beside / split_part(name)[0]
        for name in (*place.project.env_files, *place.project.settings_files)
    ]
    globbed = [
        path
        for at in dict.fromkeys((place.folder, beside, place.cwd))
        for glob in _GLOBS
        for path in sorted(at.glob(glob))
    ]
    there = [path for path in dict.fromkeys((*listed, *globbed)) if path.is_file()]
    return there[:_FILES_LIMIT]
