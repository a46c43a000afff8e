"""A real daemon process on a home of its own, for tests; and an HTTP client of ten lines."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import devvault
from devvault.paths import Home
from tests.waiting import LIMIT

ROOT = str(Path(devvault.__file__).parents[1])
# Another user may reach a Python that has no packages of its own, so ours are named too.
PACKAGES = [path for path in sys.path if path.endswith("site-packages")]
PLACES = f"import sys; sys.path[:0] = {[ROOT, *PACKAGES]!r}; "
START = PLACES + "from devvault.daemon.__main__ import main; "
NOBODY = 65534


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("devvault", timeout=LIMIT)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT)
        self.sock.connect(os.fspath(self.path))


class Answer:
    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.status = status
        self.body = body
        self.headers = headers

    @property
    def json(self) -> dict:
        return json.loads(self.body)


def python_of_nobody() -> str | None:
    """Return a Python that user 65534 can run devvault with, None where there is none."""
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            done = subprocess.run(
                [python, "-I", "-c", PLACES + "import devvault.daemon.life"],
                user=NOBODY,
                group=NOBODY,
                extra_groups=[],
                capture_output=True,
                check=False,
                cwd="/",
            )
        except OSError:
            continue
        if done.returncode == 0:
            return python
    return None


class Daemon:
    """Starts and asks a daemon; `environment` is all that it gets."""

    def __init__(self, root: Path, environment: dict[str, str] | None = None) -> None:
        self.home = Home(root)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root.parent),
            "XDG_STATE_HOME": str(root.parent / "state"),
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.user: int | None = None
        self.python = sys.executable
        # How many descriptors it may have at most, if it is to be fewer than we may.
        self.descriptors: int | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> bytes:
        """Start it; return what it told through the pipe."""
        read, write = os.pipe()
        narrow = f"import resource as r; r.setrlimit(r.RLIMIT_NOFILE, 2 * ({self.descriptors},)); "
        narrow = "" if self.descriptors is None else narrow
        self.process = subprocess.Popen(
            [
                self.python,
                "-I",
                "-c",
                START + narrow + "sys.exit(main())",
                "--home",
                str(self.home.root),
                "--ready-fd",
                str(write),
            ],
            env=self.environment,
            pass_fds=[write],
            stdin=subprocess.DEVNULL,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            cwd="/",
        )
        os.close(write)
        with os.fdopen(read, "rb") as file:
            return file.read()

    def up(self) -> Daemon:
        told = self.start()
        assert told == b"ready\n", told
        return self

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        host: str = "devvault",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        connection = UnixConnection(self.home.socket)
        try:
            data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            connection.request(method, path, data, {"Host": host, **(headers or {})})
            found = connection.getresponse()
            return Answer(found.status, found.read(), {k.lower(): v for k, v in found.getheaders()})
        finally:
            connection.close()

    def init(self, **more: object) -> dict:
        found = self.ask("POST", "/local/init", {"key_source": "file", **more})
        assert found.status == 200, found.body
        return found.json

    def set(self, vault: str, name: str, value: str) -> None:
        found = self.ask(
            "PUT",
            f"/secrets/{name}?api-version=7.4",
            {"value": value},
            host=f"{vault}.vault.azure.net",
            headers={"Content-Type": "application/json"},
        )
        assert found.status == 200, found.body

    def run(self, folder: str, *fields: bytes) -> tuple[dict[str, str], list[bytes], list[str]]:
        """Post to the fast path; return variables, other fields, lines for stderr."""
        found = self.ask("POST", "/local/run", run_body(folder, fields))
        assert found.status == 200, found.body
        parts = found.body.split(b"\0")
        assert parts[-2:] == [b".", b""]
        made, rest, lines = {}, [], []
        for part in parts[:-2]:
            if part[:1] == b"S":
                name, _, value = part[1:].decode().partition("=")
                made[name] = value
            elif part[:1] == b"W":
                lines.append(part[1:].decode())
            else:
                rest.append(part)
        return made, rest, lines

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(LIMIT)

    @property
    def log(self) -> str:
        return self.home.log.read_text()


def run_body(folder: str, fields: Iterable[bytes], *, connect: bool = False) -> bytes:
    head = [b"P1", b"Vrun", b"C" + folder.encode(), b"R" + folder.encode()]
    head += [] if connect else [b"Ono-connect"]
    return b"".join(field + b"\0" for field in head) + b"".join(fields)


def env_file(path: str, data: bytes, tag: bytes = b"F") -> bytes:
    return tag + path.encode() + b"\0%d\0" % len(data) + data


def reference(vault: str, name: str, version: str = "") -> str:
    pinned = f";SecretVersion={version}" if version else ""
    return f"@Microsoft.KeyVault(VaultName={vault};SecretName={name}{pinned})"
