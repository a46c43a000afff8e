"""Attributes that every versioned object has: enabled, nbf, exp, and the limits of tags.

May a version be used now? `enabled` alone decides for secrets; `nbf` and `exp` inform
(documented: GET works outside them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from devvault.errors import Invalid

TAGS_LIMIT = 15
SECRET_TAG_LENGTH = 512
CONTENT_TYPE_LENGTH = 255
NO_TAGS: Mapping[str, str] = MappingProxyType({})


def no_tags() -> Mapping[str, str]:
    """Return the empty tags, as a dataclass field wants its default made."""
    return NO_TAGS


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a client may set, and when the version was made and last changed (whole seconds)."""

    created: datetime
    updated: datetime
    enabled: bool = True
    nbf: datetime | None = None
    exp: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A change to attributes as a client sends it; None leaves a member as it is."""

    enabled: bool | None = None
    nbf: datetime | None = None
    exp: datetime | None = None


NO_CHANGE = Change()


def check_tags(tags: Mapping[str, str], *, length: int = SECRET_TAG_LENGTH) -> Mapping[str, str]:
    """Return the tags as a plain mapping, or refuse them.

    Raises:
        Invalid: more than 15, or a key or value over `length` characters.
    """
    if len(tags) > TAGS_LIMIT:
        raise Invalid(f"The number of tags {len(tags)} exceeds the maximum of {TAGS_LIMIT}.")
    for key, value in tags.items():
        if not key or len(key) > length or len(value) > length:
            raise Invalid(f"A tag's key or value is empty or longer than {length} characters.")
    return MappingProxyType(dict(tags))


def check_content_type(text: str | None) -> str | None:
    """Return the content type, or refuse one over 255 characters.

    Raises:
        Invalid: it is too long.
    """
    if text is not None and len(text) > CONTENT_TYPE_LENGTH:
        raise Invalid(f"The content type is longer than {CONTENT_TYPE_LENGTH} characters.")
    return text
