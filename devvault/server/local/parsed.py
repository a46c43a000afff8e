"""Settings files that were read a moment ago: most runs bring the same bytes as the one before.

Holds what stands in the files in clear, never a value of a vault; a few files, then the oldest go.
"""

from __future__ import annotations

from collections.abc import Sequence

from devvault.resolver.plan import EnvFile, read_file
from devvault.settingsfiles.base import Setting

_KEPT = 8
_LARGEST = 64 * 1024


class ParsedFiles:
    """Reads env files, and remembers the last few. Thread-safe: an entry never changes."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, bytes], Sequence[Setting]] = {}

    def read(self, file: EnvFile) -> Sequence[Setting]:
        """Return the settings of a file.

        Raises:
            WrongUse: it is not text, or of no known format.
        """
        key = (file.format, file.part, file.data)
        found = self._kept.get(key)
        if found is None:
            found = read_file(file)
            if len(file.data) <= _LARGEST:
                kept = dict(list(self._kept.items())[1 - _KEPT :])
                kept[key] = found
                self._kept = kept
        return found
