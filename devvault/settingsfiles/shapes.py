"""Files of the Azure ecosystem, told by what stands in them: a file's shape says how to read it.

Shapes are read for a run and never rewritten: `import` knows the formats of `base.py` alone. What a
file means by a structure a shape hands on as one text, which a form of `references` parses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Protocol, cast

from devvault.errors import Invalid
from devvault.settingsfiles.base import Setting, find_key_error

# name of a shape -> "module:class"
SHAPES = MappingProxyType(
    {
        "appconfig": "devvault.settingsfiles.keyvalues:KeyValues",
        "arm": "devvault.settingsfiles.armparameters:ArmParameters",
        "bicepparam": "devvault.settingsfiles.bicepparam:BicepParam",
        "compose": "devvault.settingsfiles.compose:Compose",
        "containerapp": "devvault.settingsfiles.containerapp:ContainerApp",
        "pipeline": "devvault.settingsfiles.pipeline:Pipeline",
        "secretprovider": "devvault.settingsfiles.secretprovider:SecretProvider",
        "variablegroup": "devvault.settingsfiles.variablegroup:VariableGroup",
    }
)

# What betrays each shape; the first that is found counts.
_JSON: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("arm", re.compile(rb"deploymentParameters\.json#?\"", re.IGNORECASE)),
    ("variablegroup", re.compile(rb"\"type\"\s*:\s*\"AzureKeyVault\"")),
    ("appconfig", re.compile(rb"\"content_?type\"\s*:", re.IGNORECASE)),
)
_YAML: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    (
        "secretprovider",
        re.compile(rb"^[\"']?kind[\"']?\s*:\s*[\"']?SecretProviderClass\b", re.MULTILINE),
    ),
    ("compose", re.compile(rb"^[\"']?services[\"']?\s*:", re.MULTILINE)),
    ("pipeline", re.compile(rb"\bAzureKeyVault@[0-9]")),
    (
        "containerapp",
        re.compile(rb"^(?:properties|configuration|template)\s*:", re.MULTILINE),
    ),
)


class Shape(Protocol):
    """A way to read settings out of a file."""

    def read(self, data: bytes, part: str) -> list[Setting]:
        """Return the settings, or those of one part (a service, a container) where `part` is given.

        Raises:
            Invalid: the bytes are not of this shape; or there is no such part; or parts disagree
                and none was chosen. No message repeats a value.
        """
        ...


@cache
def get_shape(name: str) -> Shape:
    """Load a shape by its name in the register; KeyError for a name that is not there."""
    module, _, noun = SHAPES[name].partition(":")
    return cast("Shape", getattr(import_module(module), noun)())


def find_shape(name: str, data: bytes) -> str | None:
    """Return the shape of a file, by its name's ending and its bytes; None where it has none."""
    lowered = name.lower()
    if lowered.endswith(".bicepparam"):
        return "bicepparam"
    is_yaml = lowered.endswith((".yml", ".yaml"))
    known = _YAML if is_yaml else _JSON if lowered.endswith(".json") else ()
    return next((shape for shape, mark in known if mark.search(data)), None)


def fixed(key: str, value: str | None, line: int) -> Setting:
    """Return a setting of a shape: no place to rewrite, nothing to interpolate."""
    error = find_key_error(key)
    return Setting(key, value, line, 0, 0, quote="'", error=error, is_fixed=True)


def check_whole(part: str) -> None:
    """Refuse a part of a file that has none.

    Raises:
        Invalid: a part was chosen.
    """
    if part:
        raise Invalid("a file of this kind has no parts: leave away what follows the #")


def joined(parts: Sequence[tuple[str, Sequence[Setting]]], part: str, what: str) -> list[Setting]:
    """Return the settings of one part, or of all where they agree; `what` names the kind of part.

    Raises:
        Invalid: there is no such part, or parts set a name to different values.
    """
    if part:
        chosen = [found for name, found in parts if name == part]
        if not chosen:
            raise Invalid(f"there is no {what} of that name in it; {_listed(parts, what)}")
        return [one for found in chosen for one in found]
    values: dict[str, str | None] = {}
    result: dict[str, Setting] = {}
    for _, found in parts:
        own = {one.key: one for one in found}
        for key, one in own.items():
            if values.setdefault(key, one.value) != one.value:
                raise Invalid(
                    f"its {what}s set {_shown(key)} to different values: add the one that you mean"
                    f" to the file's name, as in FILE#{_shown(parts[0][0])}; {_listed(parts, what)}"
                )
        result |= own
    return list(result.values())


def _listed(parts: Iterable[tuple[str, object]], what: str) -> str:
    names = sorted({name for name, _ in parts if find_key_error(name) is None})
    return f"its {what}s are {', '.join(names)}" if names else f"it has no {what}s"


def _shown(key: str) -> str:
    return key if find_key_error(key) is None else "NAME"
