"""An ARM parameter file: plain texts, and `reference`s to secrets of a vault.

A parameter's name is the setting's. Numbers, switches, lists and objects are no settings of ours.
"""

from __future__ import annotations

import json

from devvault.settingsfiles.base import Setting
from devvault.settingsfiles.json import entries_of
from devvault.settingsfiles.places import Document
from devvault.settingsfiles.shapes import check_whole, fixed


class ArmParameters:
    """The shape `arm`. It has no state."""

    def read(self, data: bytes, part: str) -> list[Setting]:
        """Return the parameters that are texts or references; a file has no parts."""
        check_whole(part)
        document = Document.of(data)
        found: dict[str, Setting] = {}
        trees: dict[str, dict[str, object]] = {}
        for entry in entries_of(document):
            path = entry.key.split(":")
            if len(path) < 3 or path[0] != "parameters":
                continue
            _, name, kind, *steps = path
            line = document.line_at(entry.start)
            if kind == "value" and not steps:
                found[name] = fixed(name, entry.value, line)
            elif kind == "reference" and steps:
                tree = trees.setdefault(name, {"keyVault": {}})
                _put(tree, steps, entry.value)
                text = json.dumps({"reference": tree}, ensure_ascii=False)
                at = found[name].line if name in found else line
                found[name] = fixed(name, text, at)
        return list(found.values())


def _put(tree: dict[str, object], steps: list[str], value: str | None) -> None:
    """Set a member of a nested object."""
    for step in steps[:-1]:
        below = tree.setdefault(step, {})
        if not isinstance(below, dict):
            return
        tree = below
    tree[steps[-1]] = value
