"""Delete, recover, purge: which is allowed when, in the service's words."""

from __future__ import annotations

from datetime import datetime, timedelta

from devvault.errors import Conflict, Forbidden, NotFound
from devvault.model.vault import Vault


def purge_time(vault: Vault, deleted: datetime) -> datetime:
    """Return when something deleted then is purged by itself."""
    return deleted + timedelta(days=vault.retention)


def check_may_purge(vault: Vault) -> None:
    """Refuse a purge under purge protection.

    Raises:
        Forbidden: the vault is purge protected.
    """
    if vault.purge_protection:
        raise Forbidden(
            'Operation "purge" is not allowed because purge protection is enabled for this vault.'
            " Key Vault service will automatically purge it after the retention period has passed."
            f" Vault: {vault.name};location={vault.location}"
        )


def held(kind: str, name: str) -> Conflict:
    """Return the refusal to reuse the name of a deleted object; `kind` is `Secret`, `Key` ..."""
    return Conflict(
        f"{kind} {name} is currently in a deleted but recoverable state, and its name cannot be"
        f" reused; in this state, the {kind.lower()} can only be recovered or purged.",
        inner="ObjectIsDeletedButRecoverable",
    )


def no_secret(name: str, version: str = "") -> NotFound:
    """Return the refusal for an unknown secret or version."""
    tail = f"/{version}" if version else ""
    return NotFound(
        f"A secret with (name/id) {name}{tail} was not found in this key vault. If you recently"
        " deleted this secret you may be able to recover it using the correct recovery command."
        " For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182",
        code="SecretNotFound",
    )


def no_deleted_secret(name: str) -> NotFound:
    """Return the refusal for a deleted secret that is not there."""
    return NotFound(f"Deleted Secret not found: {name}", code="SecretNotFound")
