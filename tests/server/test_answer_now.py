"""The quick way says, word for word, what the usual way says, or leaves the request to it."""

from __future__ import annotations

import re

import pytest

from devvault.server.app import PEER, TLS
from devvault.server.reply import Reply, whole_reply
from tests.server.listening import AUDIENCE, HTTPS_PORT, LOCAL, VAULT

ONE_OF_EACH = re.compile(rb"\r\nx-ms-request-id: [0-9a-f-]{36}")


def now(front, url: str, token: str | None = None, *, listener: str = TLS, **headers: str):
    """Ask in the quick way; None, or (status, head without the request's id, body)."""
    path, _, query = url.removeprefix("https://").partition("?")
    host, _, path = path.partition("/")
    sent = [("host", host), *headers.items()]
    if token is not None:
        sent.append(("authorization", f"Bearer {token}"))
    facts = {"port": HTTPS_PORT, "session": None} if listener == TLS else {"uid": 0, "pid": 0}
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/" + path,
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in sent],
        "client": ("127.0.0.1", 54321),
        "extensions": {listener: facts},
    }
    whole = front.app.answer_now(scope, True)
    if whole is None:
        return None
    head, _, body = whole.partition(b"\r\n\r\n")
    return int(head.split()[1]), ONE_OF_EACH.sub(b"", head), body


def usual(front, url: str, token: str | None = None):
    found = front.tls("GET", url, token)
    lines = [f"{name}: {value}".encode() for name, value in found.headers.items()]
    return found.status, ONE_OF_EACH.sub(b"", b"\r\n".join([b"", *lines])), found.body


@pytest.mark.parametrize(
    "tail",
    [
        "/secrets/db?api-version=7.4",
        "/secrets/db/?api%2Dversion=2026-04-01",
        "//secrets/none?api-version=7.4",
        "/secrets?api-version=7.4&maxresults=1",
        "/secrets/db/versions?api-version=7.4",
        "/deletedsecrets?api-version=7.4",
        "/secrets/db?api-version=9",
        "/secrets/db",
        "/secrets/a_b?api-version=7.4",
        "/nothing",
        "",
    ],
)
@pytest.mark.parametrize("host", [VAULT, LOCAL, "other.vault.azure.net"])
def test_word_for_word(front, host, tail):
    front.set("db", "value-1")
    front.set("other", "value-2")
    token = front.token()
    for given in (token, None, "x.y.z", token[:-3]):
        quick = now(front, f"https://{host}{tail}", given)
        status, head, body = usual(front, f"https://{host}{tail}", given)
        assert quick is not None
        assert (quick[0], quick[2]) == (status, body)
        assert quick[1].partition(b"\r\n")[2] == head.removeprefix(b"\r\n")


def test_both_ways_are_in_the_trail(front):
    front.set("db", "value-1")
    token = front.token()
    now(front, f"https://{VAULT}/secrets/db?api-version=7.4", token)
    now(front, f"https://{VAULT}/secrets/db?api-version=7.4")
    (read,) = front.trail("SecretGet")
    (refused,) = front.trail("Authentication")
    assert (read.status, refused.status) == (200, 401)


@pytest.mark.parametrize(
    "url",
    [
        "https://vault.azure.net/secrets",
        "https://management.azure.com/subscriptions",
        "https://evil.example/secrets",
        "https://v.vault.azure.cn/secrets",
        f"https://{VAULT}/secrets?api-version=%ff",
    ],
)
def test_what_is_not_a_vaults_is_left_to_the_usual_way(front, url):
    assert now(front, url, front.token()) is None
    assert front.trail("SecretList") == []


def test_a_web_page_a_locked_home_and_the_socket_are_left_to_the_usual_way(front):
    url = f"https://{VAULT}/secrets/db?api-version=7.4"
    front.set("db", "value-1")
    token = front.token()
    assert now(front, url, token, origin="https://evil.example") is None
    assert now(front, url, token, sec_fetch_site="cross-site") is None
    assert now(front, url, listener=PEER) is None
    with front.keeper.guard:
        assert now(front, url, token)[0] == 200
    front.keeper.lock()
    assert now(front, url, token) is None
    assert front.trail is not None


def test_an_ended_session_is_refused_at_once(front):
    front.set("db", "value-1")
    session = front.open()
    token = front.msi(session, AUDIENCE).json["access_token"]
    url = f"https://{VAULT}/secrets/db?api-version=7.4"
    assert now(front, url, token)[0] == 200
    front.plane.sessions.end(session.session.id)
    assert now(front, url, token)[0] == 401


def test_a_failure_is_told_without_a_trace(front, monkeypatch):
    def broken(*_: object) -> Reply:
        raise RuntimeError("s3same")

    monkeypatch.setattr("devvault.server.planes.admit", broken)
    status, _, body = now(front, f"https://{VAULT}/secrets/db", "t")
    assert status == 500
    assert b"s3same" not in body
    assert len(front.broken) == 1
    front.broken.clear()


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b", "a\nb", "a\rb"])
def test_a_header_stays_on_its_line(value):
    with pytest.raises(ValueError, match="line"):
        whole_reply(Reply(200, b"", {"x": value}), keep=True)


def test_the_whole_of_a_reply():
    assert whole_reply(Reply(204), keep=False) == (
        b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"
    )
