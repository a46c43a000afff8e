"""`devvault resolve REFERENCE|SETTING`: one value, in clear.

A setting is looked for where `devvault run` would find it; after that in the project's other
settings files, with a note that says which.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from devvault.cli import say
from devvault.cli.ask import check_may_reveal
from devvault.cli.planes import open_planes
from devvault.cli.project import Place, open_place, read_settings
from devvault.cli.references import settings_files
from devvault.cli.reply import items, table, text
from devvault.errors import NotFound, Unresolved, WrongUse
from devvault.references import base
from devvault.resolver.files import settings_file, split_part
from devvault.resolver.plan import EnvFile, read_file
from devvault.settingsfiles.base import Setting, find_format
from devvault.settingsfiles.interpolate import interpolate

_NAME = re.compile(r"\$\{([^}:]*)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Print one value: of a Key Vault reference, or of a setting as `devvault run` sees it.\n"
        "What neither the environment nor a file of the run sets is looked for in the project's\n"
        "local.settings.json, appsettings*.json, compose and TOML files too, with a note; a\n"
        "nested name is written A:B or A__B. A newline follows on a terminal only."
    )
    parser.epilog = (
        "example: devvault resolve DB_PASSWORD\n"
        "         devvault resolve ConnectionStrings:Default --settings appsettings.json\n"
        "         devvault resolve '@Microsoft.KeyVault(VaultName=my-app-vault;SecretName=db)'"
    )
    parser.add_argument("what", metavar="REFERENCE|SETTING", help="a reference, or a setting")
    parser.add_argument("-e", dest="environment", metavar="NAME", help="of the project file")
    parser.add_argument(
        "--env-file", action="append", default=[], metavar="FILE", help="instead of the project's"
    )
    parser.add_argument(
        "--settings",
        action="append",
        default=[],
        metavar="FILE",
        help="a JSON, TOML or compose file too, below env files",
    )
    parser.add_argument("--identity", help="resolve as this identity (default: the developer)")


def main(args: argparse.Namespace) -> int:
    """Print it, or end with 78 where it does not resolve."""
    check_may_reveal("resolve")
    place = open_place(environment=args.environment)
    what: str = args.what
    if not what:
        raise WrongUse("the name is empty", hint="devvault run --dry-run")
    value = (
        resolved(place, {"reference": what}, args.identity)["reference"]
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
    held = os.environ.get(name, os.environ.get(name.replace(":", "__")))
    if held is not None:
        is_reference = base.find(held) is not None
        return resolved(place, {name: held}, args.identity)[name] if is_reference else held
    settings = _run_settings(args, place)
    name, last = _found(name, settings)
    if name not in last:
        settings = _other_settings(place, name, settings)
        name, last = _found(name, settings)
    if name not in last:
        raise NotFound(
            f"no setting is called {say.printable(name)}, in the environment or a settings file",
            hint=f"devvault set {say.printable(name)}",
        )
    needed = _needed(name, last)
    references = {
        key: last[key]
        for key in needed
        if base.find(last[key]) is not None and (key == name or key not in os.environ)
    }
    known = resolved(place, references, args.identity) if references else {}
    wanted = [one for one in settings if one.key in needed]
    return interpolate(wanted, dict(os.environ), known)[name]


def _run_settings(args: argparse.Namespace, place: Place) -> list[Setting]:
    """Return the settings of the files that a run reads here, in its order: the last one counts."""
    beside = place.file.parent if place.file else place.folder
    listed = [beside / name for name in place.project.settings_files]
    below = [Path(path) for path in args.settings] or listed
    found: list[Setting] = []
    for path in below:
        found += _read(path, place, "", is_named=bool(args.settings))
    for path in map(Path, args.env_file or place.env_files):
        if path not in below:
            found += _read(path, place, "dotenv", is_named=bool(args.env_file))
    return found


def _other_settings(place: Place, name: str, before: list[Setting]) -> list[Setting]:
    """Return what the first other settings file says that sets the name, after a note."""
    for path in settings_files(place):
        form = find_format(path.name)
        if form is None or form == "dotenv":
            continue
        found = _read(path, place, form, is_named=False)
        if _found(name, found)[0] in {one.key for one in found}:
            shown = path.relative_to(place.cwd) if path.is_relative_to(place.cwd) else path
            say.note(f"it stands in {shown}, which a run reads where --settings names it")
            return found
    return before


def _read(path: Path, place: Place, form: str, *, is_named: bool) -> list[Setting]:
    """Return the settings of a file; without a format it is told by its name and content."""
    try:
        data = read_settings(Path(split_part(str(path))[0]), place.folder)
    except NotFound:
        if is_named:
            raise
        say.note(f"{path} is not there")
        return []
    file = EnvFile(str(path), data, form)
    return list(read_file(file if form else settings_file(file)))


def _found(name: str, settings: list[Setting]) -> tuple[str, dict[str, str]]:
    """Return the name as the settings write it, and each setting's value that counts."""
    last = {one.key: one.value for one in settings if one.error is None and one.value is not None}
    return (name if name in last else name.replace(":", "__")), last


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


def resolved(place: Place, references: dict[str, str], identity: str | None) -> dict[str, str]:
    """Return the values of some references, as a project's folder may have them.

    Raises:
        Unresolved: one of them has none; every failure is in it.
    """
    body: dict[str, object] = {"folder": str(place.folder), "references": references}
    if place.project.vaults:
        body["vaults"] = dict(place.project.vaults)
    named = identity or os.environ.get("DEVVAULT_IDENTITY") or place.project.identity
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
