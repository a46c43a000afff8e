"""The words that App Service has for the state of a reference (its management API's enum)."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """What became of one reference. The value is App Service's word, letter by letter."""

    INITIALIZED = "Initialized"  # not looked up yet
    RESOLVED = "Resolved"
    INVALID_SYNTAX = "InvalidSyntax"
    MSI_NOT_ENABLED = "MSINotEnabled"  # the identity of the run does not exist
    VAULT_NOT_FOUND = "VaultNotFound"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105  # a status, not a password
    SECRET_VERSION_NOT_FOUND = "SecretVersionNotFound"  # noqa: S105  # likewise
    ACCESS_TO_KEY_VAULT_DENIED = "AccessToKeyVaultDenied"
    OTHER_REASONS = "OtherReasons"
    FETCH_TIMED_OUT = "FetchTimedOut"
    UNAUTHORIZED_CLIENT = "UnauthorizedClient"

    @property
    def is_failure(self) -> bool:
        """Whether a setting with this status has no value to hand out."""
        return self not in (Status.INITIALIZED, Status.RESOLVED)
