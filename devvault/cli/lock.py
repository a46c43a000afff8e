"""`devvault lock`: the daemon drops every key, handle, token and cache; nothing opens any more."""

from __future__ import annotations

import argparse

from devvault.cli import say
from devvault.cli.planes import Planes
from devvault.client.daemon import find
from devvault.paths import default_home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.description = "Drop every key from memory; secrets cannot be read until `unlock`."
    parser.epilog = "example: devvault lock"


def main(args: argparse.Namespace) -> int:
    """Lock; a daemon that does not run holds no key, and is not started for this."""
    del args
    home = default_home()
    if find(home) is None:
        say.tell("the daemon is not running, so no key is in memory")
        return 0
    Planes(home).local("POST", "/local/lock", {})
    say.tell("locked")
    return 0
