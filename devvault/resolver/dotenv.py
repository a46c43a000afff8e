"""A `.env` for the drop-in: what is not sensitive passes, references get their values.

A value that looks secret is refused, as everywhere. It reads text and returns values by name; how
they reach the environment is the adapter's business.
"""

from __future__ import annotations

import os
from collections.abc import Container, Sequence
from pathlib import Path

from devvault.config import load
from devvault.errors import PlaintextSecret
from devvault.paths import default_home
from devvault.references.base import find
from devvault.resolver.plan import ALLOW, EMPTY, FAIL, WARN, resolve_all, why_secret
from devvault.resolver.project import Place, open_place
from devvault.resolver.settings import source_of, told, unresolved
from devvault.settingsfiles.base import Setting, get_format


def resolve_text(text: str, path: Path | None, taken: Container[str]) -> dict[str, str]:
    """Return the values of the references in a `.env`'s text, by name, in one round trip.

    `path` is where the text was read; its project says which vaults it may ask. Only what rests in
    a regular file is judged: a stream or a FIFO may hold what something else just decrypted.
    `taken` are names that are set already and not overruled: neither looked up nor judged.

    Raises:
        PlaintextSecret: a value looks secret.
        Unresolved: references that give no value, all of them.
        Locked, NotFound, Unavailable: there is no vault to ask.
        Invalid: the text is none that a settings file can hold.
    """
    settings = get_format("dotenv").read(text.encode("utf-8", "surrogatepass"))
    last = {one.key: one for one in settings if one.error is None and one.value is not None}
    references = {
        key: one.value or ""
        for key, one in last.items()
        if key not in taken and find(one.value or "") is not None
    }
    at_rest = path is not None and path.is_file()
    suspects = (
        [one for one in settings if one.key not in taken and why_secret(one, ())] if at_rest else []
    )
    if not references and not suspects:
        return {}  # whoever does not use us pays nothing
    place = place_of(path)
    config = load(default_home(), os.environ)
    if suspects and config.plaintext != ALLOW:
        _check_plain(suspects, place, str(path), only_warn=config.plaintext == WARN)
    if not references:
        return {}
    values, failures = resolve_all(references, source_of(place).look_up, place.project.vaults)
    if failures and config.on_unresolved == FAIL:
        raise unresolved(failures, [])
    told(tuple(item.line for item in failures))
    if config.on_unresolved == EMPTY:
        values |= {item.setting: "" for item in failures}
    return values


def place_of(path: Path | None) -> Place:
    """Return the project that a file belongs to: the repository around it, else the one at hand.

    Outside of a repository a project is one folder; a file somewhere below the working
    directory's project belongs to that one.
    """
    if path is None:
        return open_place()
    around = open_place(path.resolve().parent)
    if around.file is None and not (around.folder / ".git").exists():
        here = open_place()
        if here.file is not None and around.folder.is_relative_to(here.folder):
            return here
    return around


def _check_plain(suspects: Sequence[Setting], place: Place, shown: str, *, only_warn: bool) -> None:
    plain = place.project.plain
    found = tuple(
        f"{one.key}: {shown} line {one.line} holds a secret: {why}"
        for one in suspects
        if (why := why_secret(one, plain))
    )
    if only_warn:
        told(found)
    elif found:
        import shlex

        hint = f"devvault import {shlex.quote(shown)}"
        raise PlaintextSecret("; ".join(found), hint=hint)
