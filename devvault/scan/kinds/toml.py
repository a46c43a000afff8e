"""TOML: strings of all four kinds under a name, in tables, inline tables and arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from devvault.scan.kinds.base import Pair, Place, Spans
from devvault.scan.kinds.code import JAVA, read_code


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the settings of a TOML file; see `base.Read`."""
    del spans
    for pair in read_code(text, [(0, len(text))], JAVA):
        yield replace(pair, place=Place.SETTINGS)
