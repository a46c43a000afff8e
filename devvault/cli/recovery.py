"""`devvault recovery add|remove`: the printed key that opens the home when its keyring is lost."""

from __future__ import annotations

import argparse

from devvault.cli import ask, say
from devvault.cli.parser import add_command
from devvault.cli.planes import open_planes
from devvault.cli.reply import text
from devvault.errors import WrongUse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.description = "Make or remove the recovery key; it is shown once, and kept nowhere."
    parser.epilog = "example: devvault recovery add"
    commands = parser.add_subparsers(dest="command", metavar="add|remove", required=True)
    add_command(commands, "add", "make a recovery key and show it once; replaces an older one")
    remove = add_command(commands, "remove", "make the recovery key useless", "--yes")
    remove.add_argument("--yes", "-y", action="store_true", help="do not ask")


def main(args: argparse.Namespace) -> int:
    """Do it."""
    if args.command == "add":
        show(text(open_planes().local("POST", "/local/recovery/add", {}), "recovery_key"))
        return 0
    if not args.yes and not ask.yes(
        "make the recovery key useless?", instead="devvault recovery remove --yes"
    ):
        raise WrongUse("nothing was changed", hint="devvault recovery remove --yes")
    open_planes().local("POST", "/local/recovery/remove", {})
    say.tell("the recovery key is useless now")
    return 0


def show(key: str) -> None:
    """Print a recovery key, and say what to do with it."""
    say.line(key)
    say.note("this is the recovery key; it is shown once: print it or write it down, off this disk")
    say.note(
        "it opens the vault when the keyring or passphrase is lost: devvault unlock --recovery"
    )
