"""The plan of an import: which setting becomes which secret, which stays, and why.

Pure: no file is opened and no vault is asked here; what a vault holds comes in as a `Shelf`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from devvault.references import base as references
from devvault.resolver.names import NAME_LIMIT, secret_name
from devvault.scan.judge import judge
from devvault.secretvalue import SecretValue
from devvault.settingsfiles.base import Setting, find_key_error
from devvault.settingsfiles.interpolate import interpolate

VALUE_LIMIT = 25600  # bytes of a secret's value, as Key Vault has it
_OURS = "DEVVAULT_"
_TORN = "it looks like a piece of a value: put quotes around the value, from its first line on"
_NAMED = re.compile(r"\$\{([^}:]*)(?::-([^}]*))?\}")


class Fate(StrEnum):
    """What becomes of a setting."""

    SECRET = "secret"  # noqa: S105  # a kind of setting
    PLAIN = "plain"
    REFERENCE = "reference"
    LEFT = "left"  # looks secret, and cannot be moved


@dataclass(frozen=True, slots=True)
class Step:
    """One setting of one file, and what becomes of it; `secret` is the name it gets.

    `is_stored` says that the vault holds this value under this name already.
    """

    file: str
    key: str
    fate: Fate
    why: str
    value: SecretValue | None = None
    secret: str = ""
    is_stored: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What the user and the project say about some keys, and what `${NAME}` may be filled from."""

    secret: Collection[str] = ()
    plain: Collection[str] = ()
    project_plain: Collection[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class Shelf(Protocol):
    """What a vault holds already."""

    def is_taken(self, name: str) -> bool:
        """Say whether a secret has this name, a deleted one too; names have no case."""
        ...

    def holds(self, name: str, value: str) -> bool:
        """Say whether this very value is what the name stands for now."""
        ...


def judge_file(
    file: str, settings: Sequence[Setting], rules: Rules, *, form: str = "dotenv"
) -> list[Step]:
    """Return what becomes of each key of a file, in the file's order; no names yet."""
    torn = _torn(settings) if form == "dotenv" else []
    usable = [
        one for one in settings if one.error is None and one.value is not None and one not in torn
    ]
    groups: dict[str, list[Setting]] = {}
    for one in usable:
        groups.setdefault(one.key, []).append(one)
    steps = [_judge(file, key, group, usable, rules, form) for key, group in groups.items()]
    # A line that cannot be read may hold anything: it is named by its number alone.
    steps += [
        Step(file, f"line {one.line}", Fate.LEFT, one.error)
        for one in settings
        if one.error is not None
    ]
    steps += [Step(file, f"line {one.line}", Fate.LEFT, _TORN) for one in torn]
    return steps


def _torn(settings: Sequence[Setting]) -> list[Setting]:
    """Return the "names" that are pieces of a value which goes on over lines without quotes."""
    found: list[Setting] = []
    for one in settings:
        goes_on = bool(found) and found[-1].line == one.line - 1 and one.value in (None, "", "=")
        if one.error is None and (goes_on or judge("", one.key).secret):
            found.append(one)
    return found


def give_names(steps: Iterable[Step], shelf: Shelf, taken: Collection[str] = ()) -> list[Step]:
    """Return the steps with a secret's name for each that needs one.

    `taken` are names that references of the files point at: they are other settings' secrets.
    """
    given: dict[str, str] = {}
    held = {name.lower() for name in taken}
    named: list[Step] = []
    for step in steps:
        if step.fate is not Fate.SECRET or step.value is None:
            named.append(step)
            continue
        value = step.value.reveal()
        for name in _candidates(step.key):
            folded = name.lower()
            if folded in given:
                if given[folded] != value:
                    continue
                named.append(replace(step, secret=name, is_stored=True))
                break
            stored = shelf.is_taken(name) and shelf.holds(name, value)
            if not stored and (folded in held or shelf.is_taken(name)):
                continue
            given[folded] = value
            named.append(replace(step, secret=name, is_stored=stored))
            break
    return named


def unknown_keys(steps: Iterable[Step], rules: Rules) -> list[str]:
    """Return the keys that the user named and no file sets."""
    known = {_plain_key(step.key) for step in steps}
    return [key for key in (*rules.secret, *rules.plain) if _plain_key(key) not in known]


def is_forced(key: str, keys: Collection[str]) -> bool:
    """Say whether a key was named; `__` and `:` are the same in it."""
    return _plain_key(key) in {_plain_key(one) for one in keys}


def _plain_key(key: str) -> str:
    return key.replace("__", ":")


def _judge(
    file: str, key: str, group: list[Setting], usable: list[Setting], rules: Rules, form: str
) -> Step:
    last = group[-1]
    value = last.value or ""
    if references.find(value) is not None:
        above = [one for one in group[:-1] if judge(_last_part(key), one.value or "").secret]
        if not above:
            return Step(file, key, Fate.REFERENCE, "a reference already")
        return Step(file, key, Fate.LEFT, f"line {above[0].line} still holds a secret: delete it")
    if is_forced(key, rules.plain):
        return Step(file, key, Fate.PLAIN, "you say so")
    forced = is_forced(key, rules.secret)
    why = "you say so"
    if not forced:
        if is_forced(key, rules.project_plain):
            return Step(file, key, Fate.PLAIN, "the project says so (plain)")
        verdicts = [
            judge(_last_part(key), one.value or "") for one in group if one.allow_reason is None
        ]
        if not verdicts:
            return Step(file, key, Fate.PLAIN, f"allowed: {last.allow_reason}")
        found = next((one for one in reversed(verdicts) if one.secret), None)
        if found is None:
            return Step(file, key, Fate.PLAIN, verdicts[-1].why)
        why = found.why
    refusal = _find_refusal(key, last, usable)
    if refusal is not None:
        return Step(file, key, Fate.LEFT, refusal)
    composed = _composed(last, usable, rules.environment, form)
    if composed is None:
        return Step(file, key, Fate.LEFT, "composed with what is known only when it is used")
    if composed != value and "${" in value:
        why += ", composed as it is now"
    size = len(composed.encode("utf-8", "surrogatepass"))
    if size > VALUE_LIMIT:
        return Step(file, key, Fate.LEFT, f"{size} bytes are too many for a secret (25 KB)")
    if not composed:
        return Step(file, key, Fate.LEFT, "empty, and a secret cannot be")
    return Step(file, key, Fate.SECRET, why, SecretValue(composed))


def _find_refusal(key: str, last: Setting, usable: list[Setting]) -> str | None:
    if key.upper().startswith(_OURS):
        return "devvault's own option: it belongs in no settings file"
    if find_key_error(key) is not None:
        return "no setting can bear this name"
    if last.is_fixed:
        return last.note or "it stands where it cannot be rewritten"
    if not last.value:
        lines = ", ".join(str(one.line) for one in usable if one.key == key)
        return f"the lines {lines} differ, and the last is empty"
    return None


def _composed(
    setting: Setting, usable: list[Setting], environment: Mapping[str, str], form: str
) -> str | None:
    """Return the value as its program gets it; None where that depends on more than the file.

    A value from a vault is never interpolated, so what is stored must be.
    """
    value = setting.value or ""
    if form == "yaml":
        # Compose reads `$$` as a dollar sign, and one alone as the beginning of a variable.
        bare = value.replace("$$", "")
        return None if "$" in bare else value.replace("$$", "$")
    if form != "dotenv" or "${" not in value or setting.quote == "'":
        return value
    held = {one.key: one.value or "" for one in usable}
    if any(references.find(held.get(name, "")) is not None for name in _needed(value, held)):
        return None
    return interpolate(usable, environment, {})[setting.key]


def _needed(value: str, held: Mapping[str, str]) -> set[str]:
    found: set[str] = set()
    waiting = [match[1] for match in _NAMED.finditer(value)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [match[1] for match in _NAMED.finditer(held.get(name, ""))]
    return found


def _last_part(key: str) -> str:
    """Return the part of a nested key that names the value; `ConnectionStrings` names it too."""
    section, colon, name = key.rpartition(":")
    if not colon:
        return key
    return key if section.rpartition(":")[2].lower() == "connectionstrings" else name


def _candidates(key: str) -> Iterable[str]:
    name = secret_name(key)
    yield name
    number = 2
    while True:
        tail = f"-{number}"
        yield name[: NAME_LIMIT - len(tail)] + tail
        number += 1
