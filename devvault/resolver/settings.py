"""resolve() and Settings: the mapping that an app reads.

Environment first, then the project's env files, as `devvault run` has it, in one round trip. No
value that came from a vault shows itself in a repr, a log or the traceback of an error of ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn, TypeVar

from devvault.errors import DevvaultError, Invalid, NotFound, PlaintextSecret, Unresolved
from devvault.paths import default_home
from devvault.references.base import find, parse
from devvault.references.status import Status
from devvault.resolver.base import Failed, Failure, decoded, local
from devvault.resolver.local import LocalSource
from devvault.resolver.place import may_be_cloud
from devvault.resolver.project import Place, Signature, open_place, read_settings, signature
from devvault.secretvalue import SecretValue

if TYPE_CHECKING:
    # Slow to load: a program that resolves one reference does not pay for files.
    from devvault.references.reference import Reference
    from devvault.resolver.live import Watch
    from devvault.resolver.plan import EnvFile, Journey, Plan
    from devvault.resolver.sources import Sources

T = TypeVar("T")

_PASSPHRASE = "DEVVAULT_PASSPHRASE"  # noqa: S105  # the beginning of names that no app is given


class Settings(Mapping[str, str]):
    """Settings by name, read-only; made by `load_settings`.

    A value from a vault is kept as a `SecretValue` until it is read. `repr` tells names alone;
    `copy` gives the same object, and it is not pickled.
    """

    __slots__ = ("_environment", "_folder", "_held")

    def __init__(
        self,
        held: Mapping[str, str | SecretValue],
        folder: str | os.PathLike[str] | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._held = dict(held)
        self._folder = folder
        self._environment = environment

    def __getitem__(self, key: str) -> str:
        found = self._held[key]
        return found.reveal() if isinstance(found, SecretValue) else found

    def __contains__(self, key: object) -> bool:
        return key in self._held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def secret(self, key: str) -> SecretValue:
        """Return a setting as a `SecretValue`, wherever it came from.

        Raises:
            KeyError: there is no such setting.
        """
        found = self._held[key]
        return found if isinstance(found, SecretValue) else SecretValue(found)

    @property
    def secrets(self) -> frozenset[str]:
        """The names of the settings whose values hold something from a vault."""
        return frozenset(key for key, held in self._held.items() if isinstance(held, SecretValue))

    def watch(self, callback: Callable[[frozenset[str]], object] | None = None) -> Watch:
        """Keep these settings up to date from now on.

        When a settings file, or the version of a secret that one refers to, changes, all are read
        again: the mapping shows the new values, then `callback` gets the names that changed, in a
        thread of its own. What cannot be read leaves the settings as they are, with a warning to
        the logger `devvault`. The return value ends it, by `stop()` or as a context.
        """
        from devvault.resolver.live import Watch  # loads threads, JSON and watchdog

        folder, environment = self._folder, self._environment

        def read(
            files: dict[Path, Signature], versions: dict[str, str]
        ) -> dict[str, str | SecretValue]:
            return load_held(folder, environment, files, versions)

        return Watch(folder, read, self.replace, callback)

    def replace(self, held: Mapping[str, str | SecretValue]) -> frozenset[str]:
        """Take other values; return the names whose values changed. For `watch` alone."""
        before, self._held = self._held, dict(held)
        names = before.keys() | self._held.keys()
        return frozenset(name for name in names if not _same(before, self._held, name))

    def __repr__(self) -> str:
        secrets = ", ".join(sorted(self.secrets)) or "none"
        return f"<Settings: {len(self)} names, from a vault: {secrets}>"

    def __copy__(self) -> Settings:
        return self

    def __deepcopy__(self, memo: object) -> Settings:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("Settings are not pickled; pickle what you took out of them")

    def __getstate__(self) -> NoReturn:
        self.__reduce__()


def resolve(reference: str, *, folder: str | os.PathLike[str] | None = None) -> str:
    """Return what a reference stands for; a text that is no reference comes back as it is.

    `folder` is where the project is (default: the working directory).

    Raises:
        Unresolved: the reference gives no value; `failures` says why.
        Locked, NotFound, Unavailable: there is no vault to ask.
    """
    if find(reference) is None:
        return reference
    return without_frames(lambda: _resolve(reference, folder))


def load_settings(*, folder: str | os.PathLike[str] | None = None) -> Settings:
    """Return the environment and, for names that it does not set, the project's env files.

    References are resolved, all in one round trip. `folder` is where the project is (default: the
    working directory): its project file and env files apply, found as `devvault run` finds them.

    Raises:
        Unresolved: references that give no value, every one of them in `failures`.
        PlaintextSecret: a value in an env file looks secret.
        Locked, NotFound, Unavailable: there is no vault to ask, and a reference needs one.
        WrongUse: a file that may not be read, or is malformed.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_PASSPHRASE)}
    return without_frames(lambda: Settings(load_held(folder, environment), folder, environment))


def without_frames(work: Callable[[], T]) -> T:
    """Do something; an error of ours leaves it without the frames below, which may hold values.

    The error's hint becomes a note, which Python prints under a traceback.
    """
    try:
        return work()
    except DevvaultError as error:
        problem = error
    problem.__cause__ = problem.__context__ = None
    if problem.hint:
        problem.add_note(f"hint: {problem.hint}")
    raise problem.with_traceback(None)


def identity_of(place: Place) -> str:
    """Return the identity that a place's references resolve as in the local vault."""
    return os.environ.get("DEVVAULT_IDENTITY") or place.project.identity or ""


def source_of(place: Place) -> LocalSource | Sources:
    """Return the source that answers a place's references.

    It is the local vault, unless the process was started where Azure gives it an identity, or with
    DEVVAULT_CHAIN: then it is the chain that DefaultVaultChain asks.
    """
    if may_be_cloud():
        return _sources(os.getpid(), str(place.folder), identity_of(place))
    return LocalSource(str(place.folder), identity_of(place))


@lru_cache(maxsize=8)
def _sources(pid: int, folder: str, identity: str) -> Sources:
    """Return the chain's sources, the same every time: they keep a token and open connections."""
    from devvault.resolver.sources import make_sources  # nothing that a laptop pays for

    del pid  # a fork has its own
    return make_sources(folder, identity)


def told(notes: tuple[str, ...]) -> None:
    """Log what a user should know though nothing failed; the logger is `devvault`."""
    if notes:
        import logging

        for note in notes:
            logging.getLogger("devvault").warning("%s", note)


def unresolved(failures: list[Failed], more: list[tuple[str, str, str, str]]) -> Unresolved:
    """Return the error that tells every failure."""
    rows = [
        (item.setting, str(item.failure.status), item.failure.reason, item.failure.hint)
        for item in failures
    ] + more
    what = "a setting does" if len(rows) == 1 else f"{len(rows)} settings do"
    words = "; ".join(f"{name}: {status}: {reason}" for name, status, reason, _ in rows)
    hints = " && ".join(dict.fromkeys(hint for *_, hint in rows if hint.startswith("devvault ")))
    first = next((hint for *_, hint in rows if hint), "")
    return Unresolved(f"{what} not resolve: {words}", rows, hint=hints or first or None)


def _resolve(text: str, folder: str | os.PathLike[str] | None) -> str:
    place = open_place(None if folder is None else Path(folder), only=(b"vaults", b"identity"))
    try:
        reference = local(place.project.vaults, parse(text))
    except Invalid as error:
        answer: SecretValue | Failure = Failure(
            Status.INVALID_SYNTAX, error.message, error.hint or ""
        )
    else:
        answer = decoded(source_of(place).look_up([reference])[0], reference)
    if isinstance(answer, Failure):
        raise unresolved([Failed("reference", text, answer)], [])
    return answer.reveal()


def load_held(
    folder: str | os.PathLike[str] | None,
    environment: Mapping[str, str],
    files: dict[Path, Signature] | None = None,
    versions: dict[str, str] | None = None,
) -> dict[str, str | SecretValue]:
    """Return what Settings hold; raises as `load_settings`. No file overrules `environment`.

    `files` is told each file that was read, as it was right before; `versions` the version of each
    secret whose address pins none.
    """
    from devvault.config import load
    from devvault.resolver.plan import Journey, make_plan

    place = open_place(None if folder is None else Path(folder))
    config = load(default_home(), os.environ)
    notes: list[str] = []
    journey = Journey(
        environment=environment,
        files=read_place(place, notes, {} if files is None else files),
        vaults=place.project.vaults,
        plain=frozenset(place.project.plain),
        on_unresolved=config.on_unresolved,
        plaintext=config.plaintext,
    )
    met: dict[str, str] = {}

    def look_up(references: Sequence[Reference]) -> Sequence[SecretValue | Failure]:
        answers = source_of(place).look_up(references, met)
        if versions is not None:
            versions.update({one.uri: met[one.uri] for one in references if not one.version})
        return answers

    plan = make_plan(journey, look_up)
    told((*notes, *plan.notes))
    if not plan.is_good:
        raise _problem(plan, journey)
    held: dict[str, str | SecretValue] = dict(environment)
    for name, value in plan.variables.items():
        held[name] = SecretValue(value) if name in plan.secret else value
    return held


def _same(
    before: Mapping[str, str | SecretValue], after: Mapping[str, str | SecretValue], name: str
) -> bool:
    old, new = before.get(name), after.get(name)
    if isinstance(old, SecretValue) and isinstance(new, SecretValue):
        return old == new
    return type(old) is type(new) and old == new


def read_place(place: Place, notes: list[str], seen: dict[Path, Signature]) -> list[EnvFile]:
    """Return the files that `devvault run` would read here."""
    from dataclasses import replace

    from devvault.resolver.files import formed, split_part, wanted_files
    from devvault.resolver.plan import EnvFile

    project = str(place.file or "")
    paths = [str(path) for path in place.env_files]
    listed = wanted_files(place.project, project, paths, is_settings_named=False)
    found = []
    for path in listed or paths:
        at = Path(split_part(path)[0])
        seen[at] = signature(at)
        try:
            data = read_settings(at, place.folder)
        except NotFound:
            notes.append(f"the project lists {path}, which is not there")
        else:
            file = formed(EnvFile(path, data), place.project, project)
            found.append(replace(file, path=_shown(place, Path(path))))
    return found


def _shown(place: Place, path: Path) -> str:
    return str(path.relative_to(place.cwd)) if path.is_relative_to(place.cwd) else str(path)


def _problem(plan: Plan, journey: Journey) -> DevvaultError:
    import shlex

    files = " ".join(shlex.quote(file.path) for file in journey.files)
    hint = f"devvault import {files}"
    if not plan.failures:
        return PlaintextSecret("; ".join(words for words, _ in plan.refused), hint=hint)
    more = [
        (name, PlaintextSecret.code, reason, hint)
        for name, _, reason in (words.partition(": ") for words, _ in plan.refused)
    ]
    return unresolved(list(plan.failures), more)
