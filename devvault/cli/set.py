"""`devvault set KEY`: a value goes into the project's vault, its reference into the env file.

The value comes from a hidden prompt or stdin, never from the command line. The file keeps every
other byte; it is checked before anything is asked or stored.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from devvault.cli import ask, say
from devvault.cli.planes import Planes, open_planes, segment
from devvault.cli.privatefile import replace_keeping_mode
from devvault.cli.project import Place, open_place, read_settings
from devvault.cli.times import find_span, find_time
from devvault.cli.trust import give, given_vaults
from devvault.clock import SystemClock
from devvault.errors import DevvaultError, Forbidden, Invalid, NotFound, WrongUse
from devvault.references import base
from devvault.references.appservice import format_reference
from devvault.references.reference import Reference
from devvault.resolver.names import NAME_LIMIT, secret_name
from devvault.settingsfiles.base import Setting, find_key_error, get_format


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Store a value in the project's vault, and write its reference under KEY into the\n"
        "project's first env file. Asks for the value, or reads it from stdin (one newline at its\n"
        "end is taken off)."
    )
    parser.epilog = (
        "example: devvault set DB_PASSWORD\n"
        "         openssl rand -base64 24 | devvault set DB_PASSWORD --expires 90d"
    )
    parser.add_argument("key", metavar="KEY", help="the setting's name")
    parser.add_argument("stray", nargs="*", default=[], help=argparse.SUPPRESS)
    parser.add_argument("--vault", help="the vault (default: the project's)")
    parser.add_argument("-e", dest="environment", metavar="NAME", help="of the project file")
    parser.add_argument("--expires", metavar="TIME", help="a UTC time, a date, or a span like 90d")


def main(args: argparse.Namespace) -> int:
    """Store the value, then write the reference."""
    key, equals, _ = args.key.partition("=")
    if (args.stray or equals) and find_key_error(key) is None:
        raise WrongUse(
            "set takes no value: the process list and the shell's history would show it",
            hint=f'printf %s "$VALUE" | devvault set {key}',
        )
    key = args.key
    wrong = find_key_error(key)
    if wrong is not None:
        raise WrongUse(f"KEY cannot be a setting's name: {wrong}", hint="devvault set --help")
    expires = _expires(args.expires)
    place = open_place(environment=args.environment)
    path = place.first_env_file
    data = _read(path, place)
    try:
        settings = [one for one in get_format("dotenv").read(data) if one.error is None]
    except Invalid as error:
        raise Invalid(f"{path}: {error.message}") from error
    old = _reference(settings, key)
    # The name in references may stand for another local vault ([vaults] of the project file).
    named = args.vault or (old.vault if old else None) or place.project.vault
    planes = open_planes()
    if named is None:
        named = only_vault(planes, place)
    vault = place.project.vaults.get(named.lower(), named)
    same = old is not None and old.vault == named.lower()
    name = old.name if old and same else _free_name(key, named, settings)
    reference = format_reference(named, name)
    changed = _changed(data, key, reference, is_set=any(one.key == key for one in settings))
    # An unknown vault, and one that is not ours to use, is told before we ask.
    planes.data_list(vault, "/secrets", limit=1)
    if not give(planes, place.folder, vault, is_meant=args.vault is not None):
        raise Forbidden(
            f"the project names the vault {vault}, which this folder was never given",
            code="AccessToKeyVaultDenied",
            hint=f"devvault allow {vault}",
        )
    value = ask.value(f"value of {key}", instead=f'printf %s "$VALUE" | devvault set {key}')
    body: dict[str, object] = {"value": value, "tags": {"file-encoding": "utf-8"}}
    if expires is not None:
        body["attributes"] = {"exp": expires}
    planes.data(vault, "PUT", f"/secrets/{segment(name)}", body)
    say.tell(f"stored as {name} in the vault {vault}")
    if changed != data:
        _write(path, changed, key, reference)
        say.tell(f"{path.name}: {key}={reference}")
    return 0


def _free_name(key: str, vault: str, settings: list[Setting]) -> str:
    """Return a name that no other setting of the file points at."""
    taken = set()
    for one in settings:
        found = None if one.key == key else _reference([one], one.key)
        if found is not None and found.vault == vault.lower():
            taken.add(found.name.lower())
    name = secret_name(key)
    number = 2
    while name.lower() in taken:
        tail = f"-{number}"
        name = secret_name(key)[: NAME_LIMIT - len(tail)] + tail
        number += 1
    return name


def _reference(settings: list[Setting], key: str) -> Reference | None:
    """Return the reference that a setting holds (the last one counts), None for anything else."""
    held = next((one.value for one in reversed(settings) if one.key == key), None)
    if held is None or base.find(held) is None:
        return None
    try:
        found = base.parse(held)
    except Invalid:
        return None
    return found if found.is_served and not found.version else None


def _changed(data: bytes, key: str, reference: str, *, is_set: bool) -> bytes:
    dotenv = get_format("dotenv")
    if is_set:
        return dotenv.rewrite(data, {key: reference})
    return dotenv.append(data, key, reference)


def _read(path: Path, place: Place) -> bytes:
    try:
        return read_settings(path, place.folder)
    except NotFound:
        return b""


def _write(path: Path, data: bytes, key: str, reference: str) -> None:
    try:
        replace_keeping_mode(path.resolve(), data)
    except DevvaultError as error:
        error.hint = f"the value is stored; write this line yourself: {key}={reference}"
        raise


def _expires(word: str | None) -> int | None:
    if word is None:
        return None
    span = find_span(word)
    found = find_time(word) if span is None else SystemClock().now() + span
    if found is None:
        raise WrongUse(
            f"--expires '{say.printable(word)}' is no time and no span",
            hint="devvault set KEY --expires 90d",
        )
    return int(found.timestamp())


def only_vault(planes: Planes, place: Place) -> str:
    """Return the one vault that this folder was given, where nothing names another."""
    given = sorted(given_vaults(planes, place.folder).values())
    if len(given) == 1:
        return given[0]
    if given:
        raise WrongUse(
            f"this folder has several vaults ({', '.join(given)}), and no project file chooses",
            hint="devvault set KEY --vault VAULT",
        )
    raise NotFound("no vault belongs to this folder yet", code="NoVault", hint="devvault init")
