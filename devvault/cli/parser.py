"""The parser of every verb: it tells a mistake as every error is told, and repeats no secret.

A word too many may be a value that belonged into quotes or behind a flag: it is counted, not shown.
"""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Sequence
from typing import NoReturn

from devvault.errors import WrongUse

_NO_COMMAND = re.compile(r"argument COMMAND: invalid choice: '([^']*)' \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """An argument parser whose mistakes are errors of ours."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print, a command that is not there in plainer words."""
        found = _NO_COMMAND.match(message)
        if found is None:
            raise WrongUse(message.rstrip("."), hint=f"{self.prog} --help")
        known = re.findall(r"'([^']*)'", found[2])
        near = difflib.get_close_matches(found[1], known, 1)
        more = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise WrongUse(
            f"{self.prog} has no command '{found[1]}'; {more}", hint=f"{self.prog} --help"
        )


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    words: str,
    example: str = "",
) -> argparse.ArgumentParser:
    """Add a command below a verb, with its line in the verb's help and an example in its own."""
    verb = str(commands._prog_prefix)  # noqa: SLF001  # "devvault audit", as argparse made it
    return commands.add_parser(
        name,
        help=words,
        description=f"{words[:1].upper()}{words[1:]}.",
        epilog=f"example: {verb} {name}{example and ' ' + example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def unknown(parser: argparse.ArgumentParser, words: Sequence[str], rest: Sequence[str]) -> WrongUse:
    """Return the error for words that a parser could do nothing with."""
    meant = asked(parser, words)
    flags = [word.partition("=")[0] for word in rest if word.startswith("-") and len(word) > 1]
    hint = f"{meant.prog} --help"
    if not flags:
        many = "one word" if len(rest) == 1 else f"{len(rest)} words"
        return WrongUse(
            f"{many} too many for {meant.prog}; a value that holds blanks needs quotes", hint=hint
        )
    known = [
        name
        for action in meant._actions  # noqa: SLF001  # has no other name
        for name in action.option_strings
        if action.help != argparse.SUPPRESS
    ]
    near = difflib.get_close_matches(flags[0], known, 1, 0.75)
    maybe = f"; did you mean {near[0]}?" if near and near[0] != flags[0] else ""
    return WrongUse(f"unrecognized arguments: {' '.join(flags)}{maybe}", hint=hint)


def asked(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of the command that the words name.

    A command's flags come behind it, so the first word that names none ends the search.
    """
    for word in words:
        below = next(
            (
                action
                for action in parser._actions  # noqa: SLF001  # has no other name
                if isinstance(action, argparse._SubParsersAction)  # noqa: SLF001  # has no other name
            ),
            None,
        )
        if below is None or word not in below.choices:
            return parser
        parser = below.choices[word]
    return parser
