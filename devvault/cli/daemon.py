"""`devvault daemon start|stop|status|run`: the background process of this home."""

from __future__ import annotations

import argparse
import os
import sys
from typing import NoReturn

from devvault.cli import say
from devvault.cli.parser import add_command
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
    add_command(commands, "start", "start it where it does not run")
    add_command(commands, "stop", "stop it; keys leave memory")
    status = add_command(
        commands, "status", "what it says of itself; 1 if not running", "--query state -o tsv"
    )
    say.add_output(status)
    add_command(commands, "run", "run it in the foreground")


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
    # What a process begins with stays readable in /proc as long as it lives; the daemon has no use
    # for a passphrase that no client gave.
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DEVVAULT_PASSPHRASE")}
    os.execve(  # noqa: S606  # no shell: this process becomes the daemon
        sys.executable, [sys.executable, "-I", "-m", "devvault.daemon"], kept
    )
