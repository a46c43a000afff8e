"""Whose is the socket at the other end of a loopback connection? Asked of the Linux kernel.

The secrets decide who may do what; this keeps other users of the machine from holding our few
connections, and tells the log who tried. Where the system does not say, nobody is turned away.
"""

from __future__ import annotations

import os
import socket
import struct
import sys

_SOCK_DIAG = 4
_BY_FAMILY = 20
_REQUEST = 1
_HEADER = struct.Struct("=IHHII")
_QUESTION = struct.Struct("=BBBxI")
_PORTS = struct.Struct("!HH")
_NO_COOKIE = b"\xff" * 8
_ALL_STATES = 0xFFFFFFFF
_UID_AT = _HEADER.size + 4 + 48 + 12


class Peers:
    """Asks the kernel over one socket of its own. Used on the event loop alone."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._asks = sys.platform == "linux"

    def find_uid(self, client: tuple[str, int], server: tuple[str, int]) -> int | None:
        """Return the user id of the client of an IPv4 connection, or None where nobody tells."""
        if not self._asks:
            return None
        try:
            if self._socket is None:
                self._socket = socket.socket(
                    socket.AF_NETLINK,  # type: ignore[attr-defined,unused-ignore]  # Linux alone
                    socket.SOCK_DGRAM | socket.SOCK_CLOEXEC,
                    _SOCK_DIAG,
                )
                self._socket.settimeout(0.2)
            self._socket.send(_question(client, server))
            answer = self._socket.recv(4096)
        except OSError:
            self._asks = False  # a sandbox that has no such thing
            self.close()
            return None
        if len(answer) < _UID_AT + 4 or _HEADER.unpack_from(answer)[1] != _BY_FAMILY:
            return None  # it is closed already
        found: int = struct.unpack_from("=I", answer, _UID_AT)[0]
        return found

    def is_stranger(self, client: tuple[str, int], server: tuple[str, int]) -> int | None:
        """Return the user id of a client who is somebody else, else None."""
        uid = self.find_uid(client, server)
        return None if uid is None or uid == os.geteuid() else uid

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _question(client: tuple[str, int], server: tuple[str, int]) -> bytes:
    body = _QUESTION.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, _ALL_STATES)
    body += _PORTS.pack(client[1], server[1])
    body += socket.inet_aton(client[0]).ljust(16, b"\0")
    body += socket.inet_aton(server[0]).ljust(16, b"\0")
    body += b"\0" * 4 + _NO_COOKIE
    return _HEADER.pack(_HEADER.size + len(body), _BY_FAMILY, _REQUEST, 1, 0) + body
