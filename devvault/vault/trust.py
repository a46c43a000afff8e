"""Folder trust: which folder may resolve from which vault. A cloned repository may ask; not get."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from devvault.access.principals import Caller
from devvault.errors import Forbidden, Invalid, NotFound
from devvault.model import operations as op
from devvault.model.names import check_vault_name, fold
from devvault.store.base import Reading, Writing
from devvault.vault.codecs import seconds
from devvault.vault.gate import Gate, Target
from devvault.vault.records import TRUST

_ALL = 100_000


@dataclass(frozen=True, slots=True)
class Trust:
    """One folder (a real path) that may resolve from one vault."""

    folder: str
    vault: str


def allow(gate: Gate, caller: Caller, folder: str, vault: str) -> Trust:
    """Let a folder resolve from a vault.

    Raises:
        Invalid: the folder is no absolute path, or the name no vault name.
    """
    check_folder(folder)
    check_vault_name(vault)
    found = gate.find_vault(vault)
    trust = Trust(folder, found.name if found else vault)

    def act(writing: Writing) -> Trust:
        body = {
            "folder": trust.folder,
            "vault": trust.vault,
            "since": seconds(gate.clock.now()),
        }
        writing.put(gate.records.seal(TRUST, "", _name(folder, vault), body))
        return trust

    return gate.change_access(caller, op.PUT_TRUST, _target(gate, folder, vault), act)


def disallow(gate: Gate, caller: Caller, folder: str, vault: str) -> Trust:
    """Take a folder's trust in a vault away.

    Raises:
        NotFound: it had none.
    """
    check_folder(folder)

    def act(writing: Writing) -> Trust:
        if not writing.drop(TRUST, "", _name(folder, vault)):
            raise NotFound(
                f"the folder {folder} does not resolve from {vault}", hint="devvault allow --list"
            )
        return Trust(folder, vault)

    found = gate.change_access(caller, op.DELETE_TRUST, _target(gate, folder, vault), act)
    gate.secure_point()
    return found


def list_trust(gate: Gate, caller: Caller) -> tuple[Trust, ...]:
    """Return every folder and the vaults it may resolve from, by folder."""

    def act(reading: Reading) -> tuple[Trust, ...]:
        found = (gate.records.open(row) for row in reading.page(TRUST, "", limit=_ALL))
        return tuple(
            sorted(
                (Trust(body["folder"], body["vault"]) for body in found),
                key=lambda trust: (trust.folder, trust.vault),
            )
        )

    return gate.read(caller, op.LIST_TRUST, Target(f"/devvault/homes/{gate.home}"), act)


def trusted_vaults(gate: Gate, folder: str) -> frozenset[str]:
    """Return the folded names of the vaults that this folder may resolve from."""
    return gate.snapshot().trusted_vaults(folder)


def may_resolve(gate: Gate, caller: Caller, folder: str, vault: str) -> bool:
    """Say whether a folder may resolve from a vault; a no is recorded."""
    if fold(vault) in trusted_vaults(gate, folder):
        return True
    gate.note(
        caller,
        op.CHECK_TRUST,
        _target(gate, folder, vault),
        Forbidden(f"the folder {folder} was not allowed to resolve from {vault}"),
    )
    return False


def check_folder(folder: str) -> None:
    """Refuse what cannot be a folder's real path.

    Raises:
        Invalid: it is not absolute, or holds a NUL or a `..` step.
    """
    steps = folder.split("/")
    if not folder.startswith("/") or "\0" in folder or ".." in steps or "." in steps:
        raise Invalid(f"'{folder!r}' is not the real path of a folder")


def _digest(folder: str) -> str:
    return hashlib.sha256(folder.encode("utf-8", "surrogateescape")).hexdigest()


def _name(folder: str, vault: str) -> str:
    return f"{_digest(folder)}/{fold(vault)}"


def _target(gate: Gate, folder: str, vault: str) -> Target:
    return Target(f"/devvault/homes/{gate.home}", id=vault, extra={"folder": folder})
