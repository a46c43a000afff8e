"""`devvault init`: a home, its key, the vaults that the project names; writes `devvault.toml` only.

Safe to repeat. A vault that is there already and that this folder was never given is left to
`devvault allow`: a cloned repository must not get another project's vault by naming it.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from devvault.cli import ask, say
from devvault.cli.keysource import add_key_source, key_source_body, offer_passphrase
from devvault.cli.planes import Planes, open_planes
from devvault.cli.project import Place, open_place
from devvault.cli.references import named_vaults
from devvault.cli.reply import Body, text, texts
from devvault.cli.trust import give, given_vaults
from devvault.errors import Unavailable, WrongUse
from devvault.settingsfiles.project import PROJECT_FILE, write_project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Make a home and its master key, and the vaults that this project's references name.\n"
        "Writes devvault.toml, and nothing else; safe to repeat."
    )
    parser.epilog = (
        "example: devvault init\n"
        "         devvault init --name my-app-vault --template pre-commit\n"
        "         devvault init --key-source file --key-file ~/ci.key"
    )
    parser.add_argument("--name", metavar="VAULT", help="the vault's name (default: the folder's)")
    add_key_source(parser)
    parser.add_argument(
        "--template", nargs="+", default=[], metavar="NAME", help="copy starters into the project"
    )
    parser.add_argument(
        "--recovery",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="make a recovery key and show it once (default: asks on a terminal)",
    )


def main(args: argparse.Namespace) -> int:
    """Make what is missing, and say what to type next."""
    from devvault.cli.templates import copy_templates, find_templates

    templates = find_templates(args.template)
    place = open_place()
    planes = open_planes(need="any")
    is_new = text(planes.status(), "state") == "new"
    wanted = _wanted(args, place)
    if is_new:
        made = _make_home(planes, args, place, wanted)
        say.tell(f"made a home at {planes.home.root}")
    else:
        planes = open_planes()
        made = _make_vaults(planes, place, args, wanted)
    for name in texts(made, "vaults"):
        say.tell(f"vault {name} is ready for {place.folder}")
    _write_project(place, args, texts(made, "vaults"))
    copy_templates(templates, place.folder)
    key = text(made, "recovery_key")
    if key:
        from devvault.cli.recovery import show

        show(key)
    _say_next(place)
    return 0


def _wanted(args: argparse.Namespace, place: Place) -> list[str]:
    """Return the vaults that must be there; none means: one named after the folder."""
    if args.name:
        return [args.name]
    local = place.project.vaults
    named = [local.get(name, name) for name in named_vaults(place)]
    if place.project.vault:
        named.insert(0, local.get(place.project.vault.lower(), place.project.vault))
    return list(dict.fromkeys(named))


def _make_home(planes: Planes, args: argparse.Namespace, place: Place, wanted: list[str]) -> Body:
    recovery: bool | None = args.recovery
    body: dict[str, object] = {"folder": str(place.folder), "vaults": wanted}
    if args.name:
        body["name"] = args.name
    source = key_source_body(args, planes.home)
    if recovery is None:
        recovery = ask.is_interactive() and ask.yes(
            "make a recovery key, in case the keyring or passphrase is lost?",
            instead="devvault init --no-recovery",
            default=True,
        )
    body["recovery"] = recovery
    try:
        return planes.local("POST", "/local/init", {**body, **source})
    except Unavailable as refusal:
        if source["key_source"] != "keyring":
            raise
        return planes.local("POST", "/local/init", {**body, **offer_passphrase(refusal)})


def _make_vaults(planes: Planes, place: Place, args: argparse.Namespace, wanted: list[str]) -> Body:
    """Make the vaults that are missing in a home that is there, and trust what may be trusted."""
    if args.key_source or args.key_file:
        say.note("the home is there already; its key source stays as it is")
    there = _vaults(planes)
    given = given_vaults(planes, place.folder)
    wanted = wanted or sorted(given.values())
    ready = []
    for name in wanted:
        if name.lower() not in there:
            continue
        if give(planes, place.folder, name, is_meant=bool(args.name)):
            ready.append(there[name.lower()])
        else:
            say.note(f"the vault {name} is another project's; this folder may not resolve from it")
            say.hint(f"devvault allow {name}")
    missing = [name for name in wanted if name.lower() not in there]
    if not missing and wanted:
        return {"vaults": ready}
    body = {"folder": str(place.folder), "vaults": missing}
    made = planes.local("POST", "/local/init", body)
    # The reply may list all that the folder has; each is said once.
    names = [*ready, *texts(made, "vaults")]
    return {**made, "vaults": list({name.lower(): name for name in names}.values())}


def _vaults(planes: Planes) -> dict[str, str]:
    found = planes.arm_list("providers/Microsoft.KeyVault/vaults")
    return {text(item, "name").lower(): text(item, "name") for item in found}


def _write_project(place: Place, args: argparse.Namespace, vaults: list[str]) -> None:
    if place.file is not None:
        if args.name and place.project.vault not in (None, args.name):
            say.note(f"{place.file} names the vault {place.project.vault}, and stays as it is")
        return
    if not vaults:
        return
    path = place.folder / PROJECT_FILE
    try:
        descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644
        )
        with os.fdopen(descriptor, "wb") as file:
            file.write(write_project(args.name or vaults[0]))
    except FileExistsError as error:
        raise WrongUse(f"{path} is there already, and is no project file") from error
    except OSError as error:
        raise Unavailable(
            f"cannot write {path}: {error.strerror}", hint="devvault init, in a folder of your own"
        ) from error
    say.tell(f"wrote {_short(path)}")


def _say_next(place: Place) -> None:
    say.tell("next:")
    say.tell("  devvault set DB_PASSWORD     stores a value, and writes its reference")
    say.tell("  devvault run -- COMMAND      starts a program with its secrets")
    if not (place.folder / ".git").exists():
        say.tell(f"  this folder is no repository, so {_short(place.folder)} alone is trusted")


def _short(path: Path) -> str:
    home = os.environ.get("HOME", "")
    return str(path).replace(home + "/", "~/", 1) if home and home != "/" else str(path)
