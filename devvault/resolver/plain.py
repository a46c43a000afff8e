"""The env files below a chain: plain settings and references; what looks secret is refused.

Files are read as `devvault run` reads them. It keeps what it read until a file is another one.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from devvault.config import load
from devvault.paths import default_home
from devvault.resolver.plan import ALLOW, WARN, Journey, Lookup, make_plan, read_files, why_secret
from devvault.resolver.project import Place, Signature, signature
from devvault.resolver.settings import read_place, told, unresolved
from devvault.settingsfiles.base import Setting

_OURS = "DEVVAULT_"


class PlainSettings:
    """What the env files of a place say."""

    def __init__(self, place: Place) -> None:
        self._seen: dict[Path, Signature] = {}
        notes: list[str] = []
        self._project = place.project
        self._files = read_place(place, notes, self._seen)
        for path in place.env_files:
            self._seen.setdefault(path, signature(path))
        self._verdict = load(default_home(), os.environ).plaintext
        told(tuple(notes))
        self._settings: dict[str, tuple[str, Setting]] = {}
        for file, setting in read_files(Journey(files=self._files)):
            if setting.error is None and not setting.key.upper().startswith(_OURS):
                self._settings[setting.key] = (file.path, setting)

    @property
    def hint(self) -> str:
        """The command that moves secrets of these files into a vault."""
        return f"devvault import {' '.join(shlex.quote(file.path) for file in self._files)}"

    def is_current(self) -> bool:
        """Say whether the files are still those that were read."""
        return all(signature(path) == before for path, before in self._seen.items())

    def why_secret(self, name: str) -> str:
        """Return why a setting may not stand in its file; "" where it may."""
        found = self._settings.get(name)
        if found is None or self._verdict == ALLOW:
            return ""
        why = why_secret(found[1], self._project.plain)
        words = f"{name}: {found[0]} line {found[1].line} holds a secret: {why}" if why else ""
        if words and self._verdict == WARN:
            told((words,))
            return ""
        return words

    def read(self, names: Iterable[str], look_up: Lookup) -> dict[str, str]:
        """Return what those that are there stand for; references as they are written.

        `look_up` is asked for what `${NAME}` in a value refers to.
        """
        found: dict[str, str] = {}
        composed: list[str] = []
        for name in names:
            held = self._settings.get(name)
            value = None if held is None else held[1].value
            if held is None or value is None:
                continue
            found[name] = value
            if "${" in value and held[1].quote != "'":
                composed.append(name)
        if composed:
            plan = make_plan(
                Journey(
                    environment=dict(os.environ),
                    files=self._files,
                    vaults={},
                    plain=frozenset(self._project.plain),
                    plaintext=ALLOW,  # each name that is asked for was judged
                ),
                look_up,
            )
            failures = [one for one in plan.failures if one.setting in composed]
            if plan.failures:
                raise unresolved(failures or list(plan.failures), [])
            found |= {name: plan.variables[name] for name in composed if name in plan.variables}
        return found
