"""Ruby, and what writes strings like it."""

from __future__ import annotations

from collections.abc import Iterator

from devvault.scan.kinds.base import Pair, Spans
from devvault.scan.kinds.code import RUBY, read_code


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the pairs of a source file; see `base.Read`."""
    return read_code(text, spans, RUBY)
