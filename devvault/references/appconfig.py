"""App Configuration: `{"uri": "https://..."}`, and the whole key-value with its content type.

The value alone counts where its address is plainly one of a secret: other programs write objects
with a `uri` too. With the content type of a Key Vault reference it always counts.
"""

from __future__ import annotations

import json
import re

from devvault.references.identifier import from_uri, refuse, unwrapped
from devvault.references.objects import Members
from devvault.references.reference import Reference

CONTENT_TYPE = "application/vnd.microsoft.appconfig.keyvaultref+json"

_VALUE = re.compile(
    r"\{\s*\"uri\"\s*:\s*\"(?:https?:(?:\\?/){2})?[^\"/\\]{0,300}"
    r"(?:\.vault\.|\.vaultcore\.|\.managedhsm\.|(?:\\?/)(?:secrets|keys|certificates)\b)",
    re.ASCII | re.IGNORECASE,
)
_TYPED = re.compile(r"\"content_?type\"\s*:\s*\"[^\"]*keyvaultref\+json", re.ASCII | re.IGNORECASE)
_PARAMETERS = re.compile(r"\s*(?:;[^;]*)*")


class AppConfig:
    """The form of App Configuration. It has no state."""

    name = "appconfig"

    def find(self, text: str) -> bool:
        """Say whether a text starts as an object that names a secret's address."""
        _, inner = unwrapped(text)
        return inner[:1] == "{" and (
            _VALUE.match(inner) is not None or _TYPED.search(inner) is not None
        )

    def parse(self, text: str) -> Reference:
        """Return the reference; see `Form.parse` for what it raises."""
        at, inner = unwrapped(text)
        if not self.find(text):
            refuse(at, 'this is no {"uri": "..."} of a secret')
        members = Members.of(at, inner)
        if "content_type" in members or "contentType" in members:
            # The rest of a key-value (key, label, etag, tags, ...) is the store's business.
            given = "content_type" if "content_type" in members else "contentType"
            kind = members.text(given)
            if kind[: len(CONTENT_TYPE)].lower() != CONTENT_TYPE or not _PARAMETERS.fullmatch(
                kind[len(CONTENT_TYPE) :]
            ):
                refuse(members.place(given), f"the content type must be {CONTENT_TYPE}")
            where = members.place("value")
            value = members.text("value")
            uri = _inner(where, value)
        else:
            members.check(("uri",))
            where, uri = members.place("uri"), members.text("uri")
        host, vault, name, version = from_uri(where, uri, "uri")
        return Reference(text, vault, name, version, host, self.name)


def format_reference(uri: str) -> str:
    """Return the value of a key-value that refers to a secret."""
    return json.dumps({"uri": uri})


def format_key_value(value: str, content_type: str) -> str:
    """Return the text that a key-value of this content type is read as."""
    return json.dumps({"content_type": content_type, "value": value}, ensure_ascii=False)


def is_reference_type(content_type: str) -> bool:
    """Say whether a content type is the one of references; parameters do not count."""
    return content_type.partition(";")[0].strip().lower() == CONTENT_TYPE


def _inner(at: int, value: str) -> str:
    """Read the value within a key-value; its own places are lost to the escapes around it."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        refuse(at, "the value is no JSON")
    if not isinstance(found, dict) or set(found) != {"uri"} or not isinstance(found["uri"], str):
        refuse(at, 'the value must be {"uri": "..."}')
    uri: str = found["uri"]
    return uri
