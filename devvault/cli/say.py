"""What goes to stdout, and what to stderr. Results alone go to stdout.

The forms of `-o` are those of az, byte for byte where a script may read them; each library is
loaded when its form is asked for. Errors and hints are one line each, and never hold a value.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping

from devvault.errors import Unavailable, WrongUse

FORMS = ("json", "jsonc", "yaml", "yamlc", "table", "tsv", "none")

Table = Callable[[object], object]


def add_output(parser: argparse.ArgumentParser, *, default: str = "json") -> None:
    """Give a verb that prints objects `-o` and `--query`, as az has them."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o",
        "--output",
        choices=FORMS,
        default=default,
        help=f"form of the result (default: {default})",
    )
    group.add_argument("--query", metavar="JMESPATH", help="print only this part of the result")


def show(args: argparse.Namespace, result: object, *, table: Table | None = None) -> None:
    """Print a result in the form that the user chose; nothing where it is None.

    `table` picks the columns for `-o table`, unless a query picked them already.

    Raises:
        WrongUse: the query is no JMESPath, or does not fit the result.
    """
    form: str = args.output
    query: str | None = args.query
    if query is not None:
        result = search(query, result)
    if result is None or form == "none" or getattr(args, "no_wait", False):
        return
    if form == "table":
        from devvault.cli.rows import to_table

        if table is not None and query is None:
            text = to_table(table(result), sort=False)
        else:
            text = to_table(result, sort=query is None)
    elif form == "tsv":
        from devvault.cli.rows import to_tsv

        text = to_tsv(result)
    elif form in ("yaml", "yamlc"):
        text = _yaml(result)
    else:
        text = _json(result)
        if form == "jsonc" and sys.stdout.isatty():
            _in_colour(text)
            return
    put(text)


def search(query: str, result: object) -> object:
    """Return what a JMESPath query finds.

    Raises:
        WrongUse: the query is malformed, or does not fit the result.
    """
    try:
        import jmespath
        from jmespath.exceptions import JMESPathError
    except ImportError as error:
        raise Unavailable(
            "--query needs the package jmespath", hint="pip install jmespath"
        ) from error
    try:
        # An ordered dict keeps the columns of a multi-select in the order of the query.
        from collections import OrderedDict

        found: object = jmespath.search(query, result, jmespath.Options(OrderedDict))
    except (JMESPathError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".:")
        raise WrongUse(f"the query cannot be used: {reason}", hint="devvault help az") from error
    return found


def put(text: str) -> None:
    """Write text to stdout, where a terminal cannot show a character with its escape."""
    try:
        sys.stdout.write(text)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def line(text: str) -> None:
    """Write one line of a result to stdout."""
    put(text + "\n")


def note(text: str) -> None:
    """Tell the user something on stderr."""
    _stderr(f"devvault: note: {text}")


def hint(command: str) -> None:
    """Tell the user on stderr what to type."""
    _stderr(f"devvault: hint: {command}")


def warning(text: str) -> None:
    """Warn the user on stderr."""
    _stderr(f"devvault: warning: {text}")


def tell(text: str) -> None:
    """Write a line to stderr as it is: what a verb did, which is no result."""
    _stderr(text)


def printable(text: str) -> str:
    """Return text in which no character moves the cursor or changes the terminal."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def escaped(text: str) -> str:
    """Return JSON in which such a character stands as its escape; a reader finds the same in it."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _stderr(text: str) -> None:
    encoding = sys.stderr.encoding or "ascii"
    safe = text.encode(encoding, "backslashreplace").decode(encoding)
    print(safe, file=sys.stderr, flush=True)


def _json(result: object) -> str:
    def dump(*, ascii_only: bool) -> str:
        return (
            json.dumps(
                result, ensure_ascii=ascii_only, indent=2, sort_keys=True, separators=(",", ": ")
            )
            + "\n"
        )

    text = escaped(dump(ascii_only=False))
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = dump(ascii_only=True)
    return text


def _in_colour(text: str) -> None:
    from rich.console import Console
    from rich.highlighter import JSONHighlighter
    from rich.text import Text

    shown = Text(text.rstrip("\n"))
    JSONHighlighter().highlight(shown)
    Console(soft_wrap=True).print(shown)


def _yaml(result: object) -> str:
    try:
        import yaml
    except ImportError as error:
        raise Unavailable("-o yaml needs the package PyYAML", hint="pip install pyyaml") from error
    text: str = yaml.safe_dump(_plain(result), default_flow_style=False, allow_unicode=True)
    return text


def _plain(result: object) -> object:
    """Return a result in plain containers: a YAML writer refuses the others."""
    if isinstance(result, Mapping):
        return {key: _plain(value) for key, value in result.items()}
    if isinstance(result, list | tuple):
        return [_plain(item) for item in result]
    return result
