"""What is staged, out of what git prints about it: the blobs in the index, and which lines are new.

Starts nothing: the daemon and the hook's short way read with it what git gave to somebody else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from devvault.errors import Unavailable
from devvault.scan.changes import Entry, changes
from devvault.scan.text import Text, from_bytes, too_large

_WHOLE = "2147483647"  # lines of context: the whole file
DIFF = (
    "--no-color", "--no-ext-diff", "--no-textconv", "--no-relative", "--submodule=short",
    "--src-prefix=a/", "--dst-prefix=b/", "--no-indent-heuristic", "--ignore-submodules=none",
)  # fmt: skip
STAGED = (
    "diff", "--cached", "--raw", "--abbrev=64", "-p", f"-U{_WHOLE}", "--diff-filter=d", *DIFF,
)  # fmt: skip

# Reads blobs by id; None for what is missing or too large.
Blobs = Callable[[Sequence[str]], Iterator[tuple[str, bytes | None]]]


def staged_texts(lines: Iterable[bytes], blobs: Blobs | None = None) -> Iterator[Text]:
    """Return the texts of `git diff` with `STAGED`; what it does not print is read with `blobs`.

    Raises:
        Unavailable: git has to be asked, and there is no way to.
    """
    entries: list[Entry] = []
    seen: set[bytes] = set()
    submodules: set[bytes] = set()
    told = 0
    for change in changes(lines, entries):
        if change.path is None or change.is_binary or not change.numbers:
            continue
        seen.add(change.path)
        submodules.update(one.path for one in entries[told:] if one.mode == "160000")
        told = len(entries)
        if change.path not in submodules:
            yield from_bytes(os.fsdecode(change.path), change.data, frozenset(change.added))
    for path in sorted(one.path for one in entries if one.mode == "160000"):
        yield Text(os.fsdecode(path), skipped="a submodule, to be checked for itself")
    left = [one for one in entries if one.path not in seen]
    for one in left:
        if one.status == "U":
            yield Text(os.fsdecode(one.path), skipped="not merged yet")
    wanted: dict[str, list[bytes]] = {}
    for one in left:
        if one.is_file and one.status != "U" and one.id != one.old:
            wanted.setdefault(one.id, []).append(one.path)
    if not wanted:
        return
    if blobs is None:
        raise Unavailable("git has to be asked for what it does not print", code="NeedsGit")
    for id, blob in blobs(list(wanted)):
        for path in wanted[id]:
            name = os.fsdecode(path)
            yield from_bytes(name, blob) if blob is not None else Text(name, skipped=too_large())
