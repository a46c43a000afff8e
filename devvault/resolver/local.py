"""LocalSource: asks the home's daemon, and starts it where it does not run.

One POST for any number of references. It holds names alone; each question makes a connection of
its own, so that nothing is shared between threads or across a fork.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from devvault.client.http import CUT_OFF, Connection, is_down, raise_for
from devvault.errors import Locked, NotFound, Unavailable
from devvault.paths import Home, check_home, default_home
from devvault.references.reference import Reference
from devvault.references.status import Status
from devvault.resolver.base import Failure, local
from devvault.secretvalue import SecretValue

# Seconds for each wait: starting may mean that somebody types the keyring's password.
PATIENCE = 120.0
_JSON = {"Content-Type": "application/json", "User-Agent": "devvault-library"}
_HOST = "devvault"
_ODD = "the daemon's answer cannot be read"


class LocalSource:
    """The vault on this machine, as it answers the folder (a real path) of a project."""

    name = "local vault"

    __slots__ = ("_folder", "_home", "_identity")

    def __init__(self, folder: str, identity: str = "", home: Home | None = None) -> None:
        self._folder = folder
        self._identity = identity
        self._home = default_home() if home is None else home

    def look_up(
        self, references: Sequence[Reference], met: dict[str, str] | None = None
    ) -> list[SecretValue | Failure]:
        """Answer references; see `Source.look_up`. `met` is told the version of each address."""
        wanted = {
            # The address says the same in every form; a vault may be another than was written.
            str(number): f"@Microsoft.KeyVault(SecretUri={reference.uri})"
            for number, reference in enumerate(references)
        }
        body: dict[str, object] = {"folder": self._folder, "references": wanted}
        if self._identity:
            body["identity"] = self._identity
        values, failures, versions = _read(self._post("/local/resolve", body))
        if met is not None:
            met |= {one.uri: versions.get(one.uri.lower(), "") for one in references}
        return [
            _failure(failures[number]) if number in failures else _value(values, number)
            for number in wanted
        ]

    def _post(self, path: str, body: Mapping[str, object]) -> bytes:
        """Return the body of the daemon's answer; it is started and unlocked where that can be."""
        data = json.dumps(body).encode()
        started = unlocked = False
        while True:
            try:
                response = Connection(self._home, timeout=PATIENCE).request(
                    "POST", _HOST, path, _JSON, data
                )
                raise_for(response)
            except Locked:
                if unlocked or not self._unlock():
                    raise
                unlocked = True
            except Unavailable as error:
                if started or not is_down(error):
                    raise
                self._start()
                started = True
            else:
                return response.body

    def _unlock(self) -> bool:
        """Unlock with the passphrase that the environment gives; False where it gives none."""
        from devvault.client.passphrase import passphrase_from_environment  # rarely needed

        passphrase = passphrase_from_environment()
        if passphrase is None:
            return False
        data = json.dumps({"passphrase": passphrase}).encode()
        del passphrase  # an error's traceback shows what its frames hold
        response = Connection(self._home, timeout=PATIENCE).request(
            "POST", _HOST, "/local/unlock", _JSON, data
        )
        raise_for(response)
        return True

    def _start(self) -> None:
        from devvault.client.daemon import start  # it runs already, nearly always

        check_home(self._home)
        if not self._home.database.exists():
            raise NotFound(
                "there is no vault on this machine yet", code="NoHome", hint="devvault init"
            )
        start(self._home)


def _read(
    data: bytes,
) -> tuple[dict[str, SecretValue], dict[str, Mapping[str, object]], dict[str, str]]:
    """Return an answer's values and failures by name, the values out of sight at once."""
    try:
        found = json.loads(data)
        values = {name: SecretValue(value) for name, value in found["values"].items()}
        failures = {one["setting"]: one for one in found["failures"]}
        versions = {str(uri): str(version) for uri, version in found.get("versions", {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        values, failures, versions = {}, {}, {}
    return values, failures, versions


def _value(values: Mapping[str, SecretValue], name: str) -> SecretValue:
    found = values.get(name)
    if found is None:
        raise Unavailable(_ODD, hint="devvault daemon stop")
    return found


def _failure(told: Mapping[str, object]) -> Failure:
    try:
        status = Status(str(told.get("status")))
    except ValueError:
        status = Status.OTHER_REASONS
    return Failure(status, str(told.get("reason", "")), str(told.get("hint", "")))


class LocalVaultSource:
    """The local vault as one source of a chain: the project's names for vaults count here alone.

    A daemon that dies while it answers is asked once more: a new one is started.
    """

    name = "LocalVaultSource"

    def __init__(
        self,
        folder: str,
        identity: str = "",
        vaults: Mapping[str, str] | None = None,
        home: Home | None = None,
    ) -> None:
        self._source = LocalSource(folder, identity, home)
        self._vaults = vaults or {}

    def look_up(
        self, references: Sequence[Reference], met: dict[str, str] | None = None
    ) -> list[SecretValue | Failure]:
        """Answer references; see `Source.look_up`."""
        mapped = [local(self._vaults, one) for one in references]
        try:
            return self._source.look_up(mapped, met)
        except Unavailable as error:
            if error.code != CUT_OFF:
                raise
        return self._source.look_up(mapped, met)
