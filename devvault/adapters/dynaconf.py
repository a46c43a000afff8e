"""dynaconf: a loader that resolves the references which other loaders brought.

`Dynaconf` here is dynaconf's own with this loader behind its environment loader. For an instance
made elsewhere: LOADERS_FOR_DYNACONF, with "devvault.adapters.dynaconf" as the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dynaconf

from devvault.resolver.nested import resolve_tree

__all__ = ["Dynaconf", "load"]

_ENVIRONMENT = "dynaconf.loaders.env_loader"
_OURS = "devvault.adapters.dynaconf"


class Dynaconf(dynaconf.Dynaconf):  # type: ignore[misc]  # dynaconf has no types
    """dynaconf's class; references in files and variables are resolved, in one round trip."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = kwargs.pop("loaders", None) or [_ENVIRONMENT]
        super().__init__(*args, loaders=[*given, _OURS], **kwargs)


def load(
    obj: Any,
    env: str | None = None,  # noqa: ARG001  # a loader's signature; what is loaded has its env
    silent: bool = True,  # noqa: ARG001  # a secret that is missing is never passed over
    key: str | None = None,
    **_more: Any,
) -> None:
    """Resolve what stands in a settings object, or under one key.

    Raises:
        Unresolved: references that give no value, all of them, by their paths.
    """
    store = {
        name: _plain(value)
        for name, value in obj.store.items()
        if key is None or name.lower() == key.lower()
    }
    resolved = resolve_tree(store)
    if resolved is store:
        return
    assert isinstance(resolved, dict), "a mapping stays one"
    for name, value in resolved.items():
        if value is not store[name]:
            obj.set(name, value, loader_identifier="devvault", merge=False)


def _plain(value: Any) -> Any:
    """Return a value without dynaconf's own boxes, which evaluate what is lazy when looked into."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
