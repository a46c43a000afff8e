"""A daemon in its own process, and a plain HTTP/1.1 peer for its socket, apart from our own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.waiting import LIMIT

API = "api-version=7.6"


class Refused(Exception):
    """The daemon answered with an error."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.code = body.get("error", {}).get("code", "")


class Daemon:
    """One daemon process on one home."""

    def __init__(self, home: Path, environment: dict[str, str] | None = None) -> None:
        self.home = home
        reading, writing = os.pipe()
        os.set_inheritable(writing, True)
        command = [
            sys.executable,
            "-I",
            "-m",
            "devvault.daemon",
            "--home",
            str(home),
            "--ready-fd",
            str(writing),
        ]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[writing],
            cwd="/",
            env={"PATH": os.defpath, "HOME": str(home.parent), **(environment or {})},
        )
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            self.told = pipe.read().decode()

    def kill(self) -> None:
        """Kill it as a power cut would, as far as its process goes."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop and return its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=LIMIT)


class Peer:
    """One kept-open connection to a daemon's socket."""

    def __init__(self, home: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(LIMIT)
        self._socket.connect(str(home / "run" / "s"))
        self._rest = b""

    def close(self) -> None:
        self._socket.close()

    def call(self, method: str, host: str, path: str, body: object = None) -> Any:
        """Send one request and return the JSON answer; raises Refused, or OSError when cut off."""
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + data)
        status, answer = self._read()
        if status >= 400:
            raise Refused(status, json.loads(answer or b"{}"))
        lines = [json.loads(line) for line in answer.splitlines() if line]
        return lines[-1] if lines else None

    def secret(self, method: str, vault: str, path: str, body: object = None) -> Any:
        """Send a data-plane request."""
        return self.call(method, f"{vault}.vault.azure.net", f"{path}?{API}", body)

    def _read(self) -> tuple[int, bytes]:
        while b"\r\n\r\n" not in self._rest:
            self._more()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        if headers.get("transfer-encoding") == "chunked":
            return int(first.split()[1]), self._chunks()
        return int(first.split()[1]), self._exactly(int(headers.get("content-length", "0")))

    def _chunks(self) -> bytes:
        whole = b""
        while True:
            while b"\r\n" not in self._rest:
                self._more()
            size, _, self._rest = self._rest.partition(b"\r\n")
            length = int(size, 16)
            whole += self._exactly(length)
            self._exactly(2)
            if not length:
                return whole

    def _exactly(self, length: int) -> bytes:
        while len(self._rest) < length:
            self._more()
        data, self._rest = self._rest[:length], self._rest[length:]
        return data

    def _more(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError("the daemon hung up")
        self._rest += data
