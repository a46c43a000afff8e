"""Settings that follow their files and secrets; what `Settings.watch` returns.

Reading is the library's own, so that a watch shows what `load_settings` would. A fork leaves the
watch with the parent: a child that wants one asks for its own.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

from devvault.errors import DevvaultError
from devvault.paths import default_home
from devvault.resolver.project import Signature, find_folder, usual_files
from devvault.resolver.watch import Watcher

if TYPE_CHECKING:
    from devvault.resolver.settings import Settings

_LOG = logging.getLogger("devvault")


class Watch:
    """Keeps settings up to date until it is stopped."""

    def __init__(
        self,
        settings: Settings,
        folder: str | os.PathLike[str] | None,
        environment: Mapping[str, str],
        callback: Callable[[frozenset[str]], object] | None,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._environment = environment
        self._callback = callback
        self._stopped = False
        self._files: dict[Path, Signature] = {}
        self._versions: dict[str, str] = {}
        at = None if folder is None else Path(folder)
        root = str(find_folder(at))
        self._watcher = Watcher(default_home(), root, self._read_again, _warn)
        self._watcher.start(usual_files(at), {})
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
        from devvault.resolver.settings import load_held

        versions: dict[str, str] = {}
        files = usual_files(None if self._folder is None else Path(self._folder))
        try:
            held = load_held(self._folder, self._environment, files, versions)
        except DevvaultError as error:
            # What was found before it went wrong is watched as well: it may be what is mended.
            self._follow({**self._files, **files}, {**self._versions, **versions})
            _LOG.warning("settings stay as they were: %s", error.message)
            return False
        if self._stopped:
            return True
        changed = self._settings.replace(held)
        self._follow(files, versions)
        if changed and self._callback is not None:
            try:
                self._callback(changed)
            except Exception as error:  # noqa: BLE001  # the app's own; a message may hold a value
                _LOG.warning("the callback of a watch failed: %s", type(error).__name__)
        return True

    def _follow(self, files: dict[Path, Signature], versions: dict[str, str]) -> None:
        self._files, self._versions = files, versions
        self._watcher.look_at(files, versions)


def _warn(words: str) -> None:
    _LOG.warning("%s", words)
