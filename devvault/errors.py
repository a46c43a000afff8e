"""Every error of devvault, in one tree; imports no other room.

A class stands for a thing that a caller does differently, never for a place. Each error carries
`code` (Azure's word where Azure has one), `message` (lower case unless Azure's own text, no full
stop, never a secret value) and `hint` (a command to type). Exit codes are CONTRACT.md section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

_NOTHING: Mapping[str, str] = MappingProxyType({})


class DevvaultError(Exception):
    """The root: something was refused or could not be done, in one plain sentence.

    `inner` is Azure's `innererror.code`; `fields` are the parts that a program may want.
    """

    code: str = "Error"
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        inner: str | None = None,
        fields: Mapping[str, str] = _NOTHING,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.hint = hint
        self.inner = inner
        self.fields = fields
        # Whether the trail has it: whoever refuses before the gate was asked must see to that.
        self.recorded = False


class Invalid(DevvaultError):
    """What was asked for is malformed or over a limit. HTTP 400."""

    code = "BadParameter"


class WrongMethod(DevvaultError):
    """There is such a path, and it takes other methods: `fields["allow"]`. HTTP 405."""

    code = "MethodNotAllowed"


class Unauthorized(DevvaultError):
    """Nobody we know asks. HTTP 401."""

    code = "Unauthorized"


class Forbidden(DevvaultError):
    """The caller is known and may not. HTTP 403."""

    code = "Forbidden"


class NotFound(DevvaultError):
    """No such thing. HTTP 404; `code` says what kind of thing."""

    code = "ResourceNotFound"


class Conflict(DevvaultError):
    """The state of things does not allow it, or a name is held. HTTP 409."""

    code = "Conflict"


class Locked(DevvaultError):
    """The vault is locked: no key is in memory. HTTP 423."""

    code = "VaultLocked"
    exit_code = 2

    def __init__(
        self,
        message: str = "the vault is locked",
        *,
        code: str | None = None,
        hint: str | None = "devvault unlock",
        inner: str | None = None,
        fields: Mapping[str, str] = _NOTHING,
    ) -> None:
        super().__init__(message, code=code, hint=hint, inner=inner, fields=fields)


class Stale(DevvaultError):
    """The database is older than its anchor: it is served read-only. HTTP 409."""

    code = "OlderDatabase"


class Damaged(DevvaultError):
    """Stored bytes do not open, or are not what their place says. HTTP 422: retrying is useless."""

    code = "Damaged"
    exit_code = 2


class Unavailable(DevvaultError):
    """Something needed is not there: a keyring, a daemon, an optional package. HTTP 424."""

    code = "Unavailable"
    exit_code = 2


class WrongUse(DevvaultError):
    """The command line or the configuration does not make sense. HTTP 400."""

    code = "WrongUse"
    exit_code = 2


class PlaintextSecret(DevvaultError):
    """A value that looks secret stands in a file that is for harmless settings."""

    code = "PlaintextSecret"
    exit_code = 78


class Unresolved(DevvaultError):
    """Settings that do not resolve; `failures` has a (setting, status, reason, hint) for each."""

    code = "Unresolved"
    exit_code = 78

    def __init__(
        self,
        message: str,
        failures: Sequence[tuple[str, str, str, str]] = (),
        *,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.failures = tuple(failures)
