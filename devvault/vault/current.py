"""Which version of a secret is the current one: ids alone, no value, and no record in the trail.

For watchers, who are told that a version is another one; its value they ask for like everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from devvault.errors import DevvaultError
from devvault.model.names import fold
from devvault.vault import trust
from devvault.vault.gate import Gate
from devvault.vault.secrets import find_secret


def current_versions(gate: Gate, folder: str, wanted: Sequence[tuple[str, str]]) -> list[str]:
    """Return the current version of each (vault, name) that a folder may resolve from.

    It is "" where there is none: no such vault or secret, a deleted one, or a vault that the folder
    was not given.
    """
    trusted = trust.trusted_vaults(gate, folder)
    found: list[str] = []
    with gate.store.read() as reading:
        for vault, name in wanted:
            version = ""
            live = gate.find_vault(vault) if fold(vault) in trusted else None
            if live is not None:
                with suppress(DevvaultError):  # damaged: told by whoever reads it
                    secret = find_secret(gate, reading, live, name)
                    if secret is not None and secret.deleted is None:
                        version = secret.current
            found.append(version)
    return found
