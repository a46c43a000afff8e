"""What a vault holds already, as the plan of an import asks it."""

from __future__ import annotations

from devvault.cli.planes import Planes, segment
from devvault.cli.reply import text
from devvault.errors import DevvaultError


class VaultShelf:
    """A `Shelf`: asked once by name, and by value only where a name is taken."""

    def __init__(self, planes: Planes, vault: str) -> None:
        self._planes = planes
        self._vault = vault
        live = planes.data_list(vault, "/secrets")
        gone = planes.data_list(vault, "/deletedsecrets")
        self._names = {text(item, "id").rpartition("/")[2].lower() for item in (*live, *gone)}

    def is_taken(self, name: str) -> bool:
        """Say whether a secret has this name, a deleted one too."""
        return name.lower() in self._names

    def holds(self, name: str, value: str) -> bool:
        """Say whether the name stands for this value; one that may not be read holds nothing."""
        try:
            found = self._planes.data(self._vault, "GET", f"/secrets/{segment(name)}")
        except DevvaultError:
            return False
        return text(found, "value") == value
