"""Giving a folder a vault. What a repository merely names is not given: only what the user means.

Meant is: a vault made here or still empty, one named on the command line, one agreed to on the
terminal. A cloned repository could otherwise get another project's secrets by naming its vault.
"""

from __future__ import annotations

from pathlib import Path

from devvault.cli import ask
from devvault.cli.planes import Planes
from devvault.cli.reply import items, text


def given_vaults(planes: Planes, folder: Path) -> dict[str, str]:
    """Return the vaults that a folder may resolve from: lower-case name to name."""
    found = items(planes.local("GET", "/local/trust"), "trust")
    return {
        text(item, "vault").lower(): text(item, "vault")
        for item in found
        if text(item, "folder") == str(folder)
    }


def give(planes: Planes, folder: Path, vault: str, *, is_meant: bool) -> bool:
    """Let a folder resolve from a vault if the user means it; return whether it may now."""
    if vault.lower() in given_vaults(planes, folder):
        return True
    if not is_meant and _holds_any(planes, vault):
        question = f"may {folder} resolve from the vault {vault}, which holds other secrets?"
        if not ask.is_interactive() or not ask.yes(question, instead=""):
            return False
    planes.local("POST", "/local/trust", {"folder": str(folder), "vault": vault})
    return True


def may_give(planes: Planes, folder: Path, vault: str, *, is_meant: bool) -> bool:
    """Say whether `give` would let a folder resolve from a vault, and ask now if it has to ask."""
    if is_meant or vault.lower() in given_vaults(planes, folder) or not _holds_any(planes, vault):
        return True
    return give(planes, folder, vault, is_meant=False)


def _holds_any(planes: Planes, vault: str) -> bool:
    """Say whether a vault holds a secret, a deleted one that may come back included."""
    lists = ("/secrets", "/deletedsecrets")
    return any(planes.data_list(vault, path, limit=1) for path in lists)
