"""`devvault resolve REFERENCE|SETTING`: one value, in clear."""

from __future__ import annotations

import argparse
import os
import re
import sys

from devvault.cli import say
from devvault.cli.ask import check_may_reveal
from devvault.cli.planes import open_planes
from devvault.cli.project import Place, open_place, read_settings
from devvault.cli.reply import items, table, text
from devvault.errors import NotFound, Unresolved
from devvault.references import base
from devvault.settingsfiles.base import Setting, get_format
from devvault.settingsfiles.interpolate import interpolate

_NAME = re.compile(r"\$\{([^}:]*)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Print one value: of a Key Vault reference, or of a setting as `devvault run` sees it.\n"
        "A newline follows on a terminal only."
    )
    parser.epilog = (
        "example: devvault resolve DB_PASSWORD\n"
        "         devvault resolve '@Microsoft.KeyVault(VaultName=my-app-vault;SecretName=db)'"
    )
    parser.add_argument("what", metavar="REFERENCE|SETTING", help="a reference, or a setting")
    parser.add_argument("-e", dest="environment", metavar="NAME", help="of the project file")
    parser.add_argument("--identity", help="resolve as this identity (default: the developer)")


def main(args: argparse.Namespace) -> int:
    """Print it, or end with 78 where it does not resolve."""
    check_may_reveal("resolve")
    place = open_place(environment=args.environment)
    what: str = args.what
    value = (
        _resolved(args, place, {"reference": what})["reference"]
        if base.find(what) is not None
        else _setting(args, place, what)
    )
    if sys.stdout.isatty():
        say.line(value)
    else:
        sys.stdout.buffer.write(os.fsencode(value))
        sys.stdout.buffer.flush()
    return 0


def _setting(args: argparse.Namespace, place: Place, name: str) -> str:
    """Return a setting's value: the environment's, else the last of the env files."""
    held = os.environ.get(name)
    if held is not None:
        is_reference = base.find(held) is not None
        return _resolved(args, place, {name: held})[name] if is_reference else held
    settings: list[Setting] = []
    for path in place.env_files:
        try:
            settings += get_format("dotenv").read(read_settings(path, place.folder))
        except NotFound:
            say.note(f"{path} is not there")
    last = {one.key: one.value for one in settings if one.error is None and one.value is not None}
    if name not in last:
        raise NotFound(
            f"no setting is called {say.printable(name)}, in the environment or an env file",
            hint=f"devvault set {say.printable(name)}",
        )
    needed = _needed(name, last)
    references = {
        key: last[key]
        for key in needed
        if base.find(last[key]) is not None and (key == name or key not in os.environ)
    }
    resolved = _resolved(args, place, references) if references else {}
    wanted = [one for one in settings if one.key in needed]
    return interpolate(wanted, dict(os.environ), resolved)[name]


def _needed(name: str, values: dict[str, str]) -> set[str]:
    """Return the settings that one setting is made of, itself included."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        key = waiting.pop()
        if key in found or key not in values:
            continue
        found.add(key)
        waiting += _NAME.findall(values[key])
    return found


def _resolved(args: argparse.Namespace, place: Place, references: dict[str, str]) -> dict[str, str]:
    """Return the values of some references.

    Raises:
        Unresolved: one of them has none; every failure is in it.
    """
    body: dict[str, object] = {"folder": str(place.folder), "references": references}
    if place.project.vaults:
        body["vaults"] = dict(place.project.vaults)
    named = args.identity or os.environ.get("DEVVAULT_IDENTITY") or place.project.identity
    if named:
        body["identity"] = named
    found = open_planes().local("POST", "/local/resolve", body)
    failures = [
        (text(one, "setting"), text(one, "status"), text(one, "reason"), text(one, "hint"))
        for one in items(found, "failures")
    ]
    if failures:
        raise Unresolved(
            f"{len(failures)} of {len(references)} references do not resolve",
            failures,
            hint=next((one[3] for one in failures if one[3]), None),
        )
    return {name: text(table(found, "values"), name) for name in references}
