"""`devvault allow VAULT`: this folder may resolve from that vault."""

from __future__ import annotations

import argparse

from devvault.cli import say
from devvault.cli.planes import open_planes
from devvault.cli.project import find_folder
from devvault.cli.reply import items, text
from devvault.errors import WrongUse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Let this folder (the repository around it) resolve references to a vault.\n"
        "A cloned repository gets nothing from a vault that you did not allow it."
    )
    parser.epilog = (
        "example: devvault allow my-app-vault\n"
        "         devvault allow --remove my-app-vault\n"
        "         devvault allow --list"
    )
    parser.add_argument("vault", metavar="VAULT", nargs="?", help="the vault")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="every folder and its vaults")
    what.add_argument("--remove", action="store_true", help="take it back")
    say.add_output(parser, default="table")


def main(args: argparse.Namespace) -> int:
    """Record, list or remove trust."""
    if args.list:
        if args.vault:
            raise WrongUse("--list takes no vault", hint="devvault allow --list")
        found = items(open_planes().local("GET", "/local/trust"), "trust")
        rows = [{"folder": text(one, "folder"), "vault": text(one, "vault")} for one in found]
        say.show(args, rows)
        return 0
    if not args.vault:
        raise WrongUse("which vault?", hint="devvault keyvault list -o table")
    folder = find_folder()
    path = "/local/trust/remove" if args.remove else "/local/trust"
    open_planes().local("POST", path, {"folder": str(folder), "vault": args.vault})
    word = "no longer resolves" if args.remove else "may resolve"
    say.tell(f"{folder} {word} from {args.vault}")
    return 0
