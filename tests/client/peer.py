"""A small Unix-socket server that answers as a test scripts it: the other end of the wire."""

import contextlib
import os
import socket
import threading
from pathlib import Path


class Peer:
    """Listens at a path; answers each connection with the next of `replies`, as raw bytes."""

    def __init__(self, path: Path, replies: list[bytes]) -> None:
        self.requests: list[bytes] = []
        self._replies = list(replies)
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(exist_ok=True, mode=0o700)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(os.fspath(path))
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while self._replies:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(ConnectionError):
                self.requests.append(self._read(connection))
                connection.sendall(self._replies.pop(0))

    def _read(self, connection: socket.socket) -> bytes:
        got = b""
        while b"\r\n\r\n" not in got:
            piece = connection.recv(65536)
            if not piece:
                return got
            got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        fields = dict(
            line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line
        )
        if fields.get(b"transfer-encoding") == b"chunked":
            while not body.endswith(b"0\r\n\r\n"):
                body += connection.recv(65536)
        while len(body) < int(fields.get(b"content-length", b"0")):
            piece = connection.recv(65536)
            if not piece:
                break
            body += piece
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        self._listener.close()


def reply(body: bytes, status: int = 200, kind: str = "application/octet-stream") -> bytes:
    """Return a whole HTTP reply."""
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
