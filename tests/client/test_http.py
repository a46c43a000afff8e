import contextlib
import json
import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault import errors
from devvault.client.http import Connection, Response, error_from, is_down, peer_uid, raise_for
from devvault.paths import Home
from tests.client.peer import Peer, reply
from tests.waiting import LIMIT


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "h")


@pytest.fixture
def answering(home):
    peers = []

    def make(*replies):
        peers.append(Peer(home.socket, list(replies)))
        return peers[-1], Connection(home, timeout=LIMIT)

    yield make
    for peer in peers:
        peer.close()


def test_a_request_carries_host_headers_and_body(answering):
    peer, connection = answering(reply(b"hello"))
    response = connection.request("POST", "devvault", "/local/x", {"X-A": "1"}, b"body")
    assert (response.status, response.body) == (200, b"hello")
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /local/x HTTP/1.1",
        b"Host: devvault",
        b"Connection: close",
        b"X-A: 1",
        b"Content-Length: 4",
    ]
    assert body == b"body"


def test_pieces_are_sent_chunked(answering):
    peer, connection = answering(reply(b""))
    connection.request("POST", "devvault", "/", body=iter([b"ab", b"", b"c"]))
    assert peer.requests[0].endswith(b"\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")


def test_a_chunked_reply_is_put_together_and_an_interim_one_skipped(answering):
    _, connection = answering(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n"
    )
    assert connection.request("GET", "devvault", "/").body == b"abc0123456789"


def test_lines_come_as_json(answering):
    _, connection = answering(reply(b'{"done": 1}\n\n{"done": 2}'))
    assert list(connection.lines("POST", "devvault", "/")) == [{"done": 1}, {"done": 2}]


def test_a_stream_that_is_refused_raises_the_daemons_own_words(answering):
    body = {"error": {"code": "VaultLocked", "message": "it is locked", "hint": "devvault unlock"}}
    _, connection = answering(reply(json.dumps(body).encode(), 423))
    with pytest.raises(errors.Locked, match="it is locked") as caught:
        connection.stream("POST", "devvault", "/")
    assert caught.value.hint == "devvault unlock"


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabcde\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000,
    ],
)
def test_an_odd_or_cut_off_reply_is_not_trusted(answering, bad):
    _, connection = answering(bad)
    with pytest.raises(errors.Unavailable) as caught:
        connection.request("GET", "devvault", "/")
    assert caught.value.code == "BadReply"
    assert not is_down(caught.value)


def test_no_socket_and_nobody_listening_are_both_down(home):
    with pytest.raises(errors.Unavailable) as caught:
        Connection(home).request("GET", "devvault", "/")
    assert is_down(caught.value)
    home.run.mkdir(parents=True)
    left = socket.socket(socket.AF_UNIX)
    left.bind(os.fspath(home.socket))
    left.close()
    with pytest.raises(errors.Unavailable) as caught:
        Connection(home).request("GET", "devvault", "/")
    assert is_down(caught.value)


def test_a_socket_of_another_user_gets_nothing(answering, monkeypatch):
    peer, connection = answering(reply(b""))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(errors.Unavailable, match="belongs to another user") as caught:
        connection.request("POST", "devvault", "/", body=b"secret")
    assert caught.value.code == "ForeignDaemon"
    assert b"secret" not in b"".join(peer.requests)


def test_the_peers_user_is_known():
    one, two = socket.socketpair()
    with one, two:
        assert peer_uid(one) == os.getuid()


@pytest.mark.parametrize("path", ["/a\r\nX: 1", "/a\nb"])
def test_a_line_break_cannot_make_a_header(home, path):
    with pytest.raises(errors.Invalid):
        Connection(home).request("GET", "devvault", path)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "BadParameter", errors.Invalid),
        (400, "WrongUse", errors.WrongUse),
        (401, "Unauthorized", errors.Unauthorized),
        (403, "Forbidden", errors.Forbidden),
        (404, "SecretNotFound", errors.NotFound),
        (409, "Conflict", errors.Conflict),
        (409, "OlderDatabase", errors.Stale),
        (422, "Damaged", errors.Damaged),
        (422, "PlaintextSecret", errors.PlaintextSecret),
        (422, "Unresolved", errors.Unresolved),
        (423, "VaultLocked", errors.Locked),
        (424, "Unavailable", errors.Unavailable),
        (500, "InternalError", errors.Unavailable),
    ],
)
def test_status_and_code_choose_the_error(status, code, kind):
    inner = {"code": "Inner"}
    facts = {"code": code, "message": "because", "hint": "do this", "innererror": inner}
    error = error_from(status, facts)
    assert type(error) is kind
    assert (error.code, error.message, error.hint) == (code, "because", "do this")
    assert code == "Unresolved" or error.inner == "Inner"


def test_failures_come_along():
    failure = {"setting": "DB", "status": "SecretNotFound", "reason": "none", "hint": "set it"}
    body = {"error": {"code": "Unresolved", "message": "one"}, "failures": [failure, 3]}
    with pytest.raises(errors.Unresolved) as caught:
        raise_for(Response(422, {}, json.dumps(body).encode()))
    assert caught.value.failures == (("DB", "SecretNotFound", "none", "set it"),)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": 3}'])
def test_an_error_without_a_reason_is_still_one(body):
    with pytest.raises(errors.Unavailable, match="status 502"):
        raise_for(Response(502, {}, body))
    raise_for(Response(302, {}, body))


def test_a_response_hides_its_body():
    assert "hunter2" not in repr(Response(200, {}, b"hunter2"))


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data):
    one, two = socket.socketpair()
    with one, two:
        two.sendall(data)
        two.shutdown(socket.SHUT_WR)
        from devvault.client.http import _Wire

        wire = _Wire(one)
        with contextlib.suppress(errors.Unavailable):  # the one thing it may raise
            wire.read_head()
            b"".join(wire.pieces())
