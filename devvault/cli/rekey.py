"""`devvault rekey`: a new master key, and every record sealed anew under new data keys."""

from __future__ import annotations

import argparse

from devvault.cli import say
from devvault.cli.planes import open_planes
from devvault.cli.reply import number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.description = (
        "Make a new master key and seal every record anew. Backups of single secrets stay"
        " restorable."
    )
    parser.epilog = "example: devvault rekey"


def main(args: argparse.Namespace) -> int:
    """Do it, with progress on a terminal."""
    del args
    found = open_planes().progress("/local/rekey", "sealing records anew")
    generation = number(found, "generation")
    say.tell(f"every record is sealed anew (generation {generation})" if generation else "done")
    return 0
