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
    body = _body(args, place)
    if is_new:
        made = _make_home(planes, args, body)
        say.tell(f"made a home at {_short(planes.home.root)}")
    else:
        if args.key_source or args.key_file:
            say.note("the home is there already; its key source stays as it is")
        planes = open_planes()
        source = {"key_source": text(planes.status(), "key_source")}
        again = {**body, **source, "recovery": args.recovery is True}
        made = planes.local("POST", "/local/init", again)
    _say_vaults(made, place)
    _write_project(place, args, texts(made, "vaults"))
    copy_templates(templates, place.folder)
    key = text(made, "recovery_key")
    if key:
        from devvault.cli.recovery import show

        show(key)
    from devvault.cli.importing import offer

    _say_next(place, offer(planes, open_place()))
    return 0


def _body(args: argparse.Namespace, place: Place) -> dict[str, object]:
    """Return what must be there: the vaults that are named; none means one named as the folder."""
    local = place.project.vaults
    named = [local.get(name, name) for name in named_vaults(place)]
    if place.project.vault:
        named.insert(0, local.get(place.project.vault.lower(), place.project.vault))
    body: dict[str, object] = {
        "folder": str(place.folder),
        "vaults": list(dict.fromkeys(named)),
    }
    if args.name:
        body["name"] = args.name
    return body


def _make_home(planes: Planes, args: argparse.Namespace, body: dict[str, object]) -> Body:
    source = key_source_body(args, planes.home)
    recovery: bool | None = args.recovery
    if recovery is None:
        recovery = ask.is_interactive() and ask.yes(
            "make a recovery key, in case the keyring or passphrase is lost?",
            instead="devvault init --no-recovery",
            default=True,
        )
    body = {**body, "recovery": recovery}
    try:
        return planes.local("POST", "/local/init", {**body, **source})
    except Unavailable as refusal:
        if source["key_source"] != "keyring":
            raise
        return planes.local("POST", "/local/init", {**body, **offer_passphrase(refusal)})


def _say_vaults(made: Body, place: Place) -> None:
    strange = texts(made, "untrusted")
    for name in texts(made, "vaults"):
        if name not in strange:
            say.tell(f"the vault {name} is ready for {_short(place.folder)}")
    for name in strange:
        say.note(f"the vault {name} is another project's; this folder may not resolve from it")
        say.hint(f"devvault allow {name}")


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
            has_env = (place.folder / ".env").is_file()
            file.write(write_project(args.name or vaults[0], lists_env=has_env))
    except FileExistsError as error:
        raise WrongUse(f"{path} is there already, and is no project file") from error
    except OSError as error:
        raise Unavailable(
            f"cannot write {path}: {error.strerror}", hint="devvault init, in a folder of your own"
        ) from error
    say.tell(f"wrote {_short(path)}")


def _say_next(place: Place, first: str) -> None:
    say.tell("next:")
    if first:
        say.tell(f"  {first:<28} moves the secrets of the file into the vault")
    say.tell("  devvault set DB_PASSWORD     stores a value, and writes its reference")
    say.tell("  devvault run -- COMMAND      starts a program with its secrets")
    if not (place.folder / ".git").exists():
        say.tell(f"  this folder is no repository, so {_short(place.folder)} alone is trusted")


def _short(path: Path) -> str:
    home = os.environ.get("HOME", "")
    return str(path).replace(home + "/", "~/", 1) if home and home != "/" else str(path)
