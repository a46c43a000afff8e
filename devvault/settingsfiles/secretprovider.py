"""A `SecretProviderClass` of the Secrets Store CSI driver: YAML, with YAML in texts within it.

A setting is an object. Its key is the file that the driver would write (`objectAlias`, else
`objectName`); for a run it is the key that `secretObjects` gives it, which is what `envFrom` shows
to a container.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from devvault.errors import Invalid
from devvault.settingsfiles.base import Setting
from devvault.settingsfiles.containerapp import items_of, scalar
from devvault.settingsfiles.places import Document
from devvault.settingsfiles.shapes import fixed
from devvault.settingsfiles.yaml import Node, composed, composed_all, member_of, pairs_of

_KIND = "SecretProviderClass"
_CLOUD = "cloudName"
_VAULT = "keyvaultName"


class SecretProvider:
    """The shape `secretprovider`. It has no state."""

    def read(self, data: bytes, part: str) -> list[Setting]:
        """Return the objects by the keys of `secretObjects`, else by their files' names."""
        found: list[Setting] = []
        for spec, files in _classes(data, part):
            by_file = {one.key: one for one in files}
            keys = list(_synced(spec))
            missing = next((key for key, file in keys if file not in by_file), None)
            if missing is not None:
                raise Invalid("secretObjects names an object that spec.parameters.objects has not")
            found += [replace(by_file[file], key=key) for key, file in keys] or files
        return found

    def files(self, data: bytes, part: str) -> list[Setting]:
        """Return the objects by the names of the files that the driver would write."""
        return [one for _, files in _classes(data, part) for one in files]


def _classes(data: bytes, part: str) -> list[tuple[Node, list[Setting]]]:
    document = Document.of(data)
    chosen = [root for root in composed_all(document) if scalar(member_of(root, "kind")) == _KIND]
    if part:
        chosen = [
            root
            for root in chosen
            if scalar(member_of(member_of(root, "metadata"), "name")) == part
        ]
    if not chosen:
        raise Invalid(f"there is no {_KIND} in it" + (" of that name" if part else ""))
    found = []
    for root in chosen:
        spec = member_of(root, "spec")
        if spec is None or scalar(member_of(spec, "provider")) != "azure":
            raise Invalid(f"line {document.line_at(root.start)}: the provider must be azure")
        found.append((spec, list(_objects(document, spec))))
    return found


def _objects(document: Document, spec: Node) -> Iterator[Setting]:
    parameters = member_of(spec, "parameters")
    objects = member_of(parameters, "objects")
    text = scalar(objects)
    if objects is None or text is None:
        line = document.line_at(spec.start)
        raise Invalid(f"line {line}: spec.parameters.objects must be a text")
    line = document.line_at(objects.start)
    common = {_VAULT: scalar(member_of(parameters, _VAULT)) or ""}
    if cloud := scalar(member_of(parameters, _CLOUD)):
        common[_CLOUD] = cloud
    for entry in items_of(member_of(_inner(text, line), "array")):
        given = scalar(entry)
        node = entry if given is None else _inner(given, line)
        if node is None or node.kind != "mapping":
            raise Invalid(f"line {line}: an object must be a mapping of names to texts")
        members = {key: scalar(value) or "" for key, value in pairs_of(node)}
        name = members.get("objectAlias") or members.get("objectName", "")
        whole = {"objectName": "", **members, **common}
        yield fixed(name, json.dumps(whole, ensure_ascii=False), line)


def _inner(text: str, line: int) -> Node | None:
    """Return what a text within the file says as YAML."""
    try:
        return composed(Document.of(text.encode("utf-8", "replace")))
    except Invalid as error:
        raise Invalid(f"line {line}: the YAML in spec.parameters.objects cannot be read") from error


def _synced(spec: Node) -> Iterator[tuple[str, str]]:
    """Go through the keys of `secretObjects`, each with the file that it shows."""
    for one in items_of(member_of(spec, "secretObjects")):
        for entry in items_of(member_of(one, "data")):
            key, file = scalar(member_of(entry, "key")), scalar(member_of(entry, "objectName"))
            if key and file:
                yield key, file
