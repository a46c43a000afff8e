"""Results as rows: az's `-o table` and `-o tsv`, which scripts cut into columns.

The rules are those of az's own writer (knack): scalars become columns, names get a capital first
letter, `id`, `type` and `etag` are left out of tables, tsv has the values in order of their names.
"""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from collections.abc import Mapping

_PADDING = 2  # az's tables leave this much behind a column's name
_LEFT_OUT = frozenset({"id", "type", "etag"})


def to_table(result: object, *, sort: bool) -> str:
    """Return a result as a table; `sort` orders the columns by name."""
    rows = [_row(item, sort=sort) for item in (result if isinstance(result, list) else [result])]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if not columns:
        return ""
    cells = [[_cell(row.get(name)) for name in columns] for row in rows]
    widths = [
        max(_width(name) + _PADDING, *(_width(row[at]) for row in cells))
        for at, name in enumerate(columns)
    ]
    lines = [
        _joined(columns, widths),
        "  ".join("-" * width for width in widths),
        *(_joined(row, widths) for row in cells),
    ]
    return "\n".join(lines) + "\n"


def to_tsv(result: object) -> str:
    """Return a result as tab-separated values, one item a line."""
    items = result if isinstance(result, list) else [result]
    return "".join(f"{_tsv_line(item)}\n" for item in items)


def _row(item: object, *, sort: bool) -> dict[str, object]:
    if isinstance(item, Mapping):
        names = sorted(item) if sort else list(item)
        return {
            _cell(name[:1].upper() + name[1:]): item[name]
            for name in names
            if name not in _LEFT_OUT
            and item[name] is not None
            and not isinstance(item[name], list | Mapping)
        }
    if isinstance(item, list):
        return {f"Column{at}": value for at, value in enumerate(item, 1)}
    return {"Result": item}


def _cell(value: object) -> str:
    """Return a cell for the eye: nothing in it steers the terminal; tsv is for programs."""
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def _joined(cells: list[str], widths: list[int]) -> str:
    padded = (
        text + " " * (width - _width(text)) for text, width in zip(cells, widths, strict=True)
    )
    return "  ".join(padded).rstrip()


def _width(text: str) -> int:
    """Return how many columns a terminal takes for a text (wide East Asian characters take two)."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _tsv_line(item: object) -> str:
    if isinstance(item, Mapping):
        ordered = isinstance(item, OrderedDict)
        values = list(item.values()) if ordered else [item[name] for name in sorted(item)]
    elif isinstance(item, list):
        values = item
    elif isinstance(item, bool):
        return str(item).lower()
    else:
        return str(item)
    return "\t".join(_tsv_cell(value) for value in values)


def _tsv_cell(value: object) -> str:
    if isinstance(value, list):
        return str(len(value))
    return "" if isinstance(value, Mapping) else str(value)
