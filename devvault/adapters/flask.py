"""Flask: an app whose configuration may hold references.

`Flask` is Flask's own class with our `Config`. An app that is made elsewhere is given to
`init_app` once its configuration is complete.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import flask

from devvault.resolver.nested import resolve_tree
from devvault.resolver.settings import load_settings

__all__ = ["Config", "Flask", "init_app"]


class Config(flask.Config):
    """Flask's configuration; variables come from the environment and the settings files."""

    def from_prefixed_env(
        self, prefix: str = "FLASK", *, loads: Callable[[str], Any] = json.loads
    ) -> bool:
        """Load the settings that start with `prefix_`, as Flask does; a secret stays a text."""
        found = load_settings()
        start = f"{prefix}_"
        for name in sorted(name for name in found if name.startswith(start)):
            value: Any = found[name]
            if name not in found.secrets:
                with contextlib.suppress(Exception):  # what it cannot read stays a text, says Flask
                    value = loads(value)
            *parts, last = name.removeprefix(start).split("__")
            at: dict[Any, Any] = self
            for part in parts:
                at = at.setdefault(part, {})
            at[last] = value
        return True

    def resolve(self) -> None:
        """Resolve the references that stand anywhere in the configuration, in one round trip.

        Raises:
            Unresolved: references that give no value, all of them, by their paths.
        """
        found = dict(self)
        resolved = resolve_tree(found)
        if resolved is not found:
            assert isinstance(resolved, dict), "a mapping stays one"
            self.update(resolved)


class Flask(flask.Flask):
    """Flask's class with our configuration."""

    config_class = Config


def init_app(app: flask.Flask) -> None:
    """Resolve the references in the configuration of an app, whatever class it has.

    Raises:
        Unresolved: references that give no value, all of them, by their paths.
    """
    resolved = resolve_tree(dict(app.config))
    assert isinstance(resolved, dict), "a mapping stays one"
    app.config.update(resolved)
