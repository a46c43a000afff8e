"""`devvault inject`: a file out of a template, each reference in it replaced by its value."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from pathlib import Path

from devvault.cli import say
from devvault.cli.ask import STDIN_LIMIT, check_may_reveal
from devvault.cli.privatefile import read_file, write_private
from devvault.cli.project import Place, open_place
from devvault.cli.resolve import resolved
from devvault.cli.template import Hole, filled, holes
from devvault.cli.worktree import check_untracked
from devvault.errors import WrongUse

_STANDARD = "-"
_LIMIT = 16 * 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Replace the references in a template by their values: {{ REFERENCE }} in any form, and\n"
        "@Microsoft.KeyVault(...) and akvs://... where they stand bare. The file is written whole\n"
        "or not at all, mode 0600, and not into a git work tree that would track it. For programs\n"
        "that read nothing but a file; for others devvault run leaves nothing on the disk."
    )
    parser.epilog = (
        "example: devvault inject -i config.toml.tpl -o config.toml\n"
        "         echo 'db = {{ akvs://SUB/my-vault/DB }}' | devvault inject | psql-setup"
    )
    parser.add_argument(
        "-i", "--in-file", default=_STANDARD, metavar="FILE", help="the template (default: stdin)"
    )
    parser.add_argument(
        "-o",
        "--out-file",
        default=_STANDARD,
        metavar="FILE",
        help="the result (default: stdout)",
    )
    parser.add_argument("-f", "--force", action="store_true", help="replace a file that is there")
    parser.add_argument("-e", dest="environment", metavar="NAME", help="of the project file")
    parser.add_argument("--identity", help="resolve as this identity (default: the developer)")


def main(args: argparse.Namespace) -> int:
    """Write it, or end with 78 where a reference does not resolve.

    Raises:
        Unresolved: references that give no value, by the line that they stand on.
        WrongUse: a file may not be read or written.
    """
    check_may_reveal("inject")
    out: str = args.out_file
    if out != _STANDARD:
        _check_target(out, force=args.force)
    place = open_place(environment=args.environment)
    text = _template(args.in_file).decode("utf-8", "surrogateescape")
    found = holes(text)
    if not found:
        say.warning("the template holds no reference")
    data = filled(text, found, _values(found, place, args.identity)).encode(
        "utf-8", "surrogateescape"
    )
    if out != _STANDARD:
        write_private(out, data, overwrite=args.force)
        return 0
    if found and (where := _in_clear()):
        say.warning(f"values are in clear {where}")
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    return 0


def _values(found: list[Hole], place: Place, identity: str | None) -> list[str]:
    """Return a value for each hole; the same reference is asked for once."""
    named: dict[str, str] = {}
    for hole in found:
        named.setdefault(hole.text, f"line {hole.line}")
    numbered = {f"{name}, reference {n}": text for n, (text, name) in enumerate(named.items(), 1)}
    values = resolved(place, numbered, identity) if numbered else {}
    by_text = {text: values[name] for name, text in numbered.items()}
    return [by_text[hole.text] for hole in found]


def _check_target(out: str, *, force: bool) -> None:
    path = Path(out)
    if os.path.lexists(path) and not force:
        raise WrongUse(f"{out} is there already, and is not overwritten", hint="--force")
    check_untracked(path)


def _template(name: str) -> bytes:
    if name != _STANDARD:
        return read_file(name, limit=_LIMIT)
    if sys.stdin is None or sys.stdin.isatty():
        raise WrongUse("the template is needed, as a file or on stdin", hint="-i FILE")
    data = sys.stdin.buffer.read(STDIN_LIMIT + 1)
    if len(data) > STDIN_LIMIT:
        raise WrongUse("the template on stdin holds more than 1 MiB", hint="-i FILE")
    return data


def _in_clear() -> str:
    """Return where stdout leaves values for others to see; "" for a pipe."""
    if sys.stdout.isatty():
        return "on this terminal"
    is_file = stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    return "in this file, which has the mode that your shell gave it (-o FILE)" if is_file else ""
