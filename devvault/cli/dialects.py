"""Settings written for a shell or a tool, quoted so that a value is never anything but a value."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from devvault.errors import Invalid
from devvault.settingsfiles.quoting import quoted

Writer = Callable[[Mapping[str, str], Sequence[str]], str]

# In PowerShell, typographic quotes end a quoted text as the straight one does.
_POWERSHELL_QUOTES = "'\u2018\u2019\u201a\u201b"


def write(dialect: str, values: Mapping[str, str], removed: Sequence[str]) -> str:
    """Return the settings in a dialect; `removed` are names to unset, where the dialect can.

    Raises:
        Invalid: a value that the dialect cannot hold; the message names the setting.
    """
    return DIALECTS[dialect](values, removed)


def _sh(values: Mapping[str, str], removed: Sequence[str]) -> str:
    lines = [f"unset {name}" for name in removed]
    lines += [f"export {name}={_sh_quoted(value)}" for name, value in values.items()]
    return _lines(lines)


def _sh_quoted(value: str) -> str:
    return "'" + value.replace("'", "'\"'\"'") + "'"


def _fish(values: Mapping[str, str], removed: Sequence[str]) -> str:
    lines = [f"set -e {name}" for name in removed]
    for name, value in values.items():
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        lines.append(f"set -gx {name} '{escaped}'")
    return _lines(lines)


def _powershell(values: Mapping[str, str], removed: Sequence[str]) -> str:
    lines = [f"Remove-Item Env:{name} -ErrorAction SilentlyContinue" for name in removed]
    for name, value in values.items():
        escaped = "".join(c * 2 if c in _POWERSHELL_QUOTES else c for c in value)
        lines.append(f"$env:{name} = '{escaped}'")
    return _lines(lines)


def _json(values: Mapping[str, str], removed: Sequence[str]) -> str:
    del removed
    return json.dumps(dict(values), indent=2) + "\n"


def _dotenv(values: Mapping[str, str], removed: Sequence[str]) -> str:
    del removed
    lines = []
    for name, value in values.items():
        try:
            # In double quotes a reader may look for ${NAME}; `quoted` never lets it find one.
            lines.append(f"{name}={quoted(value)}")
        except Invalid as error:
            raise Invalid(f"{name}: {error.message}", hint="devvault env --format json") from error
    return _lines(lines)


def _docker(values: Mapping[str, str], removed: Sequence[str]) -> str:
    del removed
    for name, value in values.items():
        if "\n" in value or "\r" in value:
            raise Invalid(
                f"{name}: a file for docker's --env-file cannot hold a value of several lines",
                hint="devvault run -- docker run -e NAME ...",
            )
    return _lines([f"{name}={value}" for name, value in values.items()])


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


DIALECTS: Mapping[str, Writer] = {
    "sh": _sh,
    "fish": _fish,
    "powershell": _powershell,
    "json": _json,
    "dotenv": _dotenv,
    "docker": _docker,
}
