"""Bicep and its parameter files: defaults of parameters, variables, members of objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from devvault.scan.kinds.base import Pair, Place, Spans
from devvault.scan.kinds.code import BICEP, read_code


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the pairs of a Bicep file; see `base.Read`."""
    del spans  # a name stands above its value
    for pair in read_code(text, [(0, len(text))], BICEP):
        yield replace(pair, place=Place.SETTINGS)
