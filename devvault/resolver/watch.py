"""Notice when a settings file, or the version of a secret that it refers to, is another one.

Files by the kernel's notices (watchdog), secrets by a stream of the daemon: nothing is asked over
and over. What comes in a flurry is one change. It says that something changed, never what to; the
reading is the business of whoever is told.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from socket import SHUT_RDWR
from typing import TYPE_CHECKING, Final

from watchdog.events import (
    EVENT_TYPE_CREATED,
    EVENT_TYPE_DELETED,
    EVENT_TYPE_MODIFIED,
    EVENT_TYPE_MOVED,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.polling import PollingObserver

from devvault.client.http import Connection
from devvault.errors import DevvaultError, NotFound
from devvault.paths import Home
from devvault.resolver.project import Signature, signature

if TYPE_CHECKING:
    from _socket import socket

    from watchdog.observers.api import BaseObserver

# A change counts once nothing more came for so long, in seconds, or after so many times that.
QUIET = 0.15
_AT_MOST = 6
# Between two attempts to reach a daemon that is not there: first, and at most.
_SOON = 0.1
_LATER = 2.0
_POLLING = 1.0
_CHANGES = frozenset(
    {EVENT_TYPE_CREATED, EVENT_TYPE_DELETED, EVENT_TYPE_MODIFIED, EVENT_TYPE_MOVED}
)


class Watcher:
    """Calls `changed`, in a thread of its own, after files or secrets changed.

    `changed` returns whether it could use what it found; where it could not, it is called again as
    soon as anything is different, or the home is unlocked. `note` is told, once, what a user should
    know. The threads end with `close`, and never keep a process alive.
    """

    def __init__(
        self, home: Home, folder: str, changed: Callable[[], bool], note: Callable[[str], None]
    ) -> None:
        self._changed: Final = changed
        self._note: Final = note
        self._closed = threading.Event()
        self._woken = threading.Condition()
        self._files_touched = self._secrets_touched = self._pending = False
        self._files = _Files(self._touch_files, note)
        self._secrets = _Secrets(home, folder, self._touch_secrets, self._opened, self._closed)
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for work, name in ((self._settle, "changes"), (self._secrets.listen, "secrets"))
        ]

    def start(self, files: Mapping[Path, Signature], versions: Mapping[str, str]) -> None:
        """Begin; the arguments are as in `look_at`."""
        self.look_at(files, versions)
        for thread in self._threads:
            thread.start()

    def look_at(self, files: Mapping[Path, Signature], versions: Mapping[str, str]) -> None:
        """Watch these files, as they were when they were read, and these secrets from now on.

        `versions` are addresses of secrets without a version, each with the version that was seen.
        A change since then counts at once.
        """
        self._secrets.look_at(versions)
        if self._files.look_at(files):
            self._touch_files()

    def touch(self) -> None:
        """Have `changed` called, as if a secret had changed."""
        self._touch_secrets()

    def close(self) -> None:
        """End; a call of `changed` that is under way is not waited for."""
        self._closed.set()
        with self._woken:
            self._woken.notify_all()
        self._secrets.hang_up()
        self._files.close()

    def _touch_files(self) -> None:
        with self._woken:
            self._files_touched = True
            self._woken.notify_all()

    def _touch_secrets(self) -> None:
        with self._woken:
            self._secrets_touched = True
            self._woken.notify_all()

    def _opened(self) -> None:
        if self._pending:
            self._touch_secrets()

    def _settle(self) -> None:
        while not self._closed.is_set():
            with self._woken:
                while not (self._files_touched or self._secrets_touched or self._closed.is_set()):
                    self._woken.wait()
            for _ in range(_AT_MOST):
                with self._woken:
                    secrets, self._secrets_touched = self._secrets_touched, False
                    self._files_touched = False
                if self._closed.wait(QUIET):
                    return
                with self._woken:
                    again = self._files_touched or self._secrets_touched
                    self._secrets_touched = self._secrets_touched or secrets
                if not again:
                    break
            with self._woken:
                secrets, self._secrets_touched = self._secrets_touched, False
                self._files_touched = False
            if secrets or self._files.differ():
                self._pending = not self._call()

    def _call(self) -> bool:
        try:
            return self._changed()
        except Exception as error:  # noqa: BLE001  # the thread must go on; a message may hold a value
            self._note(f"settings could not be read again: {type(error).__name__}")
            return False


class _Files(FileSystemEventHandler):
    """The files, watched by their folders: an editor replaces a file, a checkout the folder."""

    def __init__(self, touch: Callable[[], None], note: Callable[[str], None]) -> None:
        self._touch = touch
        self._note = note
        self._lock = threading.Lock()
        self._seen: dict[Path, Signature] = {}
        self._folders: dict[str, int] = {}
        self._observer: BaseObserver | None = None
        self._is_closed = False

    def look_at(self, files: Mapping[Path, Signature]) -> bool:
        """Watch these; return whether one of them is another by now."""
        with self._lock:
            self._seen = dict(files)
        self._follow()
        return self._is_other()

    def differ(self) -> bool:
        """Return whether a file is another than was seen last, and remember what is seen now."""
        self._follow()
        is_other = self._is_other()
        with self._lock:
            self._seen = {path: signature(path) for path in self._seen}
        return is_other

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Take a notice of the kernel (a thread of watchdog)."""
        if event.event_type in _CHANGES:
            self._touch()

    def close(self) -> None:
        """Stop."""
        with self._lock:
            self._is_closed = True
            observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()

    def _is_other(self) -> bool:
        with self._lock:
            seen = dict(self._seen)
        return any(signature(path) != before for path, before in seen.items())

    def _follow(self) -> None:
        """Watch the folders in which something may happen to a file or to the way to it."""
        with self._lock:
            if self._is_closed:
                return
            folders = [folder for path in self._seen for folder in _folders(path)]
            wanted = {str(folder): inode for folder in folders if (inode := _inode(folder))}
            if wanted == self._folders:
                return
            self._folders = wanted
            try:
                self._schedule(self._observer or Observer(), wanted)
            except OSError as error:
                reason = error.strerror or "the system does not tell"
                self._note(f"files are looked at once a second instead of being watched: {reason}")
                self._schedule(PollingObserver(timeout=_POLLING), wanted)

    def _schedule(self, observer: BaseObserver, folders: Iterable[str]) -> None:
        before = self._observer
        if before is not None and before is not observer:
            before.stop()
        self._observer = observer
        observer.unschedule_all()
        for folder in folders:
            observer.schedule(self, folder)
        if not observer.is_alive():
            observer.daemon = True
            observer.start()


class _Line(Connection):
    """A connection that somebody else can end."""

    sock: socket | None = None

    def open(self) -> socket:
        """Open it and keep it at hand."""
        self.sock = super().open()
        return self.sock

    def hang_up(self) -> None:
        """End it, whoever waits on it."""
        if self.sock is not None:
            try:
                self.sock.shutdown(SHUT_RDWR)
            except OSError:
                return  # it has ended already


class _Secrets:
    """The daemon's stream of changes; it is called again whenever it breaks."""

    def __init__(
        self,
        home: Home,
        folder: str,
        touch: Callable[[], None],
        opened: Callable[[], None],
        closed: threading.Event,
    ) -> None:
        self._home = home
        self._folder = folder
        self._touch = touch
        self._opened = opened
        self._closed = closed
        self._changed = threading.Condition()
        self._versions: dict[str, str] = {}
        self._asked: frozenset[str] = frozenset()
        self._line: _Line | None = None

    def look_at(self, versions: Mapping[str, str]) -> None:
        """Ask about these from now on."""
        with self._changed:
            self._versions = dict(versions)
            is_new = self._asked != self._versions.keys()
            self._changed.notify_all()
        if is_new:
            self.hang_up()

    def hang_up(self) -> None:
        """End the call that is under way."""
        with self._changed:
            line = self._line
            self._changed.notify_all()
        if line is not None:
            line.hang_up()

    def listen(self) -> None:
        """Call the daemon until it is over (a thread of its own)."""
        pause = _SOON
        while True:
            with self._changed:
                while not self._versions and not self._closed.is_set():
                    self._changed.wait()
                if self._closed.is_set():
                    return
                asked = dict(self._versions)
                self._asked = frozenset(asked)
                self._line = line = _Line(self._home)
            try:
                for told in self._call(line, asked):
                    pause = _SOON
                    self._hear(told)
            except NotFound:
                return  # an older daemon: it knows no such path
            except (DevvaultError, ValueError):
                pass  # it is down, or stops: what changes meanwhile is told by the next call
            with self._changed:
                is_new = self._asked != self._versions.keys()
            if not is_new:
                if self._closed.wait(pause):
                    return
                pause = min(2 * pause, _LATER)

    def _call(self, line: _Line, asked: Mapping[str, str]) -> Iterable[object]:
        body = json.dumps({"folder": self._folder, "references": asked}).encode()
        headers = {"Content-Type": "application/json"}
        return line.lines("POST", "devvault", "/local/watch", headers, body)

    def _hear(self, told: object) -> None:
        if not isinstance(told, dict):
            return
        changed = told.get("changed")
        if isinstance(changed, dict):
            with self._changed:
                self._versions |= {
                    str(uri): str(version)
                    for uri, version in changed.items()
                    if uri in self._versions
                }
            self._touch()
        if told.get("state") == "unlocked":
            self._opened()


def _folders(path: Path) -> list[Path]:
    """Return the folders that tell of a file: its own, that of what it links to, the nearest one.

    What else happens in them counts for nothing: the files are compared with what was seen.
    """
    found = []
    for target in dict.fromkeys((path, _real(path))):
        folder = target.parent
        while _inode(folder) == 0 and folder != folder.parent:
            folder = folder.parent
        found.append(folder)
    return found


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path


def _inode(folder: Path) -> int:
    try:
        facts = folder.stat()
    except OSError:
        return 0
    return facts.st_ino
