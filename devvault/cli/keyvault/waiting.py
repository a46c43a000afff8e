"""`... wait`: az's way to wait until an object is there, gone, or as a query wants it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from devvault.cli import say
from devvault.cli.keyvault.grammar import Commands, Run, add_command
from devvault.cli.reply import Body, table, text
from devvault.errors import NotFound, Unavailable, WrongUse

Fetch = Callable[[], Body]


def add_wait(commands: Commands, run: Run, what: str, example: str) -> argparse.ArgumentParser:
    """Add the command `wait` with its conditions."""
    parser = add_command(
        commands, "wait", run, f"wait until {what} is there, gone or as you want it", example
    )
    for flag, words in (
        ("--created", "until it is made (provisioningState Succeeded)"),
        ("--updated", "until it is changed (the same)"),
        ("--deleted", "until it is gone"),
        ("--exists", "until it is there"),
    ):
        parser.add_argument(flag, action="store_true", help=words)
    parser.add_argument("--custom", metavar="JMESPATH", help="until this query finds something")
    parser.add_argument(
        "--interval", type=int, default=30, metavar="SECONDS", help="between looks (default: 30)"
    )
    parser.add_argument(
        "--timeout", type=int, default=3600, metavar="SECONDS", help="at most (default: 3600)"
    )
    return parser


def wait(args: argparse.Namespace, fetch: Fetch) -> int:
    """Look at an object until it is as the flags say.

    Raises:
        WrongUse: no flag says what to wait for.
        Unavailable: the time is over.
    """
    wanted = (args.created, args.updated, args.deleted, args.exists, args.custom)
    if not any(wanted):
        raise WrongUse(
            "incorrect usage: --created | --updated | --deleted | --exists | --custom JMESPATH",
            hint="devvault help az",
        )
    left: int = args.timeout
    while not _is_there(args, fetch):
        if left <= 0:
            raise Unavailable(f"wait operation timed-out after {args.timeout} seconds")
        pause = min(max(args.interval, 1), left)
        time.sleep(pause)
        left -= pause
    return 0


def _is_there(args: argparse.Namespace, fetch: Fetch) -> bool:
    try:
        found = fetch()
    except NotFound:
        return bool(args.deleted)
    if args.exists:
        return True
    state = text(table(found, "properties"), "provisioningState")
    if (args.created or args.updated) and state.lower() == "succeeded":
        return True
    return bool(args.custom) and bool(say.search(args.custom, found))
