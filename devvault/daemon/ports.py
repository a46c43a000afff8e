"""The home's two ports on loopback: chosen once, kept, bound before anything else is promised.

What runs holds their numbers and sends its secrets there, so a port that somebody else took is a
refusal, never another number.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from devvault.errors import Unavailable, WrongUse
from devvault.paths import Home, check_private

HTTPS_VARIABLE = "DEVVAULT_HTTPS_PORT"
HTTP_VARIABLE = "DEVVAULT_HTTP_PORT"
# Set where the two above come from a run of ours: they are another home's, and fix nothing here.
_SESSION_VARIABLE = "DEVVAULT_SESSION"
LOOPBACK = "127.0.0.1"
# Below the ports that systems hand out by themselves, so that no passing connection holds one.
_FIRST, _LAST = 20_000, 31_999
_TRIES = 100
_BACKLOG = 256


@dataclass(slots=True)
class Ports:
    """Both listening sockets; connections wait in them until somebody accepts."""

    https: socket.socket
    http: socket.socket

    @property
    def numbers(self) -> tuple[int, int]:
        """The numbers: HTTPS, HTTP."""
        return self.https.getsockname()[1], self.http.getsockname()[1]

    def close(self) -> None:
        """Give both up."""
        self.https.close()
        self.http.close()


def bind(home: Home, environment: Mapping[str, str]) -> Ports:
    """Return the home's ports, bound.

    Raises:
        Unavailable: `PortTaken`: another program listens there.
        WrongUse: a variable holds no port.
    """
    path = home.run / "ports.json"
    fixed = {} if environment.get(_SESSION_VARIABLE) else _fixed(environment)
    wanted = _read(path) | fixed
    https = _listen(wanted["https"], HTTPS_VARIABLE) if "https" in wanted else _choose()
    try:
        http = _listen(wanted["http"], HTTP_VARIABLE) if "http" in wanted else _choose()
    except BaseException:
        https.close()
        raise
    found = Ports(https, http)
    numbers = dict(zip(("https", "http"), found.numbers, strict=True))
    if numbers != _read(path):
        try:
            _keep(path, numbers)
        except BaseException:
            found.close()
            raise
    return found


def _fixed(environment: Mapping[str, str]) -> dict[str, int]:
    found = {}
    for key, name in (("https", HTTPS_VARIABLE), ("http", HTTP_VARIABLE)):
        text = environment.get(name, "")
        if not text:
            continue
        if not text.isascii() or not text.isdigit() or not 1024 <= int(text) <= 65535:
            raise WrongUse(f"{name} must be a port from 1024 to 65535")
        found[key] = int(text)
    if len(set(found.values())) < len(found):
        raise WrongUse(f"{HTTPS_VARIABLE} and {HTTP_VARIABLE} must be two ports")
    return found


def _read(path: Path) -> dict[str, int]:
    try:
        check_private(path, folder=False)
        body = json.loads(path.read_bytes()[:1000])
        found = {key: body[key] for key in ("https", "http")}
    except (OSError, WrongUse, ValueError, KeyError, TypeError, RecursionError):
        return {}
    if all(type(number) is int and 0 < number < 65536 for number in found.values()):
        return found
    return {}


def _keep(path: Path, numbers: Mapping[str, int]) -> None:
    fresh = path.with_suffix(".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="ascii") as file:
            json.dump(numbers, file)
        fresh.replace(path)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from error


def _choose() -> socket.socket:
    for _ in range(_TRIES):
        with suppress(OSError):
            return _bound(_FIRST + secrets.randbelow(_LAST - _FIRST + 1))
    raise Unavailable(
        f"no free port from {_FIRST} to {_LAST} on {LOOPBACK}",
        hint=f"{HTTPS_VARIABLE}=PORT {HTTP_VARIABLE}=PORT devvault daemon start",
    )


def _listen(number: int, variable: str) -> socket.socket:
    try:
        return _bound(number)
    except OSError as error:
        raise Unavailable(
            f"port {number} on {LOOPBACK}, which this home keeps, cannot be had:"
            f" {(error.strerror or 'it is taken').lower()}",
            code="PortTaken",
            hint=f"end the program that listens there, or choose another:"
            f" {variable}=PORT devvault daemon start",
        ) from error


def _bound(number: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        # A connection of a past life that lingers must not keep us out; a listener still does.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((LOOPBACK, number))
        made.listen(_BACKLOG)
    except BaseException:
        made.close()
        raise
    made.setblocking(False)
    return made
