"""`devvault unlock [--recovery]`: the daemon fetches the master key again."""

from __future__ import annotations

import argparse

from devvault.cli import ask, say
from devvault.cli.planes import open_planes, unlock_body
from devvault.cli.reply import text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.description = (
        "Unlock the vault: from the keyring or key file, with the passphrase, or with the"
        " recovery key."
    )
    parser.epilog = "example: devvault unlock --recovery"
    parser.add_argument(
        "--recovery",
        action="store_true",
        help="use the recovery key: asks for it, or reads it from stdin",
    )


def main(args: argparse.Namespace) -> int:
    """Unlock."""
    planes = open_planes(need="locked")
    status = planes.status()
    if args.recovery and text(status, "state") == "unlocked":
        say.tell("unlocked already; the recovery key was not tried")
        return 0
    if args.recovery:
        key = ask.value("recovery key", instead="devvault unlock --recovery < FILE")
        body: dict[str, object] = {"recovery": key.strip()}
    elif text(status, "state") == "unlocked":
        say.tell("unlocked already")
        return 0
    elif text(status, "key_source") == "passphrase":
        body = unlock_body()
    else:
        body = {}
    planes.local("POST", "/local/unlock", body)
    say.tell("unlocked")
    return 0
