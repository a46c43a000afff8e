"""Our rules as they were read last: parsing and proving them anew takes longer than most checks.

The cache lies where Python keeps the compiled modules of the same folder, and is trusted as those
are. It is used only for the very files that it was made of, by size and time; whatever is wrong
with it, the rules are read from their files.
"""

from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Sequence
from typing import Any

_FORMAT = 1

Plain = tuple[Any, ...]


def load(folder: str) -> list[Plain] | None:
    """Return what was saved for the rule files of a folder, None where that is nothing."""
    try:
        with open(_path(folder), "rb") as file:  # noqa: PTH123  # pathlib costs more than this
            found = marshal.loads(file.read())  # noqa: S302  # as a .pyc of the same folder is
    except (OSError, ValueError, EOFError, TypeError):
        return None
    if not isinstance(found, tuple) or len(found) != 2 or found[0] != _key(folder):
        return None
    rules = found[1]
    return list(rules) if isinstance(rules, tuple) else None


def save(folder: str, rules: Sequence[Plain]) -> None:
    """Keep rules for the next start, where this is a folder of our own; never fails."""
    path = _path(folder)
    partial = f"{path}.{os.getpid()}"
    try:
        if os.stat(folder).st_uid != os.geteuid():  # noqa: PTH116  # as above
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120  # as above
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(partial, flags, 0o644), "wb") as file:
            file.write(marshal.dumps((_key(folder), tuple(rules))))
        os.replace(partial, path)  # noqa: PTH105  # as above
    except OSError:
        return


def _path(folder: str) -> str:
    return f"{folder}/__pycache__/rules.{sys.implementation.cache_tag}.bin"


def _key(folder: str) -> tuple[Any, ...]:
    """Return what tells the files apart from any others."""
    with os.scandir(folder) as entries:
        files = [(e.name, e.stat()) for e in entries if e.name.endswith(".toml")]
    facts = sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in files)
    return (_FORMAT, sys.version, *facts)
