"""`devvault restore FILE`: a home out of a file of `devvault backup`."""

from __future__ import annotations

import argparse
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from devvault.cli import ask, say
from devvault.cli.backup import add_seal, passphrase
from devvault.cli.keysource import add_key_source, key_source_body
from devvault.cli.planes import open_planes
from devvault.cli.progress import Progress
from devvault.cli.reply import number, texts
from devvault.errors import NotFound, Unavailable, WrongUse

_PIECE = 256 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.description = (
        "Make the home anew from a backup file; only where there is no home yet. The master key"
        " goes to the key source chosen here."
    )
    parser.epilog = "example: DEVVAULT_HOME=~/other devvault restore ~/vault.backup"
    parser.add_argument("file", metavar="FILE", help="a file that `devvault backup` wrote")
    add_seal(parser)
    add_key_source(parser)


def main(args: argparse.Namespace) -> int:
    """Read the file into a new home."""
    path = Path(args.file)
    try:
        facts = path.stat()
    except OSError as error:
        raise NotFound(f"there is no file {path}") from error
    if not stat.S_ISREG(facts.st_mode):
        raise WrongUse(f"{path} is no plain file")
    planes = open_planes(need="any")
    if planes.status().get("state") != "new":
        raise WrongUse(
            f"there is a home at {planes.home.root} already, and it is not overwritten",
            hint=f"DEVVAULT_HOME=/another/folder devvault restore {path}",
        )
    header = key_source_body(args, planes.home)
    # The file's own passphrase has a name of its own: the new home may be sealed by another.
    if args.recovery:
        key = ask.value("recovery key", instead=f"devvault restore {path} --recovery < KEYFILE")
        header["bundle_recovery"] = key.strip()
    else:
        header["bundle_passphrase"] = passphrase(args, new=False)
    total = facts.st_size // _PIECE + 1
    with Progress("pieces read") as drawn:
        pieces = drawn.count(_request(path, header), total)
        reply = planes.send_local("/local/restore", pieces).json()
    found = reply if isinstance(reply, dict) else {}
    vaults = texts(found, "vaults")
    say.tell(f"restored {len(vaults) or number(found, 'vaults')} vaults to {planes.home.root}")
    return 0


def _request(path: Path, header: dict[str, object]) -> Iterator[bytes]:
    yield json.dumps(header).encode() + b"\n"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
        with os.fdopen(descriptor, "rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from error
