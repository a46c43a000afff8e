"""Reading a JSON reply member by member, with the type that the caller expects.

A missing or odd member is an empty one: replies grow, and an older client must read a newer one.
"""

from __future__ import annotations

from collections.abc import Mapping

Body = dict[str, object]


def text(body: Mapping[str, object], name: str) -> str:
    """Return a text member, "" where there is none."""
    found = body.get(name)
    return found if isinstance(found, str) else ""


def number(body: Mapping[str, object], name: str) -> int:
    """Return a whole number, 0 where there is none."""
    found = body.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def flag(body: Mapping[str, object], name: str) -> bool:
    """Return whether a member is true."""
    return body.get(name) is True


def table(body: Mapping[str, object], name: str) -> Body:
    """Return an object member, an empty one where there is none."""
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def items(body: Mapping[str, object], name: str) -> list[Body]:
    """Return the objects of a list member."""
    found = body.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def texts(body: Mapping[str, object], name: str) -> list[str]:
    """Return the texts of a list member."""
    found = body.get(name)
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []
