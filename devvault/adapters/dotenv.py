"""python-dotenv's `load_dotenv`, `dotenv_values` and `find_dotenv`, with references resolved.

Same signatures, same parser, same search from the caller's file. What differs: a value that came
from a vault is never interpolated itself, and one that looks secret in the file is refused.
"""

from __future__ import annotations

import io
import logging
import os
import stat
import sys
from collections import OrderedDict
from collections.abc import Container
from pathlib import Path
from typing import IO

from dotenv.main import DotEnv
from dotenv.variables import parse_variables

from devvault.resolver.dotenv import resolve_text
from devvault.resolver.settings import without_frames

__all__ = ["dotenv_values", "find_dotenv", "load_dotenv"]

StrPath = str | os.PathLike[str]

_LOG = logging.getLogger("dotenv.main")  # who listens to python-dotenv hears us


def load_dotenv(
    dotenv_path: StrPath | None = None,
    stream: IO[str] | None = None,
    verbose: bool = False,
    override: bool = False,
    interpolate: bool = True,
    encoding: str | None = "utf-8",
) -> bool:
    """Set the environment variables that a `.env` file gives, its references resolved.

    Without a path or a stream the nearest `.env` is taken, from the folder of the calling file
    upwards. Names that are set already stay, unless `override`; their references are not looked
    up. Returns whether the file had any setting. `PYTHON_DOTENV_DISABLED` switches it off.

    Raises:
        Unresolved: references that give no value, all of them; nothing is set then.
        PlaintextSecret: a value looks secret; nothing is set then.
        Locked, NotFound, Unavailable: there is no vault to ask.
    """
    if _is_disabled():
        _LOG.debug(
            "python-dotenv: .env loading disabled by PYTHON_DOTENV_DISABLED environment variable"
        )
        return False
    if dotenv_path is None and stream is None:
        dotenv_path = find_dotenv()
    path, text = _read(dotenv_path, stream, encoding, verbose=verbose)
    taken: Container[str] = frozenset() if override else os.environ
    found = without_frames(
        lambda: values_of(path, text, taken, interpolate=interpolate, override=override)
    )
    for name, value in found.items():
        if value is not None and (override or name not in os.environ):
            os.environ[name] = value
    return bool(found)


def dotenv_values(
    dotenv_path: StrPath | None = None,
    stream: IO[str] | None = None,
    verbose: bool = False,
    interpolate: bool = True,
    encoding: str | None = "utf-8",
) -> dict[str, str | None]:
    """Return what a `.env` file gives, its references resolved; the environment is left alone.

    A name without a value is None. Without a path or a stream the file is searched for as
    `load_dotenv` does.

    Raises:
        Unresolved, PlaintextSecret, Locked, NotFound, Unavailable: as `load_dotenv`.
    """
    if dotenv_path is None and stream is None:
        dotenv_path = find_dotenv()
    path, text = _read(dotenv_path, stream, encoding, verbose=verbose)
    return without_frames(
        lambda: values_of(path, text, frozenset(), interpolate=interpolate, override=True)
    )


def find_dotenv(
    filename: str = ".env", raise_error_if_not_found: bool = False, usecwd: bool = False
) -> str:
    """Return the nearest file of this name, from the folder of the calling file upwards, or "".

    From the working directory instead with `usecwd`, in a REPL or notebook, under a debugger, and
    in a frozen program.

    Raises:
        OSError: there is none, and `raise_error_if_not_found`.
    """
    if usecwd or _is_interactive() or sys.gettrace() is not None or getattr(sys, "frozen", False):
        start = os.getcwd()  # noqa: PTH109  # as python-dotenv has it, links and all
    else:
        start = _folder_of_caller()
    at = Path(start)
    for folder in (at, *at.parents):
        path = os.path.join(folder, filename)  # noqa: PTH118  # a str, as python-dotenv gives
        if _is_file(path):
            return path
    if raise_error_if_not_found:
        raise OSError("File not found")  # python-dotenv's own words
    return ""


def values_of(
    path: StrPath | None, text: str, taken: Container[str], *, interpolate: bool, override: bool
) -> dict[str, str | None]:
    """Return every setting of a file's text with its value, in the file's order."""
    pairs = list(DotEnv(None, io.StringIO(text)).parse())
    resolved = resolve_text(text, None if path is None else Path(path), taken)
    last = {name: number for number, (name, _) in enumerate(pairs)}
    found: OrderedDict[str, str | None] = OrderedDict()
    for number, (name, written) in enumerate(pairs):
        if name in resolved and last[name] == number:
            found[name] = resolved[name]
        elif written is None or not interpolate:
            found[name] = written
        else:
            known: dict[str, str | None] = (
                {**os.environ, **found} if override else {**found, **os.environ}
            )
            found[name] = "".join(atom.resolve(known) for atom in parse_variables(written))
    return found


def _read(
    path: StrPath | None, stream: IO[str] | None, encoding: str | None, *, verbose: bool
) -> tuple[StrPath | None, str]:
    """Return the file that was read, None for a stream, and the text."""
    if path and _is_file(path):
        with open(path, encoding=encoding) as file:  # noqa: PTH123  # a path may be bytes or a FIFO
            return path, file.read()
    if stream is not None:
        return None, stream.read()
    if verbose:
        _LOG.info("python-dotenv could not find configuration file %s.", path or ".env")
    return None, ""


def _is_file(path: StrPath) -> bool:
    """Say whether something can be read there: a regular file, or a FIFO."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116  # as above
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(mode) or stat.S_ISFIFO(mode)


def _is_disabled() -> bool:
    word = os.environ.get("PYTHON_DOTENV_DISABLED", "").casefold()
    return word in {"1", "true", "t", "yes", "y"}


def _folder_of_caller() -> str:
    frame = sys._getframe()  # noqa: SLF001  # the search starts from the caller's file
    while frame.f_code.co_filename == __file__ or not os.path.exists(frame.f_code.co_filename):  # noqa: PTH110  # as above
        assert frame.f_back is not None
        frame = frame.f_back
    return os.path.dirname(os.path.abspath(frame.f_code.co_filename))  # noqa: PTH100, PTH120  # as above


def _is_interactive() -> bool:
    if hasattr(sys, "ps1") or hasattr(sys, "ps2"):
        return True
    try:
        main = __import__("__main__", None, None, fromlist=["__file__"])
    except ModuleNotFoundError:
        return False
    return not hasattr(main, "__file__")
