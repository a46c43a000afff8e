"""What is answered at once: in order, once, and only what is plain; the rest goes the usual way."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from devvault.daemon.protocols import Config, QuickAnswers, ServerState
from tests.waiting import LIMIT

GET = b"GET %s HTTP/1.1\r\nHost: v\r\n\r\n"


async def usual(scope, receive, send):
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    answer = b"usual " + scope["method"].encode() + b" " + scope["path"].encode() + b" " + body
    length = str(len(answer)).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]}
    )
    await send({"type": "http.response.body", "body": answer})


def now(scope, keep):
    if not scope["path"].startswith("/quick"):
        return None
    answer = f"quick {scope['path']} {scope['query_string'].decode()} {keep}".encode()
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(answer), answer)


def ask(*pieces: bytes, keep_alive: float = 600, closes: bool = False) -> tuple[list[bytes], bool]:
    """Send the pieces one after the other; return the bodies that came, and if it was closed.

    As many answers as there are requests are waited for, and the end where it `closes`.
    """
    count = b"".join(pieces).count(b" HTTP/1.")

    async def main():
        config = Config(usual, loop="none", ws="none", lifespan="off", log_config=None)
        config.timeout_keep_alive = keep_alive
        config.load()
        loop = asyncio.get_running_loop()

        def make():
            made = QuickAnswers(config=config, server_state=ServerState(), app_state={}, _loop=loop)
            made.answer_now = now
            return made

        server = await loop.create_server(make, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        whole, closed = b"", False
        while not closed and (closes or len(bodies_of(whole)) < count):
            data = await asyncio.wait_for(reader.read(65536), LIMIT)
            whole, closed = whole + data, not data
        with contextlib.suppress(TimeoutError):
            while not closed:
                data = await asyncio.wait_for(reader.read(65536), 0.1)
                whole, closed = whole + data, not data
        writer.close()
        server.close()
        return whole, closed

    whole, closed = asyncio.run(main())
    return bodies_of(whole), closed


def bodies_of(whole: bytes) -> list[bytes]:
    """Return the bodies of the answers that are there to their end."""
    bodies = []
    while b"\r\n\r\n" in whole:
        head, _, rest = whole.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if b"content-length" in line
        )
        if len(rest) < length:
            break
        bodies.append(rest[:length])
        whole = rest[length:]
    return bodies


def test_a_plain_get_is_answered_at_once_and_the_connection_stays():
    bodies, closed = ask(GET % b"/quick/a%20b?x=%41", GET % b"/quick")
    assert bodies == [b"quick /quick/a b x=%41 True", b"quick /quick  True"]
    assert not closed


def test_what_the_app_leaves_goes_the_usual_way():
    assert ask(GET % b"/other") == ([b"usual GET /other "], False)


def test_pipelined_requests_are_answered_in_order():
    several = GET % b"/quick/1" + GET % b"/other/2" + GET % b"/quick/3" + GET % b"/quick/4"
    bodies, _ = ask(several)
    assert [body.split(b"/")[-1][:1] for body in bodies] == [b"1", b"2", b"3", b"4"]


def test_a_head_in_pieces():
    whole = GET % b"/quick/a"
    assert ask(*(whole[at : at + 5] for at in range(0, len(whole), 5)))[0] == [
        b"quick /quick/a  True"
    ]


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (b"GET /quick HTTP/1.1\r\nHost: v\r\nContent-Length: 2\r\n\r\nab", b"usual GET /quick ab"),
        (
            b"GET /quick HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            b"usual GET /quick a",
        ),
        (b"POST /quick HTTP/1.1\r\nHost: v\r\nContent-Length: 0\r\n\r\n", b"usual POST /quick "),
        (b"GET /quick HTTP/1.0\r\nHost: v\r\n\r\n", b"usual GET /quick "),
    ],
)
def test_what_is_not_plain_goes_the_usual_way(request_, body):
    assert ask(request_)[0] == [body]


def test_a_request_to_close_is_obeyed():
    asked = b"GET /quick HTTP/1.1\r\nHost: v\r\nConnection: close\r\n\r\n"
    bodies, closed = ask(asked, closes=True)
    assert bodies == [b"quick /quick  False"]
    assert closed


def test_the_usual_way_after_the_quick_one_and_back():
    post = b"POST /p HTTP/1.1\r\nHost: v\r\nContent-Length: 1\r\n\r\nx"
    bodies, _ = ask(GET % b"/quick", post, GET % b"/quick", post)
    assert [body.split()[0] for body in bodies] == [b"quick", b"usual", b"quick", b"usual"]


def test_an_idle_connection_is_closed_in_the_end():
    bodies, closed = ask(GET % b"/quick", keep_alive=0.05, closes=True)
    assert (len(bodies), closed) == (1, True)
