"""Which values are too short or too common to be looked for everywhere.

A vault also holds user names, regions and addresses. Such a value is a finding only as a whole
value beside a secret-like name; any other is a finding wherever it stands.
"""

from __future__ import annotations

import re

SHORTEST = 4  # a shorter value is never looked for
_STRONG = 8
_NUMBER = 12  # digits
_LONG = 4096

_PLACE = re.compile(
    r"(?:https?|wss?|amqps?|ftp)://[^\s/@?#]+(?:/[\w./-]*)?"
    r"|(?:[a-zA-Z0-9_-]+\.)+[a-zA-Z]{2,24}(?::\d+)?/?"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?:~|\.{1,2})?(?:/[\w.-]+)+/?"
    r"|[A-Za-z]:\\[\w.\\ -]+"
)
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?")
_PIECES = re.compile(r"[^A-Za-z0-9]+")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_NUMBERED = re.compile(r"([A-Za-z]*)(\d{0,4})")


def is_weak(value: str) -> bool:
    """Say whether a value counts only beside a secret-like name. Cheap; never raises."""
    if len(value) < _STRONG or len(set(value)) < 5:
        return True
    if value.isdigit():
        return len(value) < _NUMBER
    if len(value) > _LONG:
        return False
    if _TIME.fullmatch(value):
        return True
    words = _words(value)
    if words is None:
        return False
    if _PLACE.fullmatch(value):
        return True
    # A phrase of several words is no name of anything.
    return len(words) <= 2 or (len(words) == 3 and len(value) < 16)


def _words(value: str) -> list[str] | None:
    """Return the words of a value that is made of words and small numbers alone, else None."""
    if _PIECES.sub("", value) and not set(value) <= _PLAIN:
        return None
    found: list[str] = []
    for piece in _PIECES.split(value):
        numbered = _NUMBERED.fullmatch(piece)
        if numbered is None:
            return None
        letters, digits = numbered[1], numbered[2]
        if letters and len(digits) > 1:
            return None  # Winter2026
        words = _WORD.findall(letters)
        if "".join(words) != letters or len(letters) > 20:
            return None
        if len(words) > 1 and len(letters) < 3 * len(words):
            return None  # letters drawn by lot, not camel case
        found += words
    return found


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;/\\@_+~-()")
