"""References anywhere in a tree of settings, each replaced by its value, in one round trip."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from devvault.references.base import find
from devvault.resolver.plan import resolve_all
from devvault.resolver.project import open_place
from devvault.resolver.settings import source_of, unresolved, without_frames

_DEPTH_LIMIT = 100

Steps = tuple[object, ...]  # the keys and numbers that lead to a node


def resolve_tree(tree: object, *, folder: str | os.PathLike[str] | None = None) -> object:
    """Return a tree of mappings, lists and tuples with its references resolved.

    What holds no reference comes back as the very object that it was. Keys are never looked at.

    Raises:
        Unresolved: references that give no value, all of them, each by its path.
        Locked, NotFound, Unavailable: there is no vault to ask.
    """
    texts: dict[Steps, str] = {}
    _collect(tree, (), texts)
    if not texts:
        return tree
    return without_frames(lambda: _put(tree, (), _values(texts, folder)))


def _values(
    texts: Mapping[Steps, str], folder: str | os.PathLike[str] | None
) -> Mapping[Steps, str]:
    place = open_place(None if folder is None else Path(folder))
    named: dict[str, Steps] = {}
    for steps in texts:
        name = shown = ".".join(map(str, steps)) or "reference"
        number = 2
        while name in named:  # a key may hold a dot itself
            name, number = f"{shown} ({number})", number + 1
        named[name] = steps
    wanted = {name: texts[steps] for name, steps in named.items()}
    values, failures = resolve_all(wanted, source_of(place).look_up, place.project.vaults)
    if failures:
        raise unresolved(failures, [])
    return {named[name]: value for name, value in values.items()}


def _collect(node: object, steps: Steps, texts: dict[Steps, str]) -> None:
    if len(steps) > _DEPTH_LIMIT:
        return  # a tree that holds itself, too
    if isinstance(node, str):
        if find(node) is not None:
            texts[steps] = node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            _collect(value, (*steps, key), texts)
    elif isinstance(node, list | tuple):
        for number, value in enumerate(node):
            _collect(value, (*steps, number), texts)


def _put(node: object, steps: Steps, values: Mapping[Steps, str]) -> object:
    """Return a node with values in it; only what is on the way to one is made anew."""
    if isinstance(node, str):
        return values.get(steps, node)
    size = len(steps)
    if not any(found[:size] == steps for found in values):
        return node
    if isinstance(node, Mapping):
        return {key: _put(value, (*steps, key), values) for key, value in node.items()}
    if isinstance(node, list | tuple):
        made = [_put(value, (*steps, number), values) for number, value in enumerate(node)]
        return made if isinstance(node, list) else tuple(made)
    return node
