"""The project at hand, as the verbs see it; the library reads it by the same rules, in resolver."""

from __future__ import annotations

from devvault.resolver.project import (
    ENV_FILE,
    FILE_LIMIT,
    Place,
    find_folder,
    open_place,
    read_settings,
)

__all__ = ["ENV_FILE", "FILE_LIMIT", "Place", "find_folder", "open_place", "read_settings"]
