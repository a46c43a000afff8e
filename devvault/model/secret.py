"""Secrets and their versions. A version's value never changes; the newest made is the current."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from devvault.errors import Invalid
from devvault.model.attributes import Attributes, no_tags

VALUE_LIMIT = 25 * 1024


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret by name: which version is current, and whether it is deleted.

    `purge_at` is set with `deleted`; both are None while it lives.
    """

    vault: str
    name: str
    current: str
    created: datetime
    deleted: datetime | None = None
    purge_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One version, its metadata, and its value where the operation gives it (else None)."""

    vault: str
    name: str
    version: str
    attributes: Attributes
    recovery_level: str
    recoverable_days: int
    content_type: str | None = None
    tags: Mapping[str, str] = field(default_factory=no_tags)
    value: str | None = None

    def __repr__(self) -> str:
        """Leave the value out: a record in a traceback must not tell it."""
        return f"SecretVersion({self.vault}/{self.name}/{self.version})"


@dataclass(frozen=True, slots=True)
class DeletedSecret:
    """A deleted secret: the metadata of its current version, and when it goes."""

    current: SecretVersion
    deleted: datetime
    purge_at: datetime


def check_value(value: str) -> str:
    """Return the value, or refuse it.

    Raises:
        Invalid: over 25 KB in UTF-8, or not text that UTF-8 can hold.
    """
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        raise Invalid("The secret's value is not valid Unicode text.") from error
    if size > VALUE_LIMIT:
        raise Invalid(
            f"The secret's value is {size} bytes; the maximum is {VALUE_LIMIT} (25 KB).",
            hint="store the large part as a file, and its key or address as the secret",
        )
    return value
