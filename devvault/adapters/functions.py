"""Azure Functions: `local.settings.json` outside of the Functions host, references resolved.

For tests, notebooks and debuggers: what `func start` would give a function's environment.
"""

from __future__ import annotations

import os
from pathlib import Path

from devvault.config import load
from devvault.errors import PlaintextSecret
from devvault.paths import default_home
from devvault.resolver.plan import EnvFile, Journey, make_plan
from devvault.resolver.project import find_folder, open_place, read_settings
from devvault.resolver.settings import source_of, told, unresolved, without_frames

__all__ = ["load_local_settings"]

_FILE = "local.settings.json"


def load_local_settings(path: str | os.PathLike[str] | None = None) -> bool:
    """Set the environment variables that a `local.settings.json` gives; False where there is none.

    Without a path the nearest one is taken, from the working directory up to the repository's root.
    Names that are set already stay, and are not looked up.

    Raises:
        Unresolved: references that give no value, all of them; nothing is set then.
        PlaintextSecret: a value looks secret; nothing is set then.
        Locked, NotFound, Unavailable: there is no vault to ask, or no such file.
    """
    found = _find() if path is None else Path(path)
    if found is None:
        return False
    os.environ.update(without_frames(lambda: _values(found)))
    return True


def _find() -> Path | None:
    here, root = Path.cwd(), find_folder()
    folders = [at for at in (here, *here.parents) if at.is_relative_to(root)]
    return next((at / _FILE for at in folders if (at / _FILE).is_file()), None)


def _values(path: Path) -> dict[str, str]:
    place = open_place(path.resolve().parent)
    config = load(default_home(), os.environ)
    journey = Journey(
        environment=dict(os.environ),
        files=[EnvFile(str(path), read_settings(path, place.folder), "localsettings")],
        vaults=place.project.vaults,
        plain=frozenset(place.project.plain),
        on_unresolved=config.on_unresolved,
        plaintext=config.plaintext,
    )
    plan = make_plan(journey, source_of(place).look_up)
    told(plan.notes)
    if plan.failures:
        raise unresolved(list(plan.failures), [])
    if plan.refused:
        raise PlaintextSecret(
            "; ".join(words for words, _ in plan.refused), hint=f"devvault import {path}"
        )
    return {name: value for name, value in plan.variables.items() if name not in os.environ}
