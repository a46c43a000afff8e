"""Every route, from its description: right requests and wrong ones, with and without a token."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from devvault.server.data.routes import DATA
from devvault.server.local.routes import ROUTES
from devvault.server.routes import CONTROL
from devvault.server.table import Match
from tests.server.described import (
    OPERATIONS,
    VALUE,
    Callers,
    Maker,
    Sent,
    check,
    mend,
    send,
)

COUNT = 250


def of(plane: str) -> list[dict]:
    return [operation for operation in OPERATIONS if operation["plane"] == plane]


def test_the_description_has_every_route():
    described = {(item["method"], item["path"]) for item in of("vault")}
    assert described == {(method, path) for method, path, _, _ in DATA.rows}
    for item in of("vault"):
        assert isinstance(DATA.find(item["method"], item["path"]), Match)
    reached = set()
    for item in of("management"):
        path = item["path"].replace("{", "").replace("}", "")
        found = [
            number
            for number, (method, pattern, _) in enumerate(CONTROL)
            if method == item["method"] and pattern.fullmatch(path)
        ]
        assert found, item
        reached.add(found[0])
    assert reached == set(range(len(CONTROL)))
    # To stop is not tried: the tests are served by this very process.
    local = {(item["method"], item["path"]) for item in of("local")}
    assert local | {("POST", "/local/stop")} == set(ROUTES)


@pytest.fixture
def callers(front):
    front.set("db", VALUE)
    return Callers(front)


def made(front, seed: int, plane: str, count: int = COUNT):
    chance = random.Random(f"{plane} {seed}")
    maker = Maker(chance, front.gate.subscription, front.gate.tenant)
    operations = of(plane)
    # Each at least once, then by chance.
    order = [*operations, *chance.choices(operations, k=max(0, count - len(operations)))]
    for operation in order:
        yield chance, maker.request(operation)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("plane", ["vault", "management"])
def test_whoever_may_do_everything(front, callers, plane, seed):
    seen: Counter[int] = Counter()
    for _, sent in made(front, seed, plane):
        mend(front)
        heard = send(front, sent, callers.mine[plane])
        check(sent, heard)
        seen[heard.status] += 1
    assert seen[200] >= COUNT // 20, seen
    assert not front.broken


@pytest.mark.parametrize("plane", ["vault", "management"])
def test_whoever_may_do_nothing(front, callers, plane):
    listed = 0
    for _, sent in made(front, 3, plane):
        heard = send(front, sent, callers.stranger[plane])
        check(sent, heard)
        assert VALUE.encode() not in heard.body
        if plane == "vault" or sent.method not in {"GET", "HEAD"}:
            assert heard.status >= 400, (sent, heard)
        listed += heard.status == 200
    trail = front.trail()
    assert {record.status for record in trail if record.name == "stranger"} >= {400, 403}


@pytest.mark.parametrize("plane", ["vault", "management"])
def test_nobody_is_told_anything(front, callers, plane):
    """A challenge, the same for every path, method and body, for what is there and what is not."""
    bodies = set()
    for chance, plain in made(front, 4, plane):
        sent = callers.nobody(plain, chance)
        heard = send(front, sent)
        check(sent, heard)
        web_page = {name for name, _ in sent.headers} & {"origin", "sec-fetch-site"}
        two_hosts = any(name == "host" for name, _ in sent.headers)
        if web_page or two_hosts:
            assert heard.status in {400, 403}
            continue
        assert heard.status == 401, (sent, heard)
        assert heard.headers["www-authenticate"].startswith("Bearer authorization")
        bodies.add(json.loads(heard.body)["error"]["message"])
    assert all(message.startswith("AKV100") for message in bodies), bodies
    known = Sent("vault", "GET", "/secrets/db", "api-version=7.5", (), b"")
    odd = Sent("vault", "BREW", "/..//%2f", "x=%ff", (), b"{")
    told = [send(front, sent) for sent in (known, odd)]
    assert told[0].body == told[1].body
    assert {
        name: told[0].headers[name] for name in told[0].headers if name != "x-ms-request-id"
    } == {name: told[1].headers[name] for name in told[1].headers if name != "x-ms-request-id"}


@pytest.mark.parametrize("plane", ["identity", "login"])
def test_what_gives_out_tokens_gives_none(front, callers, plane):
    for _, sent in made(front, 5, plane):
        heard = send(front, sent)
        check(sent, heard)
        assert b"access_token" not in heard.body, (sent, heard)
        assert callers.header.encode() not in heard.body


def test_the_owners_own_plane(front, callers):
    """What comes over the socket is the owner's; it may be refused, and breaks nothing."""
    for _, sent in made(front, 6, "local", 150):
        heard = send(front, sent)
        check(sent, heard)
    assert not front.broken
