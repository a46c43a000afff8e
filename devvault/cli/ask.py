"""Questions on the terminal: a hidden value, yes or no; and values from stdin.

Without a terminal every question is refused, with the command to use instead: a script never
hangs, and a value never comes from a place that the user did not mean.
"""

from __future__ import annotations

import os
import sys

from devvault.config import load
from devvault.errors import Forbidden, Invalid, WrongUse
from devvault.paths import default_home

STDIN_LIMIT = 1024 * 1024


def has_terminal() -> bool:
    """Say whether this process has a controlling terminal that can be talked to."""
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    os.close(descriptor)
    return True


def is_interactive() -> bool:
    """Say whether somebody sits there: stdin is a terminal, and we have one to ask on."""
    return sys.stdin is not None and sys.stdin.isatty() and has_terminal()


def check_may_reveal(verb: str) -> None:
    """Refuse to hand out a value without a terminal where the user's configuration says so.

    It guards against accidents (a tool that runs us unseen), not against the user's own code.

    Raises:
        Forbidden: `reveal = terminal`, and this process has no controlling terminal.
    """
    if load(default_home(), os.environ).reveal == "terminal" and not has_terminal():
        raise Forbidden(
            f"{verb} would show a value, and there is no terminal (reveal = terminal)",
            code="RevealRefused",
            hint="run it on a terminal, or set reveal in your own config.toml",
        )


def hidden(question: str, *, instead: str) -> str:
    """Ask for a value without echo and return it; `instead` is the command that needs no terminal.

    Raises:
        WrongUse: there is no terminal, or the answer is empty.
    """
    if not has_terminal():
        raise WrongUse(f"there is no terminal to ask on: {question}", hint=instead)
    import getpass
    import warnings

    with warnings.catch_warnings():
        # getpass falls back to an echoed prompt with a warning; we refuse that.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            answer = getpass.getpass(f"{question}: ")
        except getpass.GetPassWarning as error:
            raise WrongUse("the terminal cannot hide what is typed", hint=instead) from error
        except EOFError as error:
            raise WrongUse("nothing was typed", hint=instead) from error
    if not answer:
        raise WrongUse("nothing was typed", hint=instead)
    return answer


def hidden_twice(question: str, *, instead: str) -> str:
    """Ask twice for a new secret that cannot be looked up later.

    Raises:
        WrongUse: as `hidden`, or the two answers differ.
    """
    first = hidden(question, instead=instead)
    if hidden("once more", instead=instead) != first:
        raise WrongUse("the two answers differ", hint=instead)
    return first


def yes(question: str, *, instead: str, default: bool = False) -> bool:
    """Ask a question that yes or no answers.

    Raises:
        WrongUse: there is no terminal.
    """
    if not is_interactive():
        raise WrongUse(f"there is no terminal to ask on: {question}", hint=instead)
    shown = "Y/n" if default else "y/N"
    print(f"{question} [{shown}] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip().lower()
    return default if not answer else answer in ("y", "yes")


def read_stdin(*, instead: str) -> str:
    """Return all of stdin as text, byte for byte; at most 1 MiB.

    Raises:
        WrongUse: stdin is closed, or empty.
        Invalid: it is not UTF-8, or too long.
    """
    if sys.stdin is None:
        raise WrongUse("there is no standard input to read", hint=instead)
    data = sys.stdin.buffer.read(STDIN_LIMIT + 1)
    if len(data) > STDIN_LIMIT:
        raise Invalid("standard input holds more than 1 MiB", hint=instead)
    if not data:
        raise WrongUse("standard input is empty", hint=instead)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(
            "standard input is not UTF-8 text",
            hint="devvault keyvault secret set --file FILE --encoding base64",
        ) from error


def value(question: str, *, instead: str) -> str:
    """Return a secret value: asked hidden on a terminal, else read from stdin.

    Raises:
        WrongUse: nothing was typed or sent.
        Invalid: as `read_stdin`.
    """
    if is_interactive():
        return hidden(question, instead=instead)
    return strip_newline(read_stdin(instead=instead))


def strip_newline(text: str) -> str:
    """Return text without one newline at its end.

    `echo value |` and an editor's file both end with one that nobody means; a value that must keep
    it is stored with `devvault keyvault secret set --file`.
    """
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")
