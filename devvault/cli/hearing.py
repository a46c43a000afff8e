"""What CMD fetches for itself while it runs, told to us by the daemon before CMD has it.

Part of the fast path: imports next to nothing. Each value comes by a connection of its own to a
socket in the home's `run/`, and stands there for us to take before anything that CMD writes later.
"""

import binascii
import posix

# Connections that wait while our reader does not read; the system may allow fewer.
_BACKLOG = 4096
_PIECE = 65536


class Hearing:
    """A socket that the daemon tells values at; `folder` is where its own one stands.

    Raises OSError where no socket can be made there.
    """

    def __init__(self, folder: bytes) -> None:
        import _socket

        coded = binascii.b2a_base64(posix.urandom(5), newline=False)
        self.name = b"m" + coded[:7].replace(b"+", b"-").replace(b"/", b"_")
        # Where the run is asked for: who masks says so, for what CMD will fetch.
        self.place = b"/local/run?hearer=" + self.name
        self._path = folder + b"/" + self.name
        self._socket = _socket.socket(1, _socket.SOCK_STREAM)
        self._socket.bind(self._path)
        posix.chmod(self._path, 0o600)
        self._socket.listen(_BACKLOG)
        self._socket.setblocking(False)
        self.number = self._socket.fileno()

    def take(self) -> "dict[bytes, bytes]":
        """Return the values told since the last time, each by the name of its secret."""
        found: dict[bytes, bytes] = {}
        while True:
            try:
                # What `socket.socket.accept` itself calls; that module is no C module.
                handle, _ = self._socket._accept()  # type: ignore[attr-defined]  # noqa: SLF001  # so
            except OSError:
                return found  # nobody waits there
            text = b""
            while piece := posix.read(handle, _PIECE):
                text += piece
            posix.close(handle)
            name, told, value = text.partition(b"\0")
            if told:
                found[name] = value

    def end(self) -> None:
        """Remove the socket: nothing is masked any more."""
        self._socket.close()
        try:
            posix.unlink(self._path)
        except OSError:
            return  # the daemon has seen it off
