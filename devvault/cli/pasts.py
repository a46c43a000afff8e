"""Tells which commits already hold a value that an import just moved: it has to be changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from devvault.cli import say
from devvault.cli.adoption import Step
from devvault.cli.progress import Progress
from devvault.errors import DevvaultError
from devvault.scan.history import search, wanted

_SHOWN = 200


def tell_history(folder: Path, secrets: Sequence[Step]) -> None:
    """Search git's history for the values of some steps, and name each commit that added one."""
    if not (folder / ".git").exists():
        return
    values = [wanted(one.key, one.value.reveal()) for one in secrets if one.value is not None]
    try:
        with Progress("looking for the values in git's history") as drawn:
            found = search(folder, values, step=drawn.step)
    except DevvaultError as error:
        say.note(f"git's history was not searched: {error.message}")
        return
    if found.holding:
        keys = list(dict.fromkeys(key for one in found.holding for key in one.keys))
        say.warning("git's history holds values of this import, and so does every clone of it:")
        for one in found.holding[:_SHOWN]:
            where = f"{', '.join(one.keys)} in {', '.join(one.paths)}"
            say.tell(say.printable(f"  {one.commit} {one.date} {one.subject[:50]}: {where}"))
        if len(found.holding) > _SHOWN:
            say.tell(f"  and {len(found.holding) - _SHOWN} more commits")
        say.warning(f"rotate: change {', '.join(map(say.printable, keys))} where it is issued")
        say.hint(f"devvault set {say.printable(keys[0])}")
    if not found.complete:
        say.note(f"only the newest {found.commits} commits were searched")
