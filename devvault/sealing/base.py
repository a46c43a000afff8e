"""The KeySource protocol and the register of homes for the master key.

A source keeps one master key per (home, generation), and beside it an anchor: the newest point of
the audit chain that the home is known to have reached, so that an older database is noticed.
"""

from __future__ import annotations

from typing import Protocol

MASTER_SIZE = 32


class KeySource(Protocol):
    """Where a master key rests while the vault is locked.

    `home` is the home's id, 32 hexadecimal digits. A slot is what the database keeps for this
    source: wrapping parameters and a wrapped key, or nothing; it is never secret by itself.
    """

    name: str

    def protect(self, home: str, generation: int, master: bytes) -> bytes:
        """Put the key away durably, read it back anew, and return the slot for the database.

        Raises:
            Unavailable: there is no such place here, or it refuses plain-text keeping.
            Locked: the place is locked.
        """
        ...

    def reveal(self, home: str, generation: int, slot: bytes) -> bytes:
        """Return the master key.

        Raises:
            Locked: the place is locked, or the passphrase is missing or wrong.
            NotFound: the place is open and has no such key (a reset keyring).
            Unavailable: there is no such place here.
        """
        ...

    def forget(self, home: str, generation: int) -> None:
        """Remove the key of a generation, if it is there."""
        ...

    def generations(self, home: str) -> list[int]:
        """Return the generations that the place holds a key for, where it can tell."""
        ...

    def read_anchor(self, home: str) -> bytes | None:
        """Return the anchor, or None where none was ever written."""
        ...

    def write_anchor(self, home: str, anchor: bytes) -> None:
        """Replace the anchor durably."""
        ...


# The register: source name -> "module:class", loaded on first use by daemon/build.py alone.
SOURCES: dict[str, str] = {
    "keyring": "devvault.sealing.os_keyring:OsKeyring",
    "passphrase": "devvault.sealing.passphrase:Passphrase",
    "file": "devvault.sealing.keyfile:KeyFile",
}
