"""Container Apps and jobs in YAML: the `env` of a container, `secretRef` followed to its secret.

A secret that is a `keyVaultUrl` becomes its entry's text, one that holds a value that value. A
`secretRef` to a secret that the file does not have stays `secretref:NAME`, which does not resolve.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from devvault.settingsfiles.base import Setting
from devvault.settingsfiles.places import Document
from devvault.settingsfiles.shapes import fixed, joined
from devvault.settingsfiles.yaml import Node, composed, member_of


class ContainerApp:
    """The shape `containerapp`. It has no state."""

    def read(self, data: bytes, part: str) -> list[Setting]:
        """Return the variables of a container, or of all; see `Shape.read`."""
        document = Document.of(data)
        root = composed(document)
        top = member_of(root, "properties") or root
        secrets = {
            name: _secret(entry)
            for entry in items_of(member_of(member_of(top, "configuration"), "secrets"))
            if (name := scalar(member_of(entry, "name"))) is not None
        }
        template = member_of(top, "template")
        found: list[tuple[str, list[Setting]]] = []
        for kind in ("initContainers", "containers"):
            for container in items_of(member_of(template, kind)):
                name = scalar(member_of(container, "name")) or ""
                env = items_of(member_of(container, "env"))
                found.append((name, [_variable(document, one, secrets) for one in env]))
        return joined(found, part, "container")


def _variable(document: Document, entry: Node, secrets: dict[str, str | None]) -> Setting:
    name = scalar(member_of(entry, "name")) or ""
    line = document.line_at(entry.start)
    ref = scalar(member_of(entry, "secretRef"))
    if ref is None:
        return fixed(name, scalar(member_of(entry, "value")), line)
    return fixed(name, secrets.get(ref) or f"secretref:{ref}", line)


def _secret(entry: Node) -> str | None:
    """Return a secret's value, or the text of its reference."""
    url = member_of(entry, "keyVaultUrl")
    if url is None:
        return scalar(member_of(entry, "value"))
    members = {"keyVaultUrl": scalar(url) or "", "identity": scalar(member_of(entry, "identity"))}
    return json.dumps({k: v for k, v in members.items() if v is not None}, ensure_ascii=False)


def items_of(node: Node | None) -> Iterator[Node]:
    """Go through the items of a list; nothing where there is none."""
    yield from node.items if node is not None else ()


def scalar(node: Node | None) -> str | None:
    """Return the text of a scalar; None for anything else, and for null."""
    if node is None or node.kind != "scalar":
        return None
    is_null = node.tag == "tag:yaml.org,2002:null" and node.style not in ("'", '"')
    return None if is_null else node.text
