"""Key-values of App Configuration, as `az appconfig kv list` and `kv export` (kvset) print them.

A key is the setting's name, `:` and all; the content type says which values are references.
"""

from __future__ import annotations

import json

from devvault.errors import Invalid
from devvault.settingsfiles.base import Setting
from devvault.settingsfiles.places import Document
from devvault.settingsfiles.shapes import fixed

_REFERENCE = "keyvaultref+json"


class KeyValues:
    """The shape `appconfig`. It has no state."""

    def read(self, data: bytes, part: str) -> list[Setting]:
        """Return the key-values, or those of one label; see `Shape.read`."""
        document = Document.of(data)
        try:
            whole = json.loads(document.text)
        except (ValueError, RecursionError) as error:
            raise Invalid("the file cannot be read as JSON") from error
        items = whole.get("items") if isinstance(whole, dict) else whole
        if not isinstance(items, list):
            raise Invalid("a list of key-values is needed, alone or as items")
        found = []
        at = 0
        for item in items:
            if not isinstance(item, dict):
                raise Invalid("a key-value must be an object")
            key, value = item.get("key"), item.get("value")
            if not isinstance(key, str) or not isinstance(value, str):
                continue  # a key without a value sets nothing
            if part and item.get("label") != part:
                continue
            at = max(document.text.find(json.dumps(key), at), at)
            kind = item.get("content_type", item.get("contentType"))
            if isinstance(kind, str) and _REFERENCE in kind.lower():
                value = json.dumps({"content_type": kind, "value": value}, ensure_ascii=False)
            found.append(fixed(key.replace(":", "__"), value, document.line_at(at)))
        return found
