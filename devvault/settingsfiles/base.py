"""What a settings file is to us: bytes in, settings with their places out, and back.

Setting is the value object of every format; SettingsFile is the port; the register names the
formats. Nothing here opens a file, and no message repeats a value or a name out of one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Protocol, cast

# name of a format -> "module:class"
FORMATS = MappingProxyType(
    {
        "dotenv": "devvault.settingsfiles.dotenv:DotenvFile",
        "json": "devvault.settingsfiles.json:JsonFile",
        "localsettings": "devvault.settingsfiles.json:LocalSettingsFile",
        "toml": "devvault.settingsfiles.toml:TomlFile",
        "yaml": "devvault.settingsfiles.yaml:YamlFile",
    }
)
# A file's name -> its format; the first that matches counts. Names are compared in lower case.
_BY_NAME = (
    ("local.settings.json", "localsettings"),
    ("*.json", "json"),
    ("*.yml", "yaml"),
    ("*.yaml", "yaml"),
    ("*.toml", "toml"),
    (".env*", "dotenv"),
    ("*.env", "dotenv"),
    ("*.env.*", "dotenv"),
    ("env", "dotenv"),
)

_SHELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What a shell, an `eval` or a make file would act on where a name is pasted into it.
_ACTS_ON = frozenset("$`;&|<>()'\"\\*?[]{}!#~^%")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it stands in a file.

    `value` is what the file's own reader would hand out before interpolation, None for a name
    without a value. `line` counts from 1. `offset_start` and `offset_end` are byte offsets of the
    value as written, quotes included, in the bytes that were read. `quote` is the quote around it
    ("" for none). `allow_reason` is the reason of a `# devvault: allow REASON` behind it.
    `error` says why the setting cannot be used, `note` what a user should know though it can;
    both are sentences without the value or the name in it. `is_fixed` is true of a value that can
    be read and not rewritten; `note` says why.
    """

    key: str
    value: str | None
    line: int
    offset_start: int
    offset_end: int
    quote: str = ""
    export: bool = False
    allow_reason: str | None = None
    error: str | None = None
    note: str | None = None
    is_fixed: bool = False


class SettingsFile(Protocol):
    """A format of settings files."""

    def read(self, data: bytes) -> list[Setting]:
        """Return every setting in the order of the file, unusable ones with their `error`.

        Raises:
            Invalid: the bytes are not text of this format at all; the message names the line.
        """
        ...

    def rewrite(self, data: bytes, changes: Mapping[str, str]) -> bytes:
        """Return the bytes with the values of some keys replaced, wherever they are set.

        Every byte outside those values stays: comments, order, line ends, byte order mark.

        Raises:
            Invalid: as `read`, or a value that this format cannot hold.
            NotFound: a key that the file does not set.
        """
        ...

    def append(self, data: bytes, key: str, value: str) -> bytes:
        """Return the bytes with one more setting at the end, in the file's own line ends.

        Raises:
            Invalid: as `rewrite`, or a key that is no variable's name.
            Conflict: the key is set already.
        """
        ...


@cache
def get_format(name: str) -> SettingsFile:
    """Load a format by its name in the register; KeyError for a name that is not there."""
    module, _, noun = FORMATS[name].partition(":")
    return cast("SettingsFile", getattr(import_module(module), noun)())


def find_format(name: str) -> str | None:
    """Return the format that a file of this name has, None where we read no such files."""
    lowered = name.rpartition("/")[2].lower()
    return next(
        (form for glob, form in _BY_NAME if form in FORMATS and fnmatchcase(lowered, glob)), None
    )


def is_shell_name(key: str) -> bool:
    """Say whether a key may stand as a name in shell code: `[A-Za-z_][A-Za-z0-9_]*`, ASCII."""
    return _SHELL_NAME.fullmatch(key) is not None


def find_key_error(key: str) -> str | None:
    """Return why a key may not be a variable's name, in a sentence; None when it may.

    A kernel takes any name without "=" and NUL. We also refuse what a shell would act on, white
    space and control characters: no honest name has them, and names end up in shells and logs.
    """
    if not key:
        return "the name is empty"
    if "=" in key or "\0" in key:
        return "no variable's name can hold an equals sign or a NUL"
    if any(c.isspace() or not c.isprintable() for c in key):
        return "the name holds white space or a control character"
    if not _ACTS_ON.isdisjoint(key):
        return "the name holds a character that a shell would act on"
    return None
