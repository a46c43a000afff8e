"""What az does to every word of a command line before it is parsed, and what a tutorial adds.

`@FILE` stands for what the file holds, alone and behind `KEY=` or `--flag=`; `@-` for stdin. A word
that names no file stays as it is typed. A pasted long dash is read as the hyphens that it was.
"""

from __future__ import annotations

import base64
import codecs
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from devvault.cli import say
from devvault.errors import WrongUse

_LIMIT = 1024 * 1024
_SHOWN = 60


def with_dashes(args: Sequence[str]) -> list[str]:
    """Read a pasted long dash as the two that it was; a value is left alone."""
    found = []
    for before, arg in zip(["", *args], args, strict=False):
        plain = arg.lstrip("\u2013\u2014")
        if plain == arg or before == "--value" or not plain[:1].isalpha():
            found.append(arg)
            continue
        found.append(f"-{plain}" if len(plain) == 1 else f"--{plain}")
        say.note(f"{arg[:_SHOWN]!a} is read as {found[-1][:_SHOWN]}")
    return found


def with_files(args: Sequence[str]) -> list[str]:
    """Put what files hold in the place of `@FILE`.

    Raises:
        WrongUse: a file is larger than any value can be.
    """
    found: list[str] = []
    for arg in args:
        name, equals, value = arg.partition("=")
        held = _held(value if equals else arg)
        if held is None:
            found.append(arg)
        elif equals:
            found.append(f"{name}={held}")
        elif held.startswith("-") and found and found[-1].startswith("--"):
            found[-1] += f"={held}"  # a flag, for argparse, if it stood alone
        else:
            found.append(held)
    return found


def _held(word: str) -> str | None:
    if not word.startswith("@") or len(word) == 1:
        return None
    try:
        if word == "@-":
            data = b"" if sys.stdin is None else sys.stdin.buffer.read(_LIMIT + 1)
        else:
            with Path(word[1:]).expanduser().open("rb") as file:
                data = file.read(_LIMIT + 1)
    except (OSError, RuntimeError, ValueError):  # no such file, no such user's home, a NUL
        return None
    if len(data) > _LIMIT:
        raise WrongUse(f"{say.printable(word[1:])} is larger than 1 MiB, and so than any value")
    return _text(data).rstrip(os.linesep)


def _text(data: bytes) -> str:
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        return base64.b64encode(data).decode()  # as az
