"""Which values are too short, too common or too public to be looked for everywhere.

A vault also holds user names, regions and addresses. Such a value is a finding only as a whole
value beside a secret-like name; a strong one is a finding wherever it stands.
"""

from __future__ import annotations

import re

SHORTEST = 4  # a shorter value is never looked for
_STRONG = 8
_WORDS = 20  # shorter values that are made of words alone are weak

_PLACE = re.compile(
    r"(?:https?|wss?|amqps?|ftp)://[^\s/@?]+(?:/[\w./-]*)?"
    r"|(?:[a-zA-Z0-9_-]+\.)+[a-zA-Z]{2,24}(?::\d+)?/?"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?:~|\.{1,2})?(?:/[\w.-]+)+/?"
    r"|[A-Za-z]:\\[\w.\\ -]+"
    r"|/subscriptions/[\w./ -]+"
)
_GUID = re.compile(r"\{?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?")
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?")
_PIECES = re.compile(r"[-_./:\s,]+")


def is_weak(value: str) -> bool:
    """Say whether a value counts only beside a secret-like name. Cheap; never raises."""
    if len(value) < _STRONG or len(set(value)) < 5:
        return True
    if value.isdigit():
        return len(value) < 16
    if len(value) > 2048:
        return False
    if _GUID.fullmatch(value) or _TIME.fullmatch(value) or _PLACE.fullmatch(value):
        return True
    if len(value) >= _WORDS and not any(c.isspace() for c in value):
        # One long run of letters is a word in no language.
        return all(_is_word(piece) and len(piece) < _WORDS for piece in _PIECES.split(value))
    return len(value) < _WORDS and all(_is_word(piece) for piece in _PIECES.split(value))


def _is_word(piece: str) -> bool:
    """Say whether this is a word as people write them, or a small number."""
    if not piece:
        return True
    if piece.isalpha():
        return piece.islower() or piece.isupper() or piece.istitle() or _is_camel(piece)
    stem = piece.rstrip("0123456789")
    return (stem == "" and len(piece) <= 4) or (
        stem.isalpha() and len(piece) - len(stem) <= 1 and (stem.islower() or stem.isupper())
    )


def _is_camel(piece: str) -> bool:
    """Say whether a piece is words in camel case: at least three letters each, or nearly."""
    humps = re.findall(r"[A-Z]?[a-z]+", piece)
    return "".join(humps) == piece and len(piece) >= 3 * len(humps)
