"""Django: `environ` for settings.py, and references anywhere in its names.

Django itself is not imported: this is read while Django reads its settings.
"""

from __future__ import annotations

import os as _os
from collections.abc import Iterator, Mapping, MutableMapping

from devvault.resolver.nested import resolve_tree
from devvault.resolver.settings import Settings, load_settings

__all__ = ["environ", "os", "resolve_settings"]


class _Environ(Mapping[str, str]):
    """The environment and the project's settings files, read when first asked for."""

    def __init__(self) -> None:
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """The settings, loaded once."""
        if self._settings is None:
            self._settings = load_settings()
        return self._settings

    def __getitem__(self, name: str) -> str:
        return self.settings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.settings)

    def __len__(self) -> int:
        return len(self.settings)

    def __repr__(self) -> str:
        return repr(self.settings)


environ = _Environ()


class _Os:
    """The module `os`, its `environ` being ours: for a settings.py that says `os.environ`."""

    environ = environ

    @staticmethod
    def getenv(name: str, default: str | None = None) -> str | None:
        """Return a setting, or the default."""
        return environ.get(name, default)

    def __getattr__(self, name: str) -> object:
        return getattr(_os, name)


os = _Os()


def resolve_settings(names: MutableMapping[str, object]) -> None:
    """Resolve the references in a settings module: `resolve_settings(globals())` at its end.

    Upper-case names are settings, as Django has it; lists and dictionaries are looked through.

    Raises:
        Unresolved: references that give no value, all of them, by their paths.
    """
    found = {name: value for name, value in names.items() if name.isupper()}
    resolved = resolve_tree(found)
    if resolved is not found:
        assert isinstance(resolved, dict), "a mapping stays one"
        names.update(resolved)
