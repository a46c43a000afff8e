"""A settings file that a verb works on: told by its name, read under CONTRACT section 5's rules."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from devvault.cli import say
from devvault.cli.project import FILE_LIMIT, Place, read_settings
from devvault.errors import Invalid, WrongUse
from devvault.settingsfiles.base import find_format

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Source:
    """A settings file: its name as the user gave it, its real path (None for stdin), its bytes."""

    name: str
    form: str
    data: bytes
    path: Path | None = None


def form_of(name: str) -> str:
    """Return the format of a file by its name.

    Raises:
        WrongUse: no format of ours has such a name.
    """
    found = find_format(Path(name).name)
    if found is None:
        raise WrongUse(
            f"{say.printable(name)}: settings files are told by their names: .env, *.json,"
            " compose.yaml, *.toml",
            hint=f"devvault import - < {say.printable(name)}",
        )
    return found


def open_source(path: Path, place: Place, name: str | None = None) -> Source:
    """Return a settings file of the project.

    Raises:
        WrongUse: it is no file of this folder, or not ours to read.
    """
    shown = name or _shown(path, place)
    form = form_of(shown)
    data = read_settings(path, place.folder)
    real = path.resolve()
    if not real.is_relative_to(place.folder):
        raise WrongUse(
            f"{shown} lies outside of {place.folder}, whose vaults are meant",
            hint=f"cd {real.parent} && devvault import {real.name}",
        )
    return Source(shown, form, data, real)


def read_source(name: str, place: Place) -> Source:
    """Return what a name on the command line stands for: a file of the project, or stdin.

    Raises:
        WrongUse: as `open_source`, or there is no stdin.
        Invalid: stdin is too long.
    """
    if name != STDIN:
        path = Path(name)
        return open_source(path, place, name=None if path.is_absolute() else name)
    if sys.stdin is None:
        raise WrongUse("there is no standard input to read", hint="devvault import FILE")
    data = sys.stdin.buffer.read(FILE_LIMIT + 1)
    if len(data) > FILE_LIMIT:
        raise Invalid("standard input holds more than 1 MiB", hint="devvault import FILE")
    is_json = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"
    return Source(STDIN, "json" if is_json else "dotenv", data)


def _shown(path: Path, place: Place) -> str:
    return str(path.relative_to(place.cwd)) if path.is_relative_to(place.cwd) else str(path)
