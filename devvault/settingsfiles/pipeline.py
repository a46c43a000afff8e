"""An Azure DevOps pipeline: what `env: NAME: $(secret)` of its steps gets from AzureKeyVault tasks.

Secret variables reach a step only where its `env` names them, so that these names are the settings.
`$(name)` in a task's own inputs is looked up in the file's plain `variables`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from devvault.settingsfiles.base import Setting
from devvault.settingsfiles.containerapp import items_of, scalar
from devvault.settingsfiles.places import Document
from devvault.settingsfiles.shapes import check_whole, fixed
from devvault.settingsfiles.yaml import Node, composed, member_of, pairs_of

_TASK = re.compile(r"AzureKeyVault@[0-9]+", re.IGNORECASE)
_MACRO = re.compile(r"\$\(([^()]+)\)")
_ALL = "*"


class Pipeline:
    """The shape `pipeline`. It has no state."""

    def read(self, data: bytes, part: str) -> list[Setting]:
        """Return the secrets that steps see in their environment; a pipeline has no parts."""
        check_whole(part)
        document = Document.of(data)
        root = composed(document)
        nodes = list(_mappings(root))
        plain = dict(_variables(member_of(root, "variables")))
        vaults = {name: vault for node in nodes for name, vault in _fetched(node, plain)}
        found: dict[str, Setting] = {}
        for node in nodes:
            for key, value in pairs_of(member_of(node, "env")):
                macro = _MACRO.fullmatch((scalar(value) or "").strip())
                name = macro[1].lower() if macro else ""
                vault = vaults.get(name) or vaults.get(_ALL)
                if macro and vault and name not in plain:
                    text = json.dumps({"KeyVaultName": vault, "SecretsFilter": macro[1]})
                    found[key] = fixed(key, text, document.line_at(value.start))
        return list(found.values())


def _fetched(node: Node, plain: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Go through the secrets that a task fetches, each with its vault; `*` is all of them."""
    if _TASK.fullmatch(scalar(member_of(node, "task")) or ""):
        inputs = {
            key.lower(): _MACRO.sub(
                lambda match: plain.get(match[1].lower(), match[0]), scalar(value) or ""
            )
            for key, value in pairs_of(member_of(node, "inputs"))
        }
        for name in inputs.get("secretsfilter", _ALL).split(","):
            yield name.strip().lower(), inputs.get("keyvaultname", "")


def _mappings(root: Node | None) -> Iterator[Node]:
    """Go through every mapping of the file once, in its order."""
    waiting = [root] if root else []
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.kind == "mapping":
            yield node
        waiting += reversed([*node.items, *(value for _, value in node.pairs)])


def _variables(node: Node | None) -> Iterator[tuple[str, str]]:
    for name, value in pairs_of(node):
        if (text := scalar(value)) is not None:
            yield name.lower(), text
    for one in items_of(node):
        given, held = scalar(member_of(one, "name")), scalar(member_of(one, "value"))
        if given is not None and held is not None:
            yield given.lower(), held
