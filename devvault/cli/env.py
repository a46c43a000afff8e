"""`devvault env`: the resolved settings, in clear, for `eval` or a tool that wants a file."""

from __future__ import annotations

import argparse
import os
import stat
import sys

from devvault.cli import say
from devvault.cli.ask import check_may_reveal
from devvault.cli.dialects import DIALECTS, write
from devvault.cli.fast import Stop
from devvault.cli.run import given_environment, settle
from devvault.settingsfiles.base import is_shell_name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Print the settings that `devvault run` would give a program, values in clear. Prefer\n"
        "`devvault run`: what is printed may end up in a history or a log."
    )
    parser.epilog = 'example: eval "$(devvault env)"\n         devvault env --format fish | source'
    parser.add_argument("-e", dest="environment", metavar="NAME", help="of the project file")
    parser.add_argument(
        "--env-file", action="append", default=[], metavar="FILE", help="instead of the project's"
    )
    parser.add_argument(
        "--settings", action="append", default=[], metavar="FILE", help="a JSON or TOML file too"
    )
    parser.add_argument(
        "--identity", metavar="I", help="resolve as this identity (default: the developer)"
    )
    parser.add_argument(
        "--format", choices=tuple(DIALECTS), default="sh", help="form of the output (default: sh)"
    )


def main(args: argparse.Namespace) -> int:
    """Print them, or end with 78 where one does not resolve."""
    check_may_reveal("env")
    flags = [b"Venv"]
    chosen = args.environment or os.environ.get("DEVVAULT_ENVIRONMENT")
    if chosen:
        flags.append(b"Oenvironment=" + os.fsencode(chosen))
    identity = args.identity or os.environ.get("DEVVAULT_IDENTITY")
    if identity:
        flags.append(b"I" + os.fsencode(identity))
    flags += [b"F" + os.fsencode(path) for path in args.env_file]
    flags += [b"S" + os.fsencode(path) for path in args.settings]
    given = given_environment()
    try:
        made, _ = settle(flags, given)
    except Stop as stop:
        return stop.code
    values = {os.fsdecode(name): os.fsdecode(v) for name, v in made.items() if given.get(name) != v}
    usable = {name: value for name, value in values.items() if is_shell_name(name)}
    for name in values.keys() - usable.keys():
        say.note(f"left out: {say.printable(name)} is no name that a shell could hold")
    removed = [name for name in map(os.fsdecode, given.keys() - made.keys()) if is_shell_name(name)]
    text = write(args.format, usable, removed)
    where = _in_clear()
    if usable and where:
        say.warning(f"values are in clear {where}")
    say.put(text)
    return 0


def _in_clear() -> str:
    """Return where stdout leaves values for others to see; "" for a pipe."""
    if sys.stdout.isatty():
        return "on this terminal"
    try:
        is_file = stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):
        return ""
    return "in this file" if is_file else ""
