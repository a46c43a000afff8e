"""`devvault keyvault ...`: az's commands for vaults and their secrets."""

from __future__ import annotations

import argparse

from devvault.cli.keyvault import access, migrate, secret, vault
from devvault.cli.keyvault.grammar import Run, add_group


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `keyvault` and all its commands."""
    parser.epilog = (
        "example: devvault keyvault create --name my-app-vault\n"
        "         devvault keyvault secret set --vault-name my-app-vault --name db"
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    vault.add_commands(commands)
    access.add_commands(commands)
    migrate.add_commands(commands)
    below = add_group(
        commands,
        "secret",
        "secrets and their versions",
        "keyvault secret show --vault-name my-app-vault --name db --query value -o tsv",
    )
    secret.add_commands(below)


def main(args: argparse.Namespace) -> int:
    """Do what the command says."""
    run: Run = args.run
    return run(args)
