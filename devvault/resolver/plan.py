"""From an environment and its files to variables: every value, or every failure at once.

The one journey of `run` and `env`, with a daemon and without. It opens no file and asks nobody
itself: bytes come in, references go out through `Lookup`. Rules: CONTRACT.md section 5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace

from devvault.errors import DevvaultError, Invalid, WrongUse
from devvault.references.base import find, parse
from devvault.references.marks import has_mark, has_plain_mark
from devvault.references.reference import Reference
from devvault.references.status import Status
from devvault.resolver.base import Failed, Failure, decoded, local
from devvault.scan.judge import judge
from devvault.secretvalue import SecretValue
from devvault.settingsfiles.base import Setting, find_key_error, get_format
from devvault.settingsfiles.interpolate import interpolate
from devvault.settingsfiles.shapes import SHAPES, get_shape

__all__ = [
    "ALLOW",
    "EMPTY",
    "FAIL",
    "LITERAL",
    "REFUSE",
    "WARN",
    "EnvFile",
    "Failed",
    "Failure",
    "Journey",
    "Lookup",
    "Plan",
    "Resolved",
    "Settings",
    "failure_of",
    "make_plan",
    "needed_names",
    "read_file",
    "read_files",
    "resolve_all",
    "why_secret",
]

FAIL = "fail"
LITERAL = "literal"
EMPTY = "empty"
REFUSE = "refuse"
WARN = "warn"
ALLOW = "allow"
# Configuration of devvault itself is never a setting of the child.
_OURS = "DEVVAULT_"
_NAMED = re.compile(r"\$\{([^}:]*)(?::-[^}]*)?\}")


# Answers references in their order; what it raises (locked, no home) ends the whole run.
Lookup = Callable[[Sequence[Reference]], Sequence[SecretValue | Failure]]


@dataclass(frozen=True, slots=True)
class EnvFile:
    """One file as the client read it.

    `format` is a name of `settingsfiles.base.FORMATS` or `settingsfiles.shapes.SHAPES`; `part` is
    what of the file was chosen: a service, a container.
    """

    path: str
    data: bytes
    format: str = "dotenv"
    part: str = ""


# The settings of all files, each with its file.
Settings = Sequence[tuple[EnvFile, Setting]]


@dataclass(frozen=True, slots=True)
class Journey:
    """What a run brings along.

    `environment` holds the entries whose value is known, `names` the other names that the
    environment sets. `files` come lowest precedence first. `vaults` maps a vault's name in
    references to the local vault that stands for it. `plain` are keys that may look secret.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    files: Sequence[EnvFile] = ()
    vaults: Mapping[str, str] = field(default_factory=dict)
    plain: frozenset[str] = frozenset()
    on_unresolved: str = FAIL
    plaintext: str = REFUSE

    @property
    def set_already(self) -> frozenset[str]:
        """Every name that the environment sets; no file overrules it."""
        return self.names | self.environment.keys()


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where a value came from, for `run --dry-run`; no value."""

    setting: str
    source: str
    reference: Reference


@dataclass(frozen=True, slots=True)
class Plan:
    """What the child gets. With `failures` or `refused` it does not start.

    `secret` are the names whose value holds something from a vault. `refused` are sentences about
    values that look secret, each with its hint.
    """

    variables: Mapping[str, str] = field(repr=False)
    secret: frozenset[str]
    resolved: tuple[Resolved, ...]
    failures: tuple[Failed, ...]
    refused: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether the child may start."""
        return not self.failures and not self.refused


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A reference that counts: its setting, where it stands, its text."""

    setting: str
    source: str
    text: str


def read_file(file: EnvFile) -> Sequence[Setting]:
    """Return the settings of one file, in order.

    Raises:
        WrongUse: it is not text, or of no known format.
    """
    if file.format in SHAPES:
        try:
            return get_shape(file.format).read(file.data, file.part)
        except Invalid as error:
            raise WrongUse(f"{file.path}: {error.message}", hint="devvault help run") from error
    try:
        form = get_format(file.format)
    except KeyError:
        raise WrongUse(f"{file.path}: settings of this format are not read") from None
    try:
        settings = form.read(file.data)
    except Invalid as error:
        raise WrongUse(
            f"{file.path}: {error.message}", hint=f"save {file.path} as UTF-8 text"
        ) from error
    return settings if file.format == "dotenv" else [_as_variable(one) for one in settings]


def _as_variable(setting: Setting) -> Setting:
    """Return a nested setting by .NET's name for a variable; `${` means nothing in its file."""
    return replace(setting, key=setting.key.replace(":", "__"), quote="'")


def read_files(
    journey: Journey, read: Callable[[EnvFile], Sequence[Setting]] = read_file
) -> Settings:
    """Return every setting of the journey's files, in order, with the file it stands in.

    Raises:
        WrongUse: an env file is not text, or no such format.
    """
    return [(file, setting) for file in journey.files for setting in read(file)]


def needed_names(journey: Journey, settings: Settings) -> tuple[str, ...]:
    """Return the environment's names whose values `${NAME}` in the files asks for."""
    wanted: set[str] = set()
    for _, setting in settings:
        if setting.value is not None and "${" in setting.value and setting.quote != "'":
            wanted.update(_NAMED.findall(setting.value))
    return tuple(sorted(wanted & (journey.names - journey.environment.keys())))


def make_plan(journey: Journey, lookup: Lookup, settings: Settings | None = None) -> Plan:
    """Return the plan of a run; `settings` are those of `read_files`, where they are read already.

    Raises:
        WrongUse: an env file is not text, or no such format.
        Locked, Unavailable: what `lookup` raises.
    """
    notes: list[str] = []
    if settings is None:
        settings = read_files(journey)
    usable = [setting for file, setting in settings if _is_usable(file, setting, notes)]
    wanted = _wanted(journey, settings, notes)
    answers, resolved, failures = _look_up(journey, wanted, lookup)
    known = dict(answers)
    if journey.on_unresolved == EMPTY:
        known |= {item.setting: "" for item in failures}
    set_already = journey.set_already
    in_environment = {key: value for key, value in known.items() if key in set_already}
    values = interpolate(
        usable,
        {**journey.environment, **in_environment},
        {key: value for key, value in known.items() if key not in set_already},
        frozenset(item.setting for item in failures),
    )
    variables = {
        key: value
        for key, value in {**values, **answers}.items()
        if key in answers or key not in set_already
    }
    variables, failures = _fit_for_a_child(variables, answers, failures)
    for item in failures if journey.on_unresolved != FAIL else ():
        what = "is passed on as it is written" if journey.on_unresolved == LITERAL else "is empty"
        notes.append(f"{item.line}; it {what}")
    if journey.on_unresolved == EMPTY:
        variables |= {item.setting: "" for item in failures}
    elif journey.on_unresolved == LITERAL:
        variables |= {item.setting: item.reference for item in failures}
    secrets = [value for value in answers.values() if value]
    composed = {setting.key for setting in usable if "${" in (setting.value or "")}
    return Plan(
        variables=variables,
        secret=frozenset(
            key
            for key, value in variables.items()
            if key in answers or (key in composed and any(item in value for item in secrets))
        ),
        resolved=tuple(resolved),
        failures=tuple(failures) if journey.on_unresolved == FAIL else (),
        refused=_refused(journey, settings, notes),
        notes=tuple(dict.fromkeys(notes)),
    )


def resolve_all(
    texts: Mapping[str, str], lookup: Lookup, vaults: Mapping[str, str] | None = None
) -> tuple[dict[str, str], list[Failed]]:
    """Return the values and the failures of named references, as the library asks for them."""
    wanted = [_Wanted(name, "", text) for name, text in texts.items()]
    values, _, failures = _look_up(Journey(vaults=vaults or {}), wanted, lookup)
    return values, failures


def _is_usable(file: EnvFile, setting: Setting, notes: list[str]) -> bool:
    if setting.note is not None:
        notes.append(f"{file.path}: {_shown(setting)}: {setting.note}")
    if setting.error is not None:
        notes.append(f"{file.path}: {_shown(setting)}: {setting.error}; it is left out")
        return False
    if setting.key.upper().startswith(_OURS):
        notes.append(
            f"{file.path}: {_shown(setting)}: a file does not set devvault's own options;"
            " it is left out"
        )
        return False
    return True


def _shown(setting: Setting) -> str:
    """Name a setting in a message; a key that could do harm there is told by its line alone."""
    if find_key_error(setting.key) is None:
        return f"{setting.key} (line {setting.line})"
    return f"line {setting.line}"


def _wanted(journey: Journey, settings: Settings, notes: list[str]) -> list[_Wanted]:
    texts = [
        _Wanted(name, "the environment", value)
        for name, value in journey.environment.items()
        if has_mark(value)
    ]
    last: dict[str, _Wanted] = {}
    set_already = journey.set_already
    for file, setting in settings:
        ours = setting.key.upper().startswith(_OURS)
        if setting.error is None and not ours and setting.key not in set_already:
            last[setting.key] = _Wanted(setting.key, file.path, setting.value or "")
    texts.extend(item for item in last.values() if has_mark(item.text))
    found = []
    for item in texts:
        if find(item.text) is not None:
            found.append(item)
        elif has_plain_mark(item.text):
            notes.append(
                f"{item.setting}: a reference inside a longer text is not resolved"
                " (App Service does not either)"
            )
    return found


def _look_up(
    journey: Journey, wanted: Sequence[_Wanted], lookup: Lookup
) -> tuple[dict[str, str], list[Resolved], list[Failed]]:
    values: dict[str, str] = {}
    resolved: list[Resolved] = []
    failures: list[Failed] = []
    parsed: list[tuple[_Wanted, Reference]] = []
    for item in wanted:
        try:
            parsed.append((item, local(journey.vaults, parse(item.text))))
        except Invalid as error:
            failure = Failure(Status.INVALID_SYNTAX, error.message, error.hint or "")
            failures.append(Failed(item.setting, item.text, failure))
    # Settings that name the same secret share one look-up, so the trail has one record of it.
    distinct: dict[str, Reference] = {}
    for _, reference in parsed:
        distinct.setdefault(reference.uri.lower(), reference)
    answers = dict(zip(distinct, lookup(tuple(distinct.values())) if distinct else (), strict=True))
    for item, reference in parsed:
        answer = decoded(answers[reference.uri.lower()], reference)
        if isinstance(answer, Failure):
            failures.append(Failed(item.setting, item.text, answer))
        else:
            values[item.setting] = answer.reveal()
            resolved.append(Resolved(item.setting, item.source, reference))
    order = {item.setting: number for number, item in enumerate(wanted)}
    failures.sort(key=lambda failed: order[failed.setting])
    return values, resolved, failures


def _fit_for_a_child(
    variables: Mapping[str, str], answers: Mapping[str, str], failures: list[Failed]
) -> tuple[dict[str, str], list[Failed]]:
    """Take out what no variable can hold."""
    kept: dict[str, str] = {}
    found = list(failures)
    failed = {item.setting for item in failures}
    for key, value in variables.items():
        if key in failed:
            continue
        if "\0" in value:
            whose = "its value" if key in answers else "what it is made of"
            failure = Failure(
                Status.OTHER_REASONS,
                f"{whose} holds a NUL, which no environment variable can",
                "let the program read the secret itself, or store it encoded (base64)",
            )
            found.append(Failed(key, "", failure))
        else:
            kept[key] = value
    return kept, found


def _refused(journey: Journey, settings: Settings, notes: list[str]) -> tuple[tuple[str, str], ...]:
    if journey.plaintext == ALLOW:
        return ()
    found: list[tuple[str, str]] = []
    for file, setting in settings:
        if setting.key in journey.set_already:
            continue
        why = why_secret(setting, journey.plain)
        if not why:
            continue
        words = f"{setting.key}: {file.path} line {setting.line} holds a secret: {why}"
        if journey.plaintext == WARN:
            notes.append(words)
        else:
            found.append((words, f"devvault import {file.path}"))
    return tuple(found)


def why_secret(setting: Setting, plain: Container[str]) -> str:
    """Return why a file's setting looks secret; "" where it does not, or was declared plain."""
    value = setting.value
    if setting.error is not None or value is None or setting.allow_reason is not None:
        return ""
    if setting.key in plain or find(value) is not None:
        return ""
    verdict = judge(setting.key, value)
    return verdict.why if verdict.secret else ""


def failure_of(error: DevvaultError, status: Status = Status.OTHER_REASONS) -> Failure:
    """Return the failure that an error of a vault stands for."""
    return Failure(status, error.message.splitlines()[0], error.hint or "")
