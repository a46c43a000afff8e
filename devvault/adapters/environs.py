"""environs: `env.read_env()` with the references of the `.env` resolved."""

from __future__ import annotations

from pathlib import Path

import environs

from devvault.adapters.dotenv import values_of
from devvault.resolver.settings import without_frames

__all__ = ["Env", "env"]


class Env(environs.Env):
    """environs' class; names that are set already are neither looked up nor overruled."""

    def _load_dotenv(self, path: str | Path, *, override: bool = False) -> None:
        """Load a file that `read_env` found; raises as `devvault.load_dotenv`."""
        text = Path(path).read_text(encoding="utf-8")
        taken = frozenset() if override else frozenset(self._environ)
        found = without_frames(
            lambda: values_of(path, text, taken, interpolate=True, override=override)
        )
        for name, value in found.items():
            if value is not None and (override or name not in self._environ):
                self._environ[name] = value


env = Env()
