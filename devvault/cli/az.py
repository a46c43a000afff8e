"""`devvault az ARGS...`: the real az, connected to this home for one command."""

from __future__ import annotations

import argparse
import os
import shutil

from devvault.cli import answer, fast
from devvault.cli.connection import open_connection, unconnected
from devvault.cli.planes import open_planes
from devvault.errors import Unavailable, WrongUse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.usage = "devvault az ARGS..."
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Run the real az as the developer of this home, with a profile of its own: no login is\n"
        "needed, and your own one is not touched. What this home does not serve fails; nothing\n"
        "of the subscription goes to the cloud."
    )
    parser.epilog = "example: devvault az keyvault secret list --vault-name my-vault"


def main(args: argparse.Namespace) -> int:
    """Become az.

    Raises:
        WrongUse: it is not said what az shall do.
        Unavailable: az is not installed.
    """
    command: list[str] | None = args.command
    if not command:
        raise WrongUse("say what az shall do", hint="devvault az keyvault list")
    if shutil.which("az") is None:
        raise Unavailable(
            "az is not installed: devvault has az's words for vaults itself",
            hint="devvault keyvault --help",
        )
    environment = unconnected(os.environ)
    found = open_connection(open_planes(), environment, az=True, kind="run")
    for name in found.removed:
        environment.pop(name, None)
    environment |= found.variables
    made = {os.fsencode(name): os.fsencode(value) for name, value in environment.items()}
    answer.become([b"az", *map(os.fsencode, command)], fast.child_of(made))
