"""One page of a listing, and where the next one begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

PAGE_LIMIT = 25


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items in order; `after` is the last name of the page, None on the last page."""

    items: tuple[T, ...]
    after: str | None = None
