"""Starlette and FastAPI: `Config` whose file and environment may hold references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from starlette.config import Config as _Config
from starlette.config import environ as _environ

from devvault.resolver.dotenv import resolve_text
from devvault.resolver.nested import resolve_tree
from devvault.resolver.settings import without_frames

__all__ = ["Config"]


class _Overlaid(Mapping[str, str]):
    """A mapping with some of its values replaced."""

    def __init__(self, values: Mapping[str, str], below: Mapping[str, str]) -> None:
        self._values = values
        self._below = below

    def __getitem__(self, name: str) -> str:
        return self._values[name] if name in self._values else self._below[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._below)

    def __len__(self) -> int:
        return len(self._below)

    def __repr__(self) -> str:
        return f"<{len(self)} variables>"


class Config(_Config):
    """Starlette's class; a reference that the environment overrules is not looked up.

    Raises:
        Unresolved: references that give no value, all of a kind at once.
        PlaintextSecret: a value in the file looks secret.
    """

    def __init__(
        self,
        env_file: str | Path | None = None,
        environ: Mapping[str, str] = _environ,
        env_prefix: str = "",
        encoding: str = "utf-8",
    ) -> None:
        super().__init__(env_file, environ, env_prefix, encoding)
        # What is read through starlette's own mapping cannot be set any more.
        at = getattr(environ, "_environ", environ)
        given = {name: at[name] for name in at if name.startswith(env_prefix)}
        resolved = resolve_tree(given)
        if resolved is not given:
            assert isinstance(resolved, dict), "a mapping stays one"
            changed = {name: resolved[name] for name in given if resolved[name] != given[name]}
            self.environ = _Overlaid(changed, environ)

    def _read_file(self, file_name: str | Path, encoding: str) -> dict[str, str]:
        values = super()._read_file(file_name, encoding)
        text = Path(file_name).read_text(encoding=encoding)
        resolved = without_frames(lambda: resolve_text(text, Path(file_name), self.environ))
        return values | {name: value for name, value in resolved.items() if name in values}
