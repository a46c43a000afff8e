"""`devvault backup FILE`: the whole home in one sealed file."""

from __future__ import annotations

import argparse
import os

from devvault.cli import ask, say
from devvault.cli.planes import open_planes
from devvault.cli.privatefile import read_file, write_private
from devvault.cli.progress import Progress
from devvault.errors import Invalid, WrongUse

_PASSPHRASE_LIMIT = 64 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.description = (
        "Write everything (vaults, secrets, roles, trail) to one file, sealed under a passphrase"
        " or the recovery key. The file must not be there yet."
    )
    parser.epilog = "example: devvault backup ~/vault.backup"
    parser.add_argument("file", metavar="FILE", help="the file to write (mode 0600)")
    add_seal(parser)


def add_seal(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say what the file is sealed under."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--recovery", action="store_true", help="under the recovery key")
    how.add_argument(
        "--passphrase-file", metavar="PATH", help="a file with the passphrase (default: asks)"
    )


def main(args: argparse.Namespace) -> int:
    """Write the file."""
    if os.path.lexists(args.file):
        raise WrongUse(f"{args.file} is there already, and is not overwritten")
    planes = open_planes()
    body: dict[str, object] = {"recovery": True}
    if not args.recovery:
        body = {"passphrase": passphrase(args, new=True)}
    with Progress("pieces written") as drawn:
        pieces = drawn.count(planes.stream("/local/backup", body))
        size = write_private(args.file, pieces)
    say.tell(f"wrote {args.file} ({size} bytes)")
    say.hint(f"devvault restore {args.file}")
    return 0


def passphrase(args: argparse.Namespace, *, new: bool) -> str:
    """Return the passphrase of the file, from `--passphrase-file` or a prompt.

    Raises:
        WrongUse: there is no terminal to ask on, or it is empty.
    """
    if args.passphrase_file is None:
        instead = "add --passphrase-file PATH, or --recovery"
        question = "passphrase of the backup file"
        if new:
            return ask.hidden_twice(question, instead=instead)
        return ask.hidden(question, instead=instead)
    try:
        found = read_file(args.passphrase_file, limit=_PASSPHRASE_LIMIT).decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"{args.passphrase_file} is not UTF-8 text") from error
    text = ask.strip_newline(found)
    if not text:
        raise WrongUse(f"{args.passphrase_file} is empty")
    return text
