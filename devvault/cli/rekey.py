"""`devvault rekey`: a new master key, and every record sealed anew under new data keys."""

from __future__ import annotations

import argparse

from devvault.cli import say
from devvault.cli.keysource import add_key_source, key_source_body
from devvault.cli.planes import open_planes
from devvault.cli.reply import number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.description = (
        "Make a new master key and seal every record anew; --key-source moves it elsewhere."
        " Backups of single secrets stay restorable."
    )
    parser.epilog = "example: devvault rekey --key-source passphrase"
    add_key_source(parser, now="as it is")


def main(args: argparse.Namespace) -> int:
    """Do it, with progress on a terminal."""
    planes = open_planes()
    moves = args.key_source is not None or args.key_file is not None
    body = key_source_body(args, planes.home) if moves else {}
    found = planes.progress("/local/rekey", "sealing records anew", body)
    generation = number(found, "generation")
    say.tell(f"every record is sealed anew (generation {generation})" if generation else "done")
    return 0
