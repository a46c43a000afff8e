"""References that are written as a JSON object: its members, read strictly, with their places.

A name that comes twice, a member that is not known and a value that is no text are malformed: two
readers could see two different secrets in them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from devvault.references.identifier import refuse

_LONGEST = 16 * 1024


class Members:
    """The members of an object by their names in lower case; `at` is where it begins in a text."""

    def __init__(self, at: int, text: str, found: Mapping[str, object]) -> None:
        self._at = at
        self._text = text
        self._found = found

    @classmethod
    def of(cls, at: int, text: str) -> Members:
        """Read a text that must be one JSON object.

        Raises:
            Invalid: it is none, or some object in it has a name twice.
        """
        if len(text) > _LONGEST:
            refuse(at, "it is too long for a reference")

        def paired(pairs: list[tuple[str, object]]) -> dict[str, object]:
            made: dict[str, object] = {}
            for name, value in pairs:
                if name.lower() in made:
                    refuse(at, "a name stands twice in an object")
                made[name.lower()] = value
            return made

        try:
            found = json.loads(text, object_pairs_hook=paired)
        except json.JSONDecodeError as error:
            refuse(at + min(error.pos, len(text)), "this is no JSON")
        except (ValueError, RecursionError):
            refuse(at, "this is no JSON")
        if not isinstance(found, dict):
            refuse(at, "this is no JSON object")
        return cls(at, text, found)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._found

    def place(self, name: str) -> int:
        """Return where a member's value begins; where escapes may hide it, the object's place."""
        if "\\" in self._text:
            return self._at
        match = re.search(rf'"{re.escape(name)}"\s*:\s*"?', self._text, re.IGNORECASE)
        return self._at + (match.end() if match else 0)

    def check(self, known: Iterable[str]) -> None:
        """Refuse members that are not known.

        Raises:
            Invalid: there is one.
        """
        names = list(known)
        more = self._found.keys() - {name.lower() for name in names}
        if more:
            refuse(self._at, f"a member is unknown; there are {', '.join(names)}")

    def text(self, name: str, default: str | None = None) -> str:
        """Return a member that must be a text.

        Raises:
            Invalid: it is missing without a default, or no text.
        """
        found = self._found.get(name.lower(), default)
        if found is None and name.lower() not in self._found:
            refuse(self._at, f"{name} is missing")
        if not isinstance(found, str):
            refuse(self.place(name), f"{name} must be a text")
        return found

    def object(self, name: str) -> Members:
        """Return a member that must be an object; its places are those of the whole text.

        Raises:
            Invalid: it is missing, or no object.
        """
        found = self._found.get(name.lower())
        if name.lower() not in self._found:
            refuse(self._at, f"{name} is missing")
        if not isinstance(found, dict):
            refuse(self.place(name), f"{name} must be an object")
        return Members(self._at, self._text, found)


def is_object(text: str, *words: str) -> bool:
    """Say whether a text begins as an object does and holds all these names, in quotes."""
    if text[:1] != "{":
        return False
    lowered = text.lower()
    return all(f'"{word.lower()}"' in lowered for word in words)
