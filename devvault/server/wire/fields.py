"""Strict readers for JSON members: the right type, or a refusal that names the member."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from devvault.errors import Invalid

Body = dict[str, Any]

# What a datetime can hold, in seconds since 1970: the years 1 to 9999.
_EARLIEST = -62135596800
_LATEST = 253402300799
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_body(data: bytes) -> Body:
    """Return the JSON object that a request carries; an empty body is an empty object.

    Raises:
        Invalid: it is not a JSON object in UTF-8.
    """
    if not data.strip():
        return {}
    try:
        body = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Invalid("The request body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise Invalid("The request body must be a JSON object.")
    return body


def text(body: Body, name: str) -> str | None:
    """Return a text, or None where it is absent or null."""
    found: str | None = _typed(body, name, str, "a string")
    return found


def required_text(body: Body, name: str) -> str:
    """Return a text that must be there."""
    found = text(body, name)
    if found is None:
        raise Invalid(f"Property '{name}' is required.")
    return found


def flag(body: Body, name: str) -> bool | None:
    """Return a boolean, or None."""
    found: bool | None = _typed(body, name, bool, "a boolean")
    return found


def number(body: Body, name: str) -> int | None:
    """Return a whole number, or None."""
    found = body.get(name)
    if isinstance(found, bool) or (found is not None and not isinstance(found, int)):
        raise Invalid(f"Property '{name}' must be a number.")
    return found


def moment(body: Body, name: str) -> datetime | None:
    """Return a time given as seconds since 1970, or None.

    Negative ones are taken: a JavaScript SDK squeezes dates after January 2038 through 32 bits.
    """
    found = number(body, name)
    if found is None:
        return None
    if not _EARLIEST <= found <= _LATEST:
        raise Invalid(f"Property '{name}' is not a time in seconds since 1970.")
    return _EPOCH + timedelta(seconds=found)


def member(body: Body, name: str) -> Body:
    """Return an object member; absent or null is an empty object."""
    return _typed(body, name, dict, "an object") or {}


def items(body: Body, name: str) -> list[Any] | None:
    """Return a list member, or None."""
    found: list[Any] | None = _typed(body, name, list, "an array")
    return found


def texts(body: Body, name: str) -> tuple[str, ...]:
    """Return a list of texts; absent is empty."""
    found = items(body, name) or []
    if not all(isinstance(item, str) and _is_text(item) for item in found):
        raise Invalid(f"Property '{name}' must hold strings.")
    return tuple(found)


def one_of(body: Body, name: str, *words: str) -> str | None:
    """Return one of the words as they are spelled here, whatever its case, or None."""
    found = text(body, name)
    if found is None:
        return None
    for word in words:
        if word.lower() == found.lower():
            return word
    raise Invalid(f"Property '{name}' must be one of {', '.join(words)}.")


def tags(body: Body) -> Mapping[str, str] | None:
    """Return the tags, or None where there are none."""
    found = _typed(body, "tags", dict, "an object")
    if found is None:
        return None
    for key, value in found.items():
        if not isinstance(value, str) or not _is_text(key) or not _is_text(value):
            raise Invalid("Property 'tags' must hold strings.")
    return dict(found)


def _typed(body: Body, name: str, kind: type, words: str) -> Any:
    found = body.get(name)
    if found is not None and not isinstance(found, kind):
        raise Invalid(f"Property '{name}' must be {words}.")
    if isinstance(found, str) and not _is_text(found):
        raise Invalid(f"Property '{name}' is not valid Unicode text.")
    return found


def _is_text(found: str) -> bool:
    """Say whether UTF-8 can hold it: JSON can spell half of a surrogate pair."""
    try:
        found.encode()
    except UnicodeEncodeError:
        return False
    return True
