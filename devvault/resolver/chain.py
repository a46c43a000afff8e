"""DefaultVaultChain: the same settings on the laptop, in CI and in Azure, with no `if local`.

What is asked for is a reference, or a setting's name: the environment, then the project's env files
for what is not sensitive. Values are kept for a while. Threads may share one, and a fork goes on
with one of its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from devvault.clock import Clock, SystemClock
from devvault.errors import DevvaultError, Invalid, PlaintextSecret
from devvault.references.base import find, parse
from devvault.references.reference import Reference
from devvault.references.status import Status
from devvault.resolver.base import Failed, Failure, decoded
from devvault.resolver.cloud import TIMEOUT
from devvault.resolver.place import CLOUD, DEVELOPER, LOCAL
from devvault.resolver.project import open_place
from devvault.resolver.settings import identity_of, told, unresolved, without_frames
from devvault.resolver.sources import make_sources
from devvault.secretvalue import SecretValue

if TYPE_CHECKING:
    from devvault.resolver.plain import PlainSettings

# App Service fetches the values behind references anew once a day.
KEPT = timedelta(hours=24)
# A value of the local vault is one quick question away; a lock should not be outlived for long.
KEPT_LOCALLY = timedelta(seconds=5)
_PASSPHRASE = "DEVVAULT_PASSPHRASE"  # noqa: S105  # the beginning of names that no app is given
_PASSING = frozenset({Status.FETCH_TIMED_OUT, Status.OTHER_REASONS})


class _Kept(NamedTuple):
    at: datetime
    value: SecretValue


class DefaultVaultChain:
    """Finds values: CloudVaultSource, LocalVaultSource, DeveloperCloudSource, in this order.

    The first source that can answer is remembered. `exclude_*` leaves a source out, or with False
    asks for it, whatever DEVVAULT_CHAIN says. `ttl` is for how many seconds a value is kept
    (default: 24 hours from the cloud, 5 seconds from the local vault; 0 keeps none), `timeout` for
    one wait on the cloud. `folder` is where the project is (default: the working directory).
    `environment` is what the process was started with, where a test says so.
    """

    def __init__(
        self,
        *,
        folder: str | os.PathLike[str] | None = None,
        exclude_cloud_vault_source: bool | None = None,
        exclude_local_vault_source: bool | None = None,
        exclude_developer_cloud_source: bool | None = None,
        exclude_dotenv: bool = False,
        ttl: float | None = None,
        timeout: float = TIMEOUT,
        environment: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._place = open_place(None if folder is None else Path(folder))
        self._sources = make_sources(
            str(self._place.folder),
            identity_of(self._place),
            self._place.project.vaults,
            environment=environment,
            excluded={
                CLOUD: exclude_cloud_vault_source,
                LOCAL: exclude_local_vault_source,
                DEVELOPER: exclude_developer_cloud_source,
            },
            timeout=timeout,
        )
        self._has_files = not exclude_dotenv
        self._ttl = None if ttl is None else timedelta(seconds=max(0.0, ttl))
        self._clock = clock or SystemClock()
        self._kept: dict[str, _Kept] = {}
        self._plain: PlainSettings | None = None
        self._lock = (os.getpid(), threading.Lock())

    @property
    def source(self) -> str:
        """The name of the source that answers; "" before the first answer."""
        return self._sources.winner

    def get(self, what: str) -> str:
        """Return what a reference or a setting stands for.

        Raises:
            Unresolved: it gives no value; `failures` says why.
            Unavailable: code `NoSourceAnswered`: every source that was tried, and why it could not.
            PlaintextSecret: an env file holds it in clear, and it looks secret.
        """
        return self.get_all((what,))[what]

    def secret(self, what: str) -> SecretValue:
        """As `get`, and the value does not print itself."""
        return SecretValue(self.get(what))

    def get_all(self, wanted: Iterable[str]) -> dict[str, str]:
        """Return many, by what was asked for, in one round trip; raises as `get`, all at once."""
        names = tuple(dict.fromkeys(wanted))
        return without_frames(lambda: self._get_all(names))

    async def aget(self, what: str) -> str:
        """As `get`, for a coroutine: whatever waits does so in a thread."""
        return (await self.aget_all((what,)))[what]

    async def aget_all(self, wanted: Iterable[str]) -> dict[str, str]:
        """As `get_all`, for a coroutine."""
        import asyncio  # whoever awaits this has loaded it

        names = tuple(dict.fromkeys(wanted))
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, partial(self.get_all, names))

    def refresh(self, *wanted: str) -> None:
        """Forget what was kept, of these or of all: the next question fetches it anew."""
        with self._locked():
            self._plain = None
            if not wanted:
                self._kept = {}
        if wanted:
            texts = self._texts(wanted)
            for text in texts.values():
                if find(text) is not None:
                    self._kept.pop(_key(parse(text)), None)

    def look_up(self, references: Sequence[Reference]) -> list[SecretValue | Failure]:
        """Answer references, from what is kept where it is fresh; see `Source.look_up`."""
        found = self._fresh(references)
        if None in found:
            with self._locked():  # whoever waited here finds what the other thread fetched
                found = self._fresh(references)
                missing = {
                    _key(one): one
                    for one, answer in zip(references, found, strict=True)
                    if answer is None
                }
                answers = self._fetch(missing) if missing else {}
            found = [
                answers[_key(one)] if answer is None else answer
                for one, answer in zip(references, found, strict=True)
            ]
        return [answer for answer in found if answer is not None]

    def _locked(self) -> threading.Lock:
        pid, lock = self._lock
        if pid != os.getpid():  # a thread that the fork did not take along may have held it
            lock = threading.Lock()
            self._lock = (os.getpid(), lock)
        return lock

    def _fresh(self, references: Sequence[Reference]) -> list[SecretValue | Failure | None]:
        now = self._clock.now()
        kept = self._kept
        found: list[SecretValue | Failure | None] = []
        for one in references:
            held = kept.get(_key(one))
            is_fresh = held is not None and timedelta(0) <= now - held.at < self._life()
            found.append(held.value if held is not None and is_fresh else None)
        return found

    def _life(self) -> timedelta:
        if self._ttl is not None:
            return min(self._ttl, KEPT)
        return KEPT_LOCALLY if self._sources.winner == LOCAL else KEPT

    def _fetch(self, missing: Mapping[str, Reference]) -> dict[str, SecretValue | Failure]:
        """Ask, and keep what is new; what the cloud cannot say just now stays as it was."""
        now = self._clock.now()
        try:
            answers = self._sources.look_up(tuple(missing.values()))
        except DevvaultError as error:
            old = {key: held for key in missing if (held := self._usable(key, now)) is not None}
            if len(old) < len(missing) or self._sources.winner != CLOUD:
                raise
            told((f"values stay as they were: {error.message}",))
            return dict(old)
        found: dict[str, SecretValue | Failure] = {}
        for key, answer in zip(missing, answers, strict=True):
            found[key] = answer
            if not isinstance(answer, Failure):
                self._kept[key] = _Kept(now, answer)
                continue
            before = self._usable(key, now)
            if answer.status in _PASSING and before is not None and self.source != LOCAL:
                told((f"{missing[key].name} stays as it was: {answer.reason}",))
                found[key] = before
            else:
                self._kept.pop(key, None)
        return found

    def _usable(self, key: str, now: datetime) -> SecretValue | None:
        held = self._kept.get(key)
        if held is None or not timedelta(0) <= now - held.at < KEPT:
            return None
        return held.value

    def _get_all(self, names: Sequence[str]) -> dict[str, str]:
        texts = self._texts(names)
        references: dict[str, Reference] = {}
        failures: list[Failed] = []
        values = {name: text for name, text in texts.items() if find(text) is None}
        for name, text in texts.items():
            if name in values:
                continue
            try:
                references[name] = parse(text)
            except Invalid as error:
                failure = Failure(Status.INVALID_SYNTAX, error.message, error.hint or "")
                failures.append(Failed(_shown(name), text, failure))
        answers = self.look_up(tuple(references.values())) if references else []
        for (name, reference), answer in zip(references.items(), answers, strict=True):
            value = decoded(answer, reference)
            if isinstance(value, Failure):
                failures.append(Failed(_shown(name), reference.text, value))
            else:
                values[name] = value.reveal()
        if failures:
            raise unresolved(failures, [])
        return {name: values[name] for name in names}

    def _texts(self, names: Iterable[str]) -> dict[str, str]:
        """Return what each stands for, as it is written."""
        texts: dict[str, str] = {}
        gone: list[str] = []
        for name in names:
            if find(name) is not None:
                texts[name] = name
            elif name in os.environ and not name.startswith(_PASSPHRASE):
                texts[name] = os.environ[name]
            else:
                gone.append(name)
        if gone:
            texts |= self._from_files(gone)
        return texts

    def _from_files(self, names: Sequence[str]) -> dict[str, str]:
        texts: dict[str, str] = {}
        if self._has_files:
            from devvault.resolver.plain import PlainSettings  # loads a parser of settings files

            plain = self._plain
            if plain is None or not plain.is_current():
                self._plain = plain = PlainSettings(self._place)
            secrets = [words for name in names if (words := plain.why_secret(name))]
            if secrets:
                raise PlaintextSecret("; ".join(secrets), hint=plain.hint)
            texts = plain.read(names, self.look_up)
        why = "neither the environment nor an env file sets it"
        if not self._has_files:
            why = "the environment does not set it"
        rows = [(name, "NotSet", why, "") for name in names if name not in texts]
        if rows:
            raise unresolved([], rows)
        return texts


def _key(reference: Reference) -> str:
    """Return what one answer is kept under: the secret as it was written, in any form."""
    return reference.uri.lower()


def _shown(name: str) -> str:
    return "reference" if find(name) is not None else name
