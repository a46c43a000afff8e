"""The real vaults, through Azure's own packages: as the platform's identity, or as the developer.

Nothing of Azure is loaded before a vault is really asked. That there is a token decides whether a
source can answer; what goes wrong after that is one reference's failure, in App Service's words.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from devvault.clock import Clock, SystemClock
from devvault.errors import DevvaultError, Invalid, Unavailable
from devvault.references.base import parse
from devvault.references.reference import Reference
from devvault.references.status import Status
from devvault.resolver.base import Failure
from devvault.resolver.place import (
    CLIENT,
    CLOUD,
    DEVELOPER,
    ENDPOINT,
    HEADER,
    IMDS,
    TENANT,
    TOKEN_FILE,
    find_platform,
    may_probe,
)
from devvault.secretvalue import SecretValue

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.exceptions import HttpResponseError
    from azure.keyvault.secrets import SecretClient

# Seconds of waiting that a busy vault may ask for, in one batch.
PATIENCE = 30.0
_PAUSE = 1.0  # where a busy vault does not say for how long
_ATTEMPTS = 5
_AT_ONCE = 8
_PROBE = 1.0
_IMDS_HOST = "http://169.254.169.254"
_WORDS = 300
_BUSY = frozenset({429, 500, 502, 503, 504})
_CUT_OFF = "the connection was cut off"
_INSTALL = "pip install 'devvault[azure]'"
_ROLE = "give the app's identity the role Key Vault Secrets User on the vault"


class _AzureSource:
    """What both have in common; `_credential` says as whom."""

    name = ""

    def __init__(
        self,
        *,
        timeout: float = 10.0,
        clock: Clock | None = None,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._timeout = timeout
        self._clock = clock or SystemClock()
        self._wait = wait
        self._pid = 0
        self._who: TokenCredential | None = None
        self._clients: dict[str, SecretClient] = {}
        self._busy: dict[str, datetime] = {}

    def look_up(
        self, references: Sequence[Reference], met: dict[str, str] | None = None
    ) -> list[SecretValue | Failure]:
        """Answer references; see `Source.look_up`. `met` is told the version of each address."""
        if self._pid != os.getpid():  # open connections are the parent's
            self._pid, self._who, self._clients = os.getpid(), None, {}
        written = [_as_written(one) for one in references]
        if self._who is None:
            self._who = self._credential_that_works(written)
        for one in written:
            if one.host not in self._clients:
                self._clients[one.host] = self._client(one.host, self._who)
        end = self._clock.now() + timedelta(seconds=PATIENCE)
        found = self._all(written, end)
        if met is not None:
            met |= {one.uri: version for one, (_, version) in zip(references, found, strict=True)}
        return [answer for answer, _ in found]

    def _credential(self) -> TokenCredential:
        """Return who asks.

        Raises:
            Unavailable: nobody can, here.
        """
        raise Unavailable(f"{self.name} has no identity to ask as")

    def _credential_that_works(self, references: Sequence[Reference]) -> TokenCredential:
        try:
            import azure.identity
            import azure.keyvault.secrets  # both or none
        except ImportError as error:
            raise Unavailable(
                "azure-identity and azure-keyvault-secrets are not installed", hint=_INSTALL
            ) from error
        who = self._credential()
        cloud = references[0].host.partition(".")[2] if references else "vault.azure.net"
        try:
            who.get_token(f"https://{cloud}/.default")
        except azure.identity.CredentialUnavailableError as error:
            raise Unavailable(_short(error.message)) from None
        except Exception as error:  # noqa: BLE001  # the packages let through what they met
            raise Unavailable(f"no token could be had: {_told(error)}") from None
        return who

    def _client(self, host: str, who: TokenCredential) -> SecretClient:
        from azure.keyvault.secrets import SecretClient

        return SecretClient(
            f"https://{host}",
            who,
            retry_total=0,  # we wait ourselves, and never longer than was promised
            permit_redirects=False,
            connection_timeout=self._timeout,
            read_timeout=self._timeout,
        )

    def _all(
        self, references: Sequence[Reference], end: datetime
    ) -> list[tuple[SecretValue | Failure, str]]:
        """Ask for each; Key Vault knows no batches, so several are under way at once."""
        if len(references) < 2:
            return [self._one(one, end) for one in references]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(_AT_ONCE, len(references)), "devvault") as pool:
            return list(pool.map(lambda one: self._one(one, end), references))

    def _one(self, reference: Reference, end: datetime) -> tuple[SecretValue | Failure, str]:
        from azure.core.exceptions import HttpResponseError

        again = 1  # once more where it does not say when
        for _ in range(_ATTEMPTS):
            until = self._busy.get(reference.host)
            if until is not None and not self._wait_until(until, end):
                return _busy(reference, until - self._clock.now()), ""
            try:
                found = self._clients[reference.host].get_secret(reference.name, reference.version)
            except HttpResponseError as error:
                if error.status_code not in _BUSY:
                    return _refused(reference, error), ""
                told = _retry_after(error)
                if told is None and not again:
                    return _refused(reference, error), ""
                again -= told is None
                pause = timedelta(seconds=_PAUSE if told is None else told)
                self._busy[reference.host] = self._clock.now() + pause
            except Exception as error:  # noqa: BLE001  # the SDK's, and whatever nonsense makes it raise
                if not again or not _was_cut_off(error):
                    return _broken(reference, error), ""
                again = 0
            else:
                if found.value is None:
                    return _odd(reference), ""
                return SecretValue(found.value), found.properties.version or ""
        return _busy(reference, timedelta(seconds=_PAUSE)), ""

    def _wait_until(self, until: datetime, end: datetime) -> bool:
        """Wait for as long as a vault asked for; False where that is too long."""
        if until > end:
            return self._clock.now() >= until
        pause = (until - self._clock.now()).total_seconds()
        if pause > 0:
            self._wait(pause)
        return True


class CloudVaultSource(_AzureSource):
    """The real vaults, as the identity that the platform gives the process.

    `environment` is what the process was started with. Only with `probe` is the metadata service of
    a virtual machine looked for where no variable names a platform.
    """

    name = CLOUD

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        probe: bool = False,
        timeout: float = 10.0,
        clock: Clock | None = None,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        super().__init__(timeout=timeout, clock=clock, wait=wait)
        self._environment = environment
        self._probe = probe

    def _credential(self) -> TokenCredential:
        platform = find_platform(self._environment)
        if not platform.name and not (self._probe and may_probe(self._environment)):
            raise Unavailable(platform.reason)
        for name in (ENDPOINT, HEADER, TOKEN_FILE, TENANT, IMDS):
            # The packages read the environment themselves, which a `.env` may have changed.
            if os.environ.get(name, "") != self._environment.get(name, ""):
                raise Unavailable(f"{name} was changed after the process began")
        patience: dict[str, Any] = {
            "connection_timeout": self._timeout,
            "read_timeout": self._timeout,
            "retry_total": 1,
        }
        client = self._environment.get(CLIENT) or None
        from azure.identity import ManagedIdentityCredential, WorkloadIdentityCredential

        if self._environment.get(TOKEN_FILE) and not self._environment.get(ENDPOINT):
            return WorkloadIdentityCredential(
                tenant_id=self._environment[TENANT],
                client_id=client,
                token_file_path=self._environment[TOKEN_FILE],
                **patience,
            )
        if not self._environment.get(ENDPOINT):
            _probe(self._environment.get(IMDS) or _IMDS_HOST)
        return ManagedIdentityCredential(client_id=client, **patience)


class DeveloperCloudSource(_AzureSource):
    """The real vaults, as whoever is logged in with az on this machine."""

    name = DEVELOPER

    def _credential(self) -> TokenCredential:
        from azure.identity import AzureCliCredential

        return AzureCliCredential(process_timeout=max(1, int(self._timeout)))


def _as_written(reference: Reference) -> Reference:
    """Return a reference with the vault that was written; a project's local name is not Azure's."""
    try:
        return parse(reference.text)
    except Invalid:
        return reference


def _probe(address: str) -> None:
    """See that a metadata service answers.

    Raises:
        Unavailable: it does not.
    """
    import http.client
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        raise Unavailable(f"{IMDS} is no address") from None
    connection = http.client.HTTPConnection(host, port, timeout=_PROBE)
    try:
        # Without the header `Metadata` it answers 400, and any answer is one.
        connection.request("GET", f"{parts.path.rstrip('/')}/metadata/identity/oauth2/token")
        answer = connection.getresponse()
        stranger = answer.status == 403 and b"unreachable" in answer.read(65536)
    except (OSError, http.client.HTTPException):
        stranger = True
    finally:
        connection.close()
    if stranger:
        raise Unavailable("no platform gives an identity, and no metadata service answers")


def _refused(reference: Reference, error: HttpResponseError) -> Failure:
    status = error.status_code
    if status is None or status < 300:  # it went well, and what came is no secret
        return _odd(reference)
    code = getattr(error.error, "code", "") or ""
    inner = getattr(error.error, "innererror", None) or {}
    why = str(inner.get("code", "")) if isinstance(inner, dict) else ""
    where = f"the vault {reference.vault} in the cloud"
    if status == 404 and "vault" in code.lower():
        return Failure(Status.VAULT_NOT_FOUND, f"there is no vault {reference.vault} in the cloud")
    if status == 404 and reference.version:
        return Failure(
            Status.SECRET_VERSION_NOT_FOUND, f"{where} has no such version of {reference.name}"
        )
    if status == 404:
        return Failure(Status.SECRET_NOT_FOUND, f"{where} has no secret {reference.name}")
    if status == 401:
        return Failure(Status.UNAUTHORIZED_CLIENT, f"{where} does not know who asks")
    if status == 403 and why == "SecretDisabled":
        return Failure(Status.OTHER_REASONS, f"the secret {reference.name} in {where} is disabled")
    if status == 403:
        more = f" ({why})" if why.isalnum() else ""
        return Failure(Status.ACCESS_TO_KEY_VAULT_DENIED, f"{where} refused{more}", _ROLE)
    return Failure(Status.OTHER_REASONS, f"{where} answered with status {status}")


def _broken(reference: Reference, error: Exception) -> Failure:
    from azure.core.exceptions import ServiceRequestError, ServiceResponseError

    where = f"the vault {reference.vault} in the cloud"
    words = str(error).lower()
    if not isinstance(error, (ServiceRequestError, ServiceResponseError)):
        return _odd(reference)
    if "timed out" in words or "timeout" in words:
        return Failure(Status.FETCH_TIMED_OUT, f"{where} did not answer in time")
    if "resolve" in words or "getaddrinfo" in words or "name or service" in words:
        return Failure(
            Status.VAULT_NOT_FOUND, f"no name server knows {reference.host}: is there such a vault?"
        )
    if "certificate" in words:
        return Failure(Status.OTHER_REASONS, f"{where} shows a certificate that is not trusted")
    return Failure(Status.OTHER_REASONS, f"{where} cannot be reached: {_cause(words)}")


def _was_cut_off(error: Exception) -> bool:
    """Say whether a connection ended on the way: one that was kept open may have, unnoticed."""
    from azure.core.exceptions import ServiceRequestError, ServiceResponseError

    known = isinstance(error, (ServiceRequestError, ServiceResponseError))
    return known and _cause(str(error).lower()) == _CUT_OFF


def _cause(words: str) -> str:
    for mark, cause in (
        ("refused", "the connection was refused"),
        ("reset", _CUT_OFF),
        ("aborted", _CUT_OFF),
        ("remote end closed", _CUT_OFF),
        ("proxy", "the proxy does not let it through"),
    ):
        if mark in words:
            return cause
    return "the connection failed"


def _odd(reference: Reference) -> Failure:
    return Failure(
        Status.OTHER_REASONS,
        f"what the vault {reference.vault} in the cloud answered cannot be read",
    )


def _busy(reference: Reference, left: timedelta) -> Failure:
    seconds = max(1, round(left.total_seconds()))
    return Failure(
        Status.OTHER_REASONS,
        f"the vault {reference.vault} in the cloud is busy and asks to wait for {seconds} s",
        "ask for fewer secrets, or less often",
    )


def _retry_after(error: HttpResponseError) -> float | None:
    """Return for how many seconds a vault asks to be left alone."""
    headers = getattr(error.response, "headers", None) or {}
    for name, unit in (("retry-after-ms", 1000.0), ("x-ms-retry-after-ms", 1000.0)):
        told = headers.get(name, "")
        if told.isascii() and told.isdigit() and len(told) < 12:
            return float(told) / unit
    told = headers.get("Retry-After", "").strip()
    if told.isascii() and told.isdigit() and len(told) < 10:
        return float(told)
    if not told:
        return None
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(told)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    from devvault.clock import SystemClock

    return max(0.0, (moment - SystemClock().now()).total_seconds())


def _told(error: Exception) -> str:
    """Return what an error says, where its kind is one that says it for people."""
    from azure.core.exceptions import AzureError

    if isinstance(error, DevvaultError):
        return error.message
    return _short(str(error)) if isinstance(error, AzureError) else type(error).__name__


def _short(words: str) -> str:
    first = " ".join(words.split())
    plain = "".join(c if c.isprintable() else "?" for c in first)
    return plain if len(plain) <= _WORDS else plain[:_WORDS] + "..."
