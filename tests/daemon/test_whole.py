"""A short POST over the socket is answered at once and in one piece; every other one as ever."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from devvault.clock import SetClock
from devvault.daemon.log import Log
from devvault.daemon.protocols import Config, ServerState, SocketProtocol
from devvault.server.head import PEER
from tests.daemon.test_quick import bodies_of, usual
from tests.waiting import LIMIT

POST = b"POST %s HTTP/1.1\r\nHost: devvault\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
QUICK = POST % (b"/local/quick?x=1", 4, b"body")


def whole(scope, body):
    if scope["path"] != "/local/quick":
        return None
    assert scope["extensions"][PEER]["pid"] > 0
    answer = b"whole " + scope["query_string"] + b" " + body[:20]
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(answer), answer)


@pytest.fixture
def ask(tmp_path):
    """Send the pieces one after the other, each as a write of its own; return the bodies."""

    def asked(*pieces: bytes, answer=whole) -> list[bytes]:
        log = Log(tmp_path / "log", SetClock(datetime(2026, 1, 2, tzinfo=UTC)))

        async def main() -> bytes:
            config = Config(usual, loop="none", ws="none", lifespan="off", log_config=None)
            config.load()
            loop = asyncio.get_running_loop()

            def make():
                made = SocketProtocol(
                    config=config, server_state=ServerState(), app_state={}, _loop=loop
                )
                made.log = log
                made.answer_whole = answer
                return made

            server = await loop.create_unix_server(make, tmp_path / "s")
            reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            found = await asyncio.wait_for(reader.read(-1), LIMIT)
            writer.close()
            server.close()
            return found

        return bodies_of(asyncio.run(main()))

    return asked


def test_a_short_post_is_answered_at_once(ask):
    assert ask(QUICK) == [b"whole x=1 body"]


def test_it_may_come_in_pieces(ask):
    assert ask(*(QUICK[at : at + 3] for at in range(0, len(QUICK), 3))) == [b"whole x=1 body"]


def test_what_the_app_leaves_goes_the_usual_way_with_its_whole_body(ask):
    other = POST % (b"/local/other", 4, b"body")
    assert ask(other) == [b"usual POST /local/other body"]
    assert ask(other[:-2], other[-2:]) == [b"usual POST /local/other body"]


def test_a_long_body_goes_the_usual_way(ask):
    body = b"x" * (64 * 1024 + 1)
    answer = ask(POST % (b"/local/quick", len(body), body))
    assert answer == [b"usual POST /local/quick " + body]


def test_nothing_is_answered_after_an_answer_that_closes(ask):
    assert ask(QUICK + QUICK) == [b"whole x=1 body"]


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /local/quick HTTP/1.0\r\nContent-Length: 1\r\n\r\na",
        QUICK.replace(b"Content-Length: 4", b"Transfer-Encoding: chunked")[:-4]
        + b"1\r\na\r\n0\r\n\r\n",
        b"POST /local%2Fquick HTTP/1.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\na",
        b"POST /other HTTP/1.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\na",
        b"PUT /local/quick HTTP/1.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\na",
    ],
)
def test_what_is_not_plain_goes_the_usual_way(ask, request_):
    [body] = ask(request_)
    assert body.startswith(b"usual ")
    assert body.endswith(b" a")


def test_a_connection_that_stays_goes_the_usual_way(ask):
    first = QUICK.replace(b"Connection: close\r\n", b"")
    assert ask(first, QUICK) == [b"usual POST /local/quick body", b"usual POST /local/quick body"]
