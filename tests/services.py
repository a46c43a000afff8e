"""Real services for tests, each private to its test. Where one cannot be had the test skips with
the reason; with CI=true it fails instead.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.waiting import LIMIT


def need_programs(*names: str) -> None:
    """Skip (or, in CI, fail) where a program is missing."""
    missing = [name for name in names if shutil.which(name) is None]
    if not missing:
        return
    reason = f"not installed: {', '.join(missing)}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class SecretService:
    """A D-Bus session bus and a gnome-keyring on it, of its own, without display or desktop.

    `environment` is what a process needs to reach it (no display among it: a prompt is dismissed
    at once). The bus keeps its address over restarts, as a login session's does.
    """

    password = "the login password"

    def __init__(self) -> None:
        # Not below pytest's own folder: a socket's path must be short.
        self._root = Path(tempfile.mkdtemp(prefix="dvss-"))
        folders = {
            "XDG_RUNTIME_DIR": self._root / "run",
            "XDG_DATA_HOME": self._root / "data",
            "XDG_CACHE_HOME": self._root / "cache",
            "XDG_CONFIG_HOME": self._root / "config",
        }
        for folder in folders.values():
            folder.mkdir(mode=0o700)
        self._socket = self._root / "run" / "bus"
        self.environment = {
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self._socket}",
            **{name: str(folder) for name, folder in folders.items()},
        }
        self._bus: subprocess.Popen[bytes] | None = None
        self._keyring: subprocess.Popen[bytes] | None = None

    @property
    def files(self) -> list[Path]:
        """The keyring's files at rest."""
        return [path for path in (self._root / "data").rglob("*") if path.is_file()]

    def start(self, password: str | None = None) -> None:
        """Start both; a password other than the first one leaves the keyring locked."""
        self._start_bus()
        command = ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"]
        self._keyring = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._whole_environment(),
        )
        assert self._keyring.stdin is not None
        # All of stdin is the password: a newline would be part of it.
        self._keyring.stdin.write((self.password if password is None else password).encode())
        self._keyring.stdin.close()
        self._wait(self._is_there)
        if password is None:
            self._wait(lambda: self.is_locked is False)

    def restart(self) -> None:
        """As after a new login: everything is there and open."""
        self.kill()
        self.start()

    def restart_locked(self) -> None:
        """As after a login by key or fingerprint: the keyring runs and its password was not given.

        A prompt finds no display and is dismissed, as if the user had cancelled it.
        """
        self.kill()
        self.start("not the login password")
        assert self.is_locked

    def reset(self) -> None:
        """As after the user's `reset keyring`: a new and empty one, open."""
        self.kill()
        shutil.rmtree(self._root / "data")
        (self._root / "data").mkdir(mode=0o700)
        self.start()

    def kill_keyring(self) -> None:
        """Kill the keyring alone; the bus lives, and starts a new and locked one when asked."""
        _end(self._keyring, signal.SIGKILL)
        self._keyring = None
        self._wait(lambda: not self._is_there())

    def kill(self) -> None:
        """Kill keyring and bus: the address leads nowhere."""
        _end(self._keyring, signal.SIGKILL)
        _end(self._bus, signal.SIGTERM)
        self._keyring = self._bus = None
        self._socket.unlink(missing_ok=True)

    def close(self) -> None:
        """End both and remove every file."""
        self.kill()
        shutil.rmtree(self._root, ignore_errors=True)

    @property
    def is_locked(self) -> bool | None:
        """Whether the default collection is locked; None where there is none yet."""
        import secretstorage
        from jeepney.io.blocking import open_dbus_connection

        with closing(open_dbus_connection(self.environment["DBUS_SESSION_BUS_ADDRESS"])) as bus:
            try:
                return bool(secretstorage.Collection(bus).is_locked())
            except secretstorage.ItemNotFoundException:
                return None

    def _start_bus(self) -> None:
        address = self.environment["DBUS_SESSION_BUS_ADDRESS"]
        self._bus = subprocess.Popen(
            [
                "dbus-daemon",
                "--session",
                "--nofork",
                "--nopidfile",
                "--print-address=1",
                f"--address={address}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._whole_environment(),
        )
        assert self._bus.stdout is not None
        with self._bus.stdout:
            assert self._bus.stdout.readline(), "dbus-daemon did not start"

    def _is_there(self) -> bool:
        from jeepney.bus_messages import message_bus
        from jeepney.io.blocking import Proxy, open_dbus_connection

        with closing(open_dbus_connection(self.environment["DBUS_SESSION_BUS_ADDRESS"])) as bus:
            return bool(Proxy(message_bus, bus).NameHasOwner("org.freedesktop.secrets")[0])

    def _whole_environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, **self.environment}

    @staticmethod
    def _wait(done: object) -> None:
        assert callable(done)
        end = time.monotonic() + LIMIT
        while not done():
            if time.monotonic() > end:
                pytest.fail(f"the keyring was not ready after {LIMIT:g} seconds")
            time.sleep(0.02)


def _end(process: subprocess.Popen[bytes] | None, number: int) -> None:
    if process is None:
        return
    process.send_signal(number)
    try:
        process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture
def secret_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretService]:
    """A running, unlocked, empty Secret Service; this process's environment leads to it."""
    need_programs("dbus-daemon", "gnome-keyring-daemon")
    service = SecretService()
    try:
        service.start()
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP"):
            monkeypatch.delenv(name, raising=False)
        for name, value in service.environment.items():
            monkeypatch.setenv(name, value)
        yield service
    finally:
        service.close()
