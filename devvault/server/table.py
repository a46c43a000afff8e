"""A flat table of routes, found segment by segment: a path costs what its length is, not the table.

A row is ("GET", "/secrets/{name}/versions", operation, handler). A written segment goes before an
open one, and compares without case; an open one is handed to the handler as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from devvault.errors import WrongMethod
from devvault.model.operations import Operation
from devvault.server.reply import Reply, Request

Handler = Callable[..., Reply]
Row = tuple[str, str, Operation, Handler]

_OVERRIDES = {"PATCH", "DELETE", "PUT"}


class Match(NamedTuple):
    """A row that a request is for, with what stands at its open segments."""

    operation: Operation
    handler: Handler
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoMatch:
    """No row: the methods that the path takes, none where there is no such path."""

    allowed: tuple[str, ...]


@dataclass(slots=True)
class _Node:
    written: dict[str, _Node] = field(default_factory=dict)
    open: _Node | None = None
    methods: dict[str, tuple[Operation, Handler]] = field(default_factory=dict)


class Table:
    """Routes of one plane."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """Raises ValueError where two rows are the same."""
        self.rows = tuple(rows)
        self._root = _Node()
        for method, path, operation, handler in self.rows:
            node = self._root
            for part in path.split("/")[1:]:
                node = _below(node, part)
            if method in node.methods:
                raise ValueError(f"{method} {path} is there twice")
            node.methods[method] = (operation, handler)

    def find(self, method: str, path: str) -> Match | NoMatch:
        """Return what a request is for; `path` has no doubled and no closing slash."""
        found: list[tuple[_Node, tuple[str, ...]]] = [(self._root, ())]
        for part in path.split("/")[1:]:
            below: list[tuple[_Node, tuple[str, ...]]] = []
            for node, names in found:
                written = node.written.get(part.lower())
                if written is not None:
                    below.append((written, names))
                if node.open is not None:
                    below.append((node.open, (*names, part)))
            found = below
        for node, names in found:
            row = node.methods.get(method)
            if row is not None:
                return Match(*row, names)
        allowed = [name for node, _ in found for name in node.methods]
        return NoMatch(tuple(dict.fromkeys(allowed)))


def _below(node: _Node, part: str) -> _Node:
    if part.startswith("{"):
        if node.open is None:
            node.open = _Node()
        return node.open
    return node.written.setdefault(part, _Node())


def tidied(request: Request) -> Request:
    """Return the request as the tables know it.

    Old clients send a doubled slash; a closing one means the current version, or nothing. A POST
    may stand for another method where the client cannot send that.
    """
    path, method = request.path, request.method
    if "//" in path:
        path = re.sub("/{2,}", "/", path)
    if path.endswith("/") and path != "/":
        path = path.rstrip("/") or "/"
    if method == "POST":
        override = request.headers.get("x-http-method", "").upper()
        if override in _OVERRIDES:
            method = override
    if path is request.path and method is request.method:
        return request
    return request._replace(method=method, path=path)


def wrong_method(method: str, allowed: Sequence[str]) -> WrongMethod:
    """Return the refusal of a method that a path does not take."""
    names = ", ".join(dict.fromkeys(allowed))
    return WrongMethod(f"The HTTP method {method} is not allowed here.", fields={"allow": names})
