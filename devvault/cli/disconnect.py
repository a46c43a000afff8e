"""`devvault disconnect`: shell code that gives a connected shell back what it had before."""

from __future__ import annotations

import argparse
import os

from devvault.cli import say
from devvault.cli.connect import SHELLS
from devvault.cli.connection import BEFORE, read_before, session_of
from devvault.cli.dialects import write
from devvault.cli.planes import Planes
from devvault.client.daemon import find
from devvault.errors import DevvaultError, NotFound
from devvault.paths import default_home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Print shell code that undoes `devvault connect`: every variable is as it was before,\n"
        "and the connection and its tokens end."
    )
    parser.epilog = (
        'example: eval "$(devvault disconnect)"\n'
        "         devvault disconnect --format fish | source"
    )
    parser.add_argument(
        "--format", choices=SHELLS, default="sh", help="the shell's language (default: sh)"
    )


def main(args: argparse.Namespace) -> int:
    """Print the code.

    Raises:
        NotFound: this shell is not connected.
    """
    before = read_before(os.environ)
    if not before:
        raise NotFound("this shell is not connected", hint='eval "$(devvault connect)"')
    home = default_home()
    try:
        # A daemon that does not run is not started for this: the session expires by itself.
        if find(home) is not None:
            Planes(home).local("POST", "/local/disconnect", {"session": session_of(os.environ)})
    except DevvaultError as error:
        say.note(f"the session goes on until it expires: {error.message}")
    values = {name: value for name, value in before.items() if value is not None}
    removed = [*(name for name, value in before.items() if value is None), BEFORE]
    say.put(write(args.format, values, removed))
    return 0
