"""C#, F#, Visual Basic: ordinary, verbatim, raw and interpolated strings."""

from __future__ import annotations

from collections.abc import Iterator

from devvault.scan.kinds.base import Pair, Spans
from devvault.scan.kinds.code import CSHARP, read_code


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the pairs of a source file; see `base.Read`."""
    return read_code(text, spans, CSHARP)
