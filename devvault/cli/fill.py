"""`devvault fill`: asks for every secret that the project refers to and this home lacks.

What a colleague types after cloning. Each value is stored as it is given, so that a fill that was
broken off goes on where it stopped. Values come hidden from a terminal, from a file or from stdin.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devvault.cli import ask, say
from devvault.cli.planes import Planes, open_planes, segment
from devvault.cli.project import Place, open_place, read_settings
from devvault.cli.references import references_in, references_of, settings_files
from devvault.cli.reply import text, texts
from devvault.cli.trust import give
from devvault.errors import DevvaultError, Invalid, WrongUse
from devvault.references import base
from devvault.references.reference import Reference
from devvault.resolver.names import secret_name
from devvault.settingsfiles.base import find_format, get_format
from devvault.settingsfiles.interpolate import interpolate
from devvault.settingsfiles.shapes import find_shape

STDIN = "-"
_PROVIDER = "providers/Microsoft.KeyVault"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Ask, hidden, for every secret that this project's settings files refer to and this home\n"
        "lacks; make the vaults they name. An empty answer skips one. Each value is stored as it\n"
        "is given, so breaking off loses nothing."
    )
    parser.epilog = (
        "example: devvault fill\n"
        "         devvault fill --from ~/secrets-of-my-app.env\n"
        "         ssh colleague devvault env --format dotenv | devvault fill --from -"
    )
    parser.add_argument(
        "--from", dest="source", metavar="FILE|-", help="a settings file with the values, or stdin"
    )
    parser.add_argument("-e", dest="environment", metavar="NAME", help="of the project file")


@dataclass(slots=True)
class Gap:
    """A secret that is referred to and not there: its local vault, its name, the settings of it."""

    vault: str
    name: str
    keys: list[str] = field(default_factory=list)

    @property
    def shown(self) -> str:
        """Name it as a user knows it."""
        keys = ", ".join(map(say.printable, self.keys))
        where = f"{self.name} in {self.vault}"
        return f"{keys} ({where})" if keys else where


def main(args: argparse.Namespace) -> int:
    """Fill the gaps; 1 where some are left."""
    place = open_place(environment=args.environment)
    given = _given(args.source, place) if args.source else {}
    planes = open_planes()
    gaps, left = _find_gaps(planes, place)
    if not gaps and not left:
        say.tell("nothing is missing: every reference of this project has its secret")
        return 0
    can_ask = ask.has_terminal() and args.source != STDIN
    if not args.source and not can_ask and gaps:
        for gap in gaps:
            say.tell(f"missing: {gap.shown}")
        raise WrongUse(
            f"there is no terminal to ask on, and secrets are missing: {len(gaps)}",
            hint="devvault fill --from FILE",
        )
    filled = 0
    try:
        for number, gap in enumerate(gaps, 1):
            value = _value_of(gap, given)
            if value is None and can_ask:
                value = _asked(gap, number, len(gaps))
            if value:
                _put(planes, gap, value)
                filled += 1
    except KeyboardInterrupt:
        say.tell("")
        _tell(filled, len(gaps) - filled + left)
        raise
    missing = len(gaps) - filled + left
    _tell(filled, missing)
    return 1 if missing else 0


def _tell(filled: int, missing: int) -> None:
    say.tell(f"stored {filled} {'secret' if filled == 1 else 'secrets'}")
    if missing:
        say.tell(f"{missing} still missing; next: devvault fill")
    else:
        say.tell("next: devvault run -- COMMAND")


def _find_gaps(planes: Planes, place: Place) -> tuple[list[Gap], int]:
    """Return what can be filled, in file order, and how many more are missing but cannot be."""
    wanted = _wanted(place)
    ready = _ready_vaults(planes, place, list(dict.fromkeys(gap.vault for gap in wanted)))
    held: dict[str, tuple[set[str], set[str]]] = {}
    gaps: list[Gap] = []
    left = 0
    for gap in wanted:
        if gap.vault not in ready:
            left += 1
            continue
        if gap.vault not in held:
            held[gap.vault] = (
                _names(planes, gap.vault, "/secrets"),
                _names(planes, gap.vault, "/deletedsecrets"),
            )
        live, gone = held[gap.vault]
        if gap.name.lower() in live:
            continue
        if gap.name.lower() in gone:
            left += 1
            say.note(f"the secret {gap.shown} is deleted")
            say.hint(f"devvault keyvault secret recover --vault-name {gap.vault} --name {gap.name}")
            continue
        gaps.append(gap)
    return gaps, left


def _wanted(place: Place) -> list[Gap]:
    """Return every secret that the settings files refer to, in their order, each once.

    A reference to one version is left out: a version cannot be made to order.
    """
    found: dict[tuple[str, str], Gap] = {}
    for path in settings_files(place):
        try:
            data = read_settings(path, place.folder)
        except DevvaultError as error:
            say.note(f"not read: {error.message}")
            continue
        for key, reference in _references(path.name, data):
            if not reference.is_served or reference.version:
                continue
            local = place.project.vaults.get(reference.vault, reference.vault)
            at = (local.lower(), reference.name.lower())
            gap = found.setdefault(at, Gap(local, reference.name))
            if key and key not in gap.keys:
                gap.keys.append(key)
    return list(found.values())


def _references(name: str, data: bytes) -> list[tuple[str, Reference]]:
    """Return the references of a file with their settings, where its format can be read."""
    if find_shape(name, data) not in (None, "compose"):
        return references_of(name, data)
    form = find_format(name)
    if form is not None:
        try:
            settings = get_format(form).read(data)
        except Invalid as error:
            say.note(f"{name}: {error.message}")
        else:
            found = []
            for one in settings:
                if one.error is None and one.value and base.find(one.value) is not None:
                    try:
                        found.append((one.key, base.parse(one.value)))
                    except Invalid:
                        continue  # `run` tells what is wrong with it
            return found
    return [("", one) for one in references_in(data.decode("utf-8", "replace"))]


def _ready_vaults(planes: Planes, place: Place, vaults: Sequence[str]) -> set[str]:
    """Make the vaults that are not there, and return those that this folder may resolve from."""
    there = {text(item, "name").lower() for item in planes.arm_list(f"{_PROVIDER}/vaults")}
    missing = [vault for vault in vaults if vault.lower() not in there]
    ready: set[str] = set()
    if missing:
        source = text(planes.status(), "key_source")
        body = {"folder": str(place.folder), "vaults": missing, "key_source": source}
        made = planes.local("POST", "/local/init", body)
        for name in texts(made, "made"):
            say.tell(f"made the vault {name}; {place.folder} may resolve from it")
        ready |= {vault for vault in missing if vault.lower() in _folded(texts(made, "vaults"))}
    for vault in vaults:
        if vault in missing:
            continue
        if give(planes, place.folder, vault, is_meant=False):
            ready.add(vault)
        else:
            say.note(f"the vault {vault} is another project's; this folder may not use it")
            say.hint(f"devvault allow {vault}")
    return ready


def _folded(names: Sequence[str]) -> set[str]:
    return {name.lower() for name in names}


def _names(planes: Planes, vault: str, path: str) -> set[str]:
    found = planes.data_list(vault, path)
    return {text(item, "id").rpartition("/")[2].lower() for item in found}


def _given(source: str, place: Place) -> dict[str, str]:
    """Return the values of a file or of stdin: by setting, in lower case, references left out."""
    if source == STDIN:
        data = ask.read_stdin(instead="devvault fill --from FILE").encode()
        form = "json" if data.lstrip()[:1] == b"{" else "dotenv"
    else:
        form = find_format(source) or "dotenv"
        path = Path(source)
        data = read_settings(path, place.folder if not path.is_symlink() else path.resolve().parent)
    try:
        settings = [one for one in get_format(form).read(data) if one.error is None]
    except Invalid as error:
        raise Invalid(f"{source}: {error.message}") from error
    if form == "dotenv":
        values: Mapping[str, str | None] = interpolate(settings, os.environ, {})
    else:
        values = {one.key: one.value for one in settings}
    return {
        key.lower(): value for key, value in values.items() if value and base.find(value) is None
    }


def _value_of(gap: Gap, given: Mapping[str, str]) -> str | None:
    """Return the value that a file gives: under one of the settings, or under the secret's name."""
    for key in (*gap.keys, gap.name):
        for form in (key, key.replace(":", "__"), key.replace("__", ":")):
            if form.lower() in given:
                return given[form.lower()]
    name = gap.name.lower()
    return next((value for key, value in given.items() if secret_name(key).lower() == name), None)


def _asked(gap: Gap, number: int, total: int) -> str | None:
    try:
        return ask.hidden(f"[{number}/{total}] {gap.shown}", instead="devvault fill --from FILE")
    except WrongUse:
        say.tell("skipped")
        return None


def _put(planes: Planes, gap: Gap, value: str) -> None:
    body = {"value": value, "tags": {"file-encoding": "utf-8"}}
    planes.data(gap.vault, "PUT", f"/secrets/{segment(gap.name)}", body)
