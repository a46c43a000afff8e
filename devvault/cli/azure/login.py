"""`devvault login`: a tutorial's first line. Nobody logs in here: the socket knows who asks."""

from __future__ import annotations

import argparse

from devvault.cli import say
from devvault.cli.azure.account import show_all
from devvault.cli.keyvault.grammar import add_common
from devvault.cli.planes import open_planes
from devvault.errors import WrongUse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.description = (
        "Print the subscription of this home. There is nothing to log in to: your own user id is"
        " the developer, and other identities run programs (devvault run --identity NAME)."
    )
    parser.epilog = "example: devvault login"
    add_common(parser)
    for flags in (("--tenant", "-t"), ("--scope",), ("--claims-challenge",)):
        parser.add_argument(*flags, help=argparse.SUPPRESS)
    for flag in ("--use-device-code", "--allow-no-subscriptions"):
        parser.add_argument(flag, action="store_true", help=argparse.SUPPRESS)
    for flags in (("--service-principal",), ("--identity", "-i")):
        parser.add_argument(*flags, action="store_true", help=argparse.SUPPRESS)
    for flags in (
        ("--username", "-u"),
        ("--password", "-p"),
        ("--certificate",),
        ("--federated-token",),
        ("--client-id",),
        ("--object-id",),
        ("--resource-id",),
    ):
        parser.add_argument(*flags, help=argparse.SUPPRESS)


def main(args: argparse.Namespace) -> int:
    """Print it; refuse to take somebody else for the developer."""
    if args.service_principal or args.identity or args.username:
        raise WrongUse(
            "there is no login here; a program runs as another identity where it is started so",
            hint="devvault run --identity NAME -- CMD",
        )
    planes = open_planes()
    say.note("there is nothing to log in to: you are the developer of this home")
    show_all(args, planes)
    return 0
