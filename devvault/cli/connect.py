"""`devvault connect`: shell code for `eval` that connects a shell's programs to the vaults here."""

from __future__ import annotations

import argparse
import os
import sys

from devvault.cli import say
from devvault.cli.connection import (
    BEFORE,
    open_connection,
    read_before,
    session_of,
    unconnected,
    write_before,
)
from devvault.cli.dialects import write
from devvault.cli.planes import open_planes
from devvault.cli.project import open_place
from devvault.config import load
from devvault.errors import DevvaultError, WrongUse

SHELLS = ("sh", "fish", "powershell")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Print shell code that connects every program of a shell, as `devvault run` connects\n"
        "one: unmodified Azure SDKs reach the vaults of this home, all else goes on as before.\n"
        "It is good for 8 hours; `disconnect` undoes it. Prefer `devvault run`, which ends by\n"
        "itself."
    )
    parser.epilog = (
        'example: eval "$(devvault connect)"\n         devvault connect --format fish | source'
    )
    parser.add_argument(
        "--identity",
        metavar="I",
        help="who the shell is (default: whom the project file names, else the developer)",
    )
    parser.add_argument(
        "--az", action="store_true", help="az, Resource Manager, Graph and logins too"
    )
    parser.add_argument(
        "--format", choices=SHELLS, default="sh", help="the shell's language (default: sh)"
    )


def main(args: argparse.Namespace) -> int:
    """Print the code."""
    environment = dict(os.environ)
    plain = unconnected(environment)
    planes = open_planes()
    if args.identity == "":  # an unset shell variable must not mean the developer, who reads all
        raise WrongUse("--identity is empty", hint="devvault identity list -o table")
    identity = args.identity or os.environ.get("DEVVAULT_IDENTITY") or ""
    if not identity and (meant := open_place().project.identity):
        identity = meant
        say.note(f"this shell becomes {say.printable(meant)}, the identity that the project names")
    java = load(planes.home, os.environ).java
    found = open_connection(planes, plain, identity=identity, az=args.az, java=java)
    variables, removed = dict(found.variables), list(found.removed)
    before = {name: plain.get(name) for name in [*variables, *removed]}
    # What an earlier connection set and this one does not is given back at once.
    for name, value in read_before(environment).items():
        if name not in before:
            if value is None:
                removed.append(name)
            else:
                variables[name] = value
    if session_of(environment) and environment.get(BEFORE):
        _end(session_of(environment))
    if sys.stdout.isatty():
        say.warning('this is code for a shell, with secrets in it: eval "$(devvault connect)"')
    say.put(write(args.format, {**variables, BEFORE: write_before(before)}, removed))
    return 0


def _end(session: str) -> None:
    try:
        open_planes().local("POST", "/local/disconnect", {"session": session})
    except DevvaultError as error:
        say.note(f"the connection before this one goes on until it expires: {error.message}")
