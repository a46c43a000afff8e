"""`devvault daemon start|stop|status|run`: the background process of this home."""

from __future__ import annotations

import argparse
import os
import sys
from typing import NoReturn

from devvault.cli import say
from devvault.cli.planes import Planes
from devvault.client.daemon import ensure, find, stop
from devvault.errors import Conflict
from devvault.paths import default_home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.description = (
        "The background process. Every verb that needs it starts it; `run` stays in the"
        " foreground, for systemd, launchd and containers."
    )
    parser.epilog = "example: devvault daemon status"
    commands = parser.add_subparsers(dest="command", metavar="start|stop|status|run", required=True)
    commands.add_parser("start", help="start it where it does not run")
    commands.add_parser("stop", help="stop it; keys leave memory")
    say.add_output(commands.add_parser("status", help="what it says of itself; 1 if not running"))
    commands.add_parser("run", help="run it in the foreground")


def main(args: argparse.Namespace) -> int:
    """Do it."""
    home = default_home()
    if args.command == "start":
        say.tell(f"the daemon runs (pid {ensure(home).pid})")
        return 0
    if args.command == "stop":
        say.tell("stopped" if stop(home) else "it was not running")
        return 0
    if args.command == "status":
        if find(home) is None:
            say.show(args, {"state": "stopped", "home": str(home.root)})
            return 1
        say.show(args, Planes(home).status())
    else:
        _become()
    return 0


def _become() -> NoReturn:
    """Turn this process into the daemon."""
    running = find(default_home())
    if running is not None:
        raise Conflict(
            f"the daemon of this home runs already (pid {running.pid})",
            hint="devvault daemon stop",
        )
    sys.stdout.flush()
    os.execv(  # noqa: S606  # no shell: this process becomes the daemon
        sys.executable, [sys.executable, "-I", "-m", "devvault.daemon"]
    )
