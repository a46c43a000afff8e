"""A home for tests: a daemon of its own in a temporary folder, its key in a file; gone at the end.

It stands on the command line's own words for the daemon, so a test meets what a user meets.
"""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from devvault.cli.connection import open_connection, session_of, unconnected
from devvault.cli.planes import ARM_VERSION, Planes
from devvault.client import daemon
from devvault.client.http import is_down
from devvault.errors import DevvaultError
from devvault.paths import Home
from devvault.testing.folder import hold_folder
from devvault.testing.vault import (
    IDENTITY_VERSION,
    TestVault,
    grant,
    identity_path,
    seed,
    vault_path,
)

# Of the shell that the tests were started in: another home's, or a session's that is not theirs.
_OURS = "DEVVAULT_"
_HOME, _KEY = "home", "key"


class TestHome:
    """A running home; `open_vault()` makes vaults in it."""

    __test__ = False  # pytest: no class of tests

    def __init__(self, planes: Planes, folder: Path) -> None:
        self._planes = planes
        self._key = str(folder / _KEY)
        self._numbers = 0
        self._tag = uuid.uuid4().hex[:8]

    def __repr__(self) -> str:
        """Say where it is."""
        return f"TestHome({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """What `DEVVAULT_HOME` must be for a program that is to use it."""
        return self._planes.home.root

    @property
    def pid(self) -> int:
        """The daemon's process."""
        found = daemon.find(self._planes.home)
        return found.pid if found is not None else 0

    @contextmanager
    def open_vault(self, secrets: Mapping[str, str] | None = None) -> Iterator[TestVault]:
        """Make a vault with a name of its own, an identity that may read it, and secrets in it.

        At the end of the block its tokens are void, and vault and identity are deleted.

        Raises:
            DevvaultError: a secret's name or value is none that a vault takes.
        """
        self._numbers += 1
        name = f"test-{self._tag}-{self._numbers}"
        with ExitStack() as ends:
            yield self._make(name, secrets or {}, ends)

    def _make(self, name: str, secrets: Mapping[str, str], ends: ExitStack) -> TestVault:
        planes = self._planes
        body = {"key_source": "file", "key_file": self._key, "vaults": [name]}
        planes.local("POST", "/local/init", body)
        ends.callback(self._delete, vault_path(name), ARM_VERSION)
        identity = planes.arm("PUT", identity_path(name), {}, version=IDENTITY_VERSION)
        ends.callback(self._delete, identity_path(name), IDENTITY_VERSION)
        grant(planes, name, identity)
        seed(planes, name, secrets)
        # What a surrounding connection set for another home would lead past this one.
        opened = open_connection(planes, unconnected(os.environ), identity=name)
        ends.callback(self._disconnect, session_of(opened.variables))
        return TestVault(planes, name, opened)

    def _delete(self, path: str, version: str) -> None:
        with _or_stopped():
            self._planes.arm("DELETE", path, version=version)

    def _disconnect(self, session: str) -> None:
        with _or_stopped():
            self._planes.local("POST", "/local/disconnect", {"session": session})


@contextmanager
def _or_stopped() -> Iterator[None]:
    """Let it pass that the daemon is gone: a test that stopped it has undone everything."""
    try:
        yield
    except DevvaultError as error:
        if not is_down(error):
            raise


@contextmanager
def open_home() -> Iterator[TestHome]:
    """Start a home's daemon, and end it and remove every file whatever happens in the block.

    Raises:
        DevvaultError: the daemon does not start, in its own words.
    """
    with hold_folder(_end_in) as folder:
        home = Home(folder / _HOME)
        try:
            _start(home)
            planes = Planes(home)
            body = {"key_source": "file", "key_file": str(folder / _KEY)}
            planes.local("POST", "/local/init", body)
            yield TestHome(planes, folder)
        finally:
            _end(home)


def _end_in(folder: Path) -> None:
    _end(Home(folder / _HOME))


def _start(home: Home) -> None:
    """Start the daemon without the options and ports of the shell that the tests run in."""
    aside = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_OURS)}
    try:
        daemon.ensure(home)
    finally:
        os.environ.update(aside)


def _end(home: Home) -> None:
    pid = 0
    try:
        facts = daemon.find(home)
        pid = facts.pid if facts is not None else 0
        daemon.stop(home)
    except DevvaultError:
        # It hangs: nothing of a home that is thrown away is worth waiting for.
        if pid:
            with suppress(ProcessLookupError, DevvaultError):
                os.kill(pid, signal.SIGKILL)
                daemon.stop(home)  # its lock is free when it has let go of the files


def told(error: DevvaultError) -> str:
    """Return an error's one sentence, and what to type."""
    hint = f"\n  {error.hint}" if error.hint else ""
    return f"devvault: {error.message}{hint}"
