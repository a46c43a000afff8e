from __future__ import annotations

import pytest

from devvault.model import operations as op
from devvault.server.data.routes import DATA
from devvault.server.reply import Reply
from devvault.server.table import Match, NoMatch, Table


def nothing(*_: object) -> Reply:
    return Reply(204)


def other(*_: object) -> Reply:
    return Reply(205)


# The shapes that keys and certificates bring: a written segment where a name may stand too.
TABLE = Table(
    (
        ("GET", "/keys", op.LIST_SECRETS, nothing),
        ("GET", "/keys/{name}/{version}", op.GET_SECRET, nothing),
        ("GET", "/keys/{name}/versions", op.LIST_SECRET_VERSIONS, other),
        ("POST", "/keys/{name}/{version}/sign", op.SET_SECRET, nothing),
        ("POST", "/keys/{name}/create", op.SET_SECRET, other),
        ("POST", "/keys/restore", op.RESTORE_SECRET, other),
        ("PUT", "/keys/{name}", op.SET_SECRET, nothing),
        ("GET", "/certificates/issuers/{issuer}", op.GET_SECRET, other),
        ("GET", "/certificates/{name}/{version}", op.GET_SECRET, nothing),
    )
)


@pytest.mark.parametrize(
    ("method", "path", "handler", "names"),
    [
        ("GET", "/keys", nothing, ()),
        ("GET", "/KEYS/a/B", nothing, ("a", "B")),
        ("GET", "/keys/a/Versions", other, ("a",)),
        ("POST", "/keys/a/b/sign", nothing, ("a", "b")),
        ("POST", "/keys/a/create", other, ("a",)),
        ("POST", "/keys/restore", other, ()),
        ("PUT", "/keys/restore", nothing, ("restore",)),
        ("GET", "/certificates/issuers/x", other, ("x",)),
        ("GET", "/certificates/Issuer/x", nothing, ("Issuer", "x")),
    ],
)
def test_a_written_segment_goes_before_an_open_one(method, path, handler, names):
    found = TABLE.find(method, path)
    assert isinstance(found, Match)
    assert (found.handler, found.names) == (handler, names)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/", ()),
        ("GET", "", ()),
        ("GET", "/key", ()),
        ("GET", "/keys/a/b/c/d", ()),
        ("POST", "/keys", ("GET",)),
        ("DELETE", "/keys/restore", ("POST", "PUT")),
        ("DELETE", "/keys/a/versions", ("GET",)),
    ],
)
def test_no_row_tells_what_the_path_takes(method, path, allowed):
    assert TABLE.find(method, path) == NoMatch(allowed)


def test_a_row_may_not_be_there_twice():
    rows = (
        ("GET", "/keys/{name}", op.GET_SECRET, nothing),
        ("GET", "/keys/{key}", op.GET_SECRET, nothing),
    )
    with pytest.raises(ValueError, match="there twice"):
        Table(rows)


def test_every_row_of_the_data_plane_is_reached():
    for method, path, operation, handler in DATA.rows:
        found = DATA.find(method, path)
        assert isinstance(found, Match)
        assert (found.operation, found.handler) == (operation, handler)
        assert operation.data
