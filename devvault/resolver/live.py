"""Settings that follow their files and secrets; what `Settings.watch` returns.

Reading is the library's own, so that a watch shows what `load_settings` would. A fork leaves the
watch with the parent: a child that wants one asks for its own.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

from devvault.errors import DevvaultError
from devvault.paths import default_home
from devvault.resolver.project import Signature, find_folder, usual_files
from devvault.resolver.watch import Watcher

Files = dict[Path, Signature]
Versions = dict[str, str]
T = TypeVar("T")

_LOG = logging.getLogger("devvault")


class Watch:
    """Keeps settings up to date until it is stopped.

    `read` returns what they hold now, and tells the files it read and the versions it met; `take`
    puts it in their place and returns the names that changed.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None,
        read: Callable[[Files, Versions], T],
        take: Callable[[T], frozenset[str]],
        callback: Callable[[frozenset[str]], object] | None,
    ) -> None:
        self._at = None if folder is None else Path(folder)
        self._read: Callable[[Files, Versions], object] = read
        self._take: Callable[[Any], frozenset[str]] = take
        self._callback = callback
        self._stopped = False
        self._files: Files = {}
        self._versions: Versions = {}
        self._watcher = Watcher(default_home(), str(find_folder(self._at)), self._read_again, _warn)
        self._watcher.start(usual_files(self._at), {})
        self._watcher.touch()  # what changed since the settings were loaded counts as well

    def stop(self) -> None:
        """End it: the settings stay as they are from now on. May be called twice."""
        self._stopped = True
        self._watcher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.stop()

    def _read_again(self) -> bool:
        versions: Versions = {}
        files = usual_files(self._at)
        try:
            held = self._read(files, versions)
        except DevvaultError as error:
            # What was found before it went wrong is watched as well: it may be what is mended.
            self._follow({**self._files, **files}, {**self._versions, **versions})
            _LOG.warning("settings stay as they were: %s", error.message)
            return False
        if self._stopped:
            return True
        changed = self._take(held)
        self._follow(files, versions)
        if changed and self._callback is not None:
            try:
                self._callback(changed)
            except Exception as error:  # noqa: BLE001  # the app's own; a message may hold a value
                _LOG.warning("the callback of a watch failed: %s", type(error).__name__)
        return True

    def _follow(self, files: Files, versions: Versions) -> None:
        self._files, self._versions = files, versions
        self._watcher.look_at(files, versions)


def _warn(words: str) -> None:
    _LOG.warning("%s", words)
