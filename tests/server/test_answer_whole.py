"""What is answered at once over the socket: in the usual way's words, or left to that."""

from __future__ import annotations

import pytest

from devvault.errors import Unavailable
from devvault.server.app import HTTP, PEER, TLS
from devvault.server.local.base import Route
from devvault.server.local.run import ROUTES
from devvault.vault import trust
from tests.daemon.running import run_body

RUN = "/local/run"
FIELD = b"EDB=@Microsoft.KeyVault(VaultName=my-vault;SecretName=db)\0"
GOOD = run_body("/app", [FIELD])


def whole(front, body: bytes, path: str = RUN, listener: str = PEER, **headers: str):
    """Ask in this way; None, or (status, body)."""
    sent = [("host", "devvault"), *headers.items()]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in sent],
        "extensions": {listener: {"uid": 0, "pid": 0, "port": 1, "session": None}},
    }
    found = front.app.answer_whole(scope, body)
    if found is None:
        return None
    head, _, rest = found.partition(b"\r\n\r\n")
    assert b"connection: close" in head.split(b"\r\n")
    assert b"content-length: %d" % len(rest) in head.split(b"\r\n")
    return int(head.split()[1]), rest


def stock(front):
    front.set("db", "v")
    trust.allow(front.gate, front.keeper.developer, "/app", "my-vault")


def usual(front, body: bytes):
    found = front.ask(PEER, "POST", f"http://devvault{RUN}", body=body)
    return found.status, found.body


@pytest.mark.parametrize("body", [GOOD, b"", b"P2\0", b"P1\0Zx\0", b"P1\0C/app\0R/app\0Fa\x009\0"])
def test_it_says_what_the_usual_way_says(front, body):
    assert whole(front, body) == usual(front, body)


def test_each_answer_is_in_the_trail(front):
    stock(front)
    before = len(front.trail("SecretGet"))
    for count in (1, 2, 3):
        status, fields = whole(front, GOOD)
        assert (status, fields.split(b"\0")[0]) == (200, b"SDB=v")
        assert len(front.trail("SecretGet")) == before + count


@pytest.mark.parametrize(
    ("path", "listener", "headers"),
    [
        ("/local/lock", PEER, {}),
        ("/local/none", PEER, {}),
        (RUN, TLS, {}),
        (RUN, HTTP, {}),
        (RUN, PEER, {"Host": "other"}),
        (RUN, PEER, {"Origin": "http://evil"}),
    ],
)
def test_what_is_odd_is_left_to_the_usual_way(front, path, listener, headers):
    lower = {name.lower(): value for name, value in headers.items()}
    assert whole(front, GOOD, path, listener, **lower) is None


def test_what_takes_longer_is_left_to_the_usual_way(front):
    assert whole(front, GOOD + b"x" * 70_000) is None
    assert whole(front, GOOD + b"a.yaml") is None
    front.keeper.lock()
    assert whole(front, GOOD) is None


def test_an_answer_without_its_record_is_not_given_and_its_session_ends(front, monkeypatch):
    stock(front)
    connected = run_body("/app", [FIELD], connect=True)
    for _ in range(2):
        assert whole(front, connected)[0] == 200
    live = front.plane.sessions.live()

    def refuse(_receipts):
        raise Unavailable("too much waits to be written")

    monkeypatch.setattr(front.gate, "repeat", refuse)
    status, body = whole(front, connected)
    assert status == 424
    assert b"SDB" not in body
    assert front.plane.sessions.live() == live


def test_a_fault_of_ours_is_reported_and_says_nothing(front, monkeypatch):
    def fail(_plane, _ask):
        raise RuntimeError("hunter2")

    monkeypatch.setitem(ROUTES, ("POST", RUN), Route(fail, quick=True))
    status, body = whole(front, GOOD)
    assert status == 500
    assert b"hunter2" not in body
    assert [str(error) for error in front.broken] == ["hunter2"]
    front.broken.clear()
