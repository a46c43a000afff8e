"""What a shell was before it was connected, how it is asked to be connected, and the way back."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from devvault.cli import fast, say
from devvault.cli.planes import Planes
from devvault.cli.reply import table, text, texts
from devvault.settingsfiles.base import is_shell_name

SESSION = "DEVVAULT_SESSION"
BEFORE = "DEVVAULT_BEFORE"


@dataclass(frozen=True, slots=True)
class Opened:
    """What connects: variables to set (some are secret), and names to unset."""

    variables: dict[str, str] = field(repr=False)
    removed: list[str]


def read_before(environment: Mapping[str, str]) -> dict[str, str | None]:
    """Return what the shell's variables were before it was connected; None: not set.

    Empty where it is not connected, or what it holds cannot be read.
    """
    try:
        found = json.loads(base64.urlsafe_b64decode(environment.get(BEFORE, "")))
    except (binascii.Error, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        name: value
        for name, value in found.items()
        if is_shell_name(name) and (value is None or isinstance(value, str))
    }


def write_before(before: Mapping[str, str | None]) -> str:
    """Return the text that `read_before` reads."""
    return base64.urlsafe_b64encode(json.dumps(dict(before)).encode()).decode()


def session_of(environment: Mapping[str, str]) -> str:
    """Return the id of the session that the environment belongs to, empty where it has none."""
    return environment.get(SESSION, "").partition(":")[0]


def unconnected(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment as it was before it was connected."""
    found = {name: value for name, value in environment.items() if name != BEFORE}
    for name, value in read_before(environment).items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = value
    return found


def open_connection(planes: Planes, environment: Mapping[str, str], **more: object) -> Opened:
    """Ask the daemon for a connection of what has this environment; say its notes.

    Raises:
        DevvaultError: there is no such identity, or the home cannot be had.
    """
    given = {os.fsencode(name): os.fsencode(value) for name, value in environment.items()}
    fields = [os.fsdecode(field) for field in fast.connection_of(given)]
    states = dict(field[1:].partition(":")[::2][::-1] for field in fields if field[0] == "L")
    ask: dict[str, object] = {
        "values": dict(field[1:].partition("=")[::2] for field in fields if field[0] == "X"),
        "states": states,
        "names": dict.fromkeys(environment, ""),
        **more,
    }
    found = planes.local("POST", "/local/connect", ask)
    missing = texts(found, "missing")
    if missing:
        contents = {path: _content(path) for path in missing}
        found = planes.local("POST", "/local/connect", {**ask, "contents": contents})
    for words in texts(found, "notes"):
        say.note(words)
    variables = {name: text(table(found, "variables"), name) for name in table(found, "variables")}
    return Opened(variables, texts(found, "removed"))


def _content(path: str) -> str:
    whole = fast.read_roots(os.fsencode(path))
    return base64.b64encode(whole.split(b"\0", 2)[2]).decode()
