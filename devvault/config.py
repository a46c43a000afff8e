"""devvault's own configuration: one frozen dataclass, a field an option.

From strongest to weakest: `/etc/devvault/config.toml [enforce]`, flag, `DEVVAULT_<OPTION>`,
`home/config.toml`, `/etc/devvault/config.toml`, default. What guards the user against accidents
(`reveal`, `plaintext`, `keyring-backends`) is taken from the two files alone: a process that
inherits an odd environment must not loosen it. A project file has no say here.

option                 values                      means
key-source             keyring | passphrase | file where the master key of a new home rests
key-file               path                        the file of key source `file`, outside the home
auto-lock              minutes, 0 = never          lock after so long without a request; unset: 60
                                                   for a passphrase, never for keyring and file
reveal                 always | terminal           may values be shown without a terminal?
plaintext              refuse | warn | allow       a value that looks secret in an env file
on-unresolved          fail | literal | empty      a reference that does not resolve
connect                true | false                `run` connects the SDKs of what it starts
java                   true | false                Java programs are connected too
mask                   true | false                `run` masks values in a piped output
audit-retention-days   days, 0 = for ever          how long the trail is kept
keyring-backends       list of module:Class        keyring backends of others that may be used
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from devvault.errors import WrongUse
from devvault.paths import Home, check_private

if TYPE_CHECKING:
    from collections.abc import Callable

SYSTEM_CONFIG = Path("/etc/devvault/config.toml")
HINT = "devvault help configuration"
PASSPHRASE_AUTO_LOCK = 60

_KEY_SOURCES = ("keyring", "passphrase", "file")
_REVEAL = ("always", "terminal")
_PLAINTEXT = ("refuse", "warn", "allow")
_ON_UNRESOLVED = ("fail", "literal", "empty")
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})
# A day more than a century: whoever types more meant something else.
_MOST = 36_525

Value = str | int | bool | tuple[str, ...] | None
NO_FLAGS: Mapping[str, Value] = {}


@dataclass(frozen=True, slots=True)
class Config:
    """Every option; see the table above. `auto_lock` None means: what suits the key source."""

    key_source: str = "keyring"
    key_file: str = ""
    auto_lock: int | None = None
    reveal: str = "always"
    plaintext: str = "refuse"
    on_unresolved: str = "fail"
    connect: bool = True
    java: bool = False
    mask: bool = True
    audit_retention_days: int = 90
    keyring_backends: tuple[str, ...] = ()

    def auto_lock_minutes(self, source: str) -> int:
        """Return after how many idle minutes a home with this key source locks; 0 is never."""
        if self.auto_lock is not None:
            return self.auto_lock
        return PASSPHRASE_AUTO_LOCK if source == "passphrase" else 0


_NAMES = tuple(field.name for field in fields(Config))
_FILES_ONLY = frozenset({"reveal", "plaintext", "keyring_backends"})


def load(
    home: Home,
    environment: Mapping[str, str],
    flags: Mapping[str, Value] = NO_FLAGS,
    *,
    system: Path = SYSTEM_CONFIG,
) -> Config:
    """Return the configuration that these places make together.

    `flags` are keyed by field name; None is a flag that was not given.

    Raises:
        WrongUse: an unknown option, a wrong type, a file that is not ours alone, or a flag that
            contradicts what the machine enforces.
    """
    machine = _read(system, private=False)
    raw_enforced = machine.pop("enforce", {})
    if not isinstance(raw_enforced, dict):
        _refuse(f"{system}: enforce", "a table")
    found: dict[str, Value] = _options(str(system), machine)
    found |= _options(str(home.config), _read(home.config, private=True))
    found |= _from_environment(environment)
    given = {name: value for name, value in flags.items() if value is not None}
    for name, value in given.items():
        found[name] = _checked(f"--{name.replace('_', '-')}", name, value)
    for name, fixed in _options(f"{system}: [enforce]", raw_enforced).items():
        if name in given and found[name] != fixed:
            raise WrongUse(
                f"{name.replace('_', '-')} is fixed on this machine by {system}", hint=HINT
            )
        found[name] = fixed
    return Config(**found)  # type: ignore[arg-type]  # each value was checked for its field


def fingerprint(home: Home, *, system: Path = SYSTEM_CONFIG) -> tuple[tuple[int, int, int], ...]:
    """Return what changes when a configuration file changes, for a daemon that must notice."""
    found = []
    for path in (system, home.config):
        try:
            facts = os.stat(path)  # noqa: PTH116  # before every answer
        except OSError:
            found.append((0, 0, 0))
        else:
            found.append((facts.st_ino, facts.st_mtime_ns, facts.st_size))
    return tuple(found)


def _read(path: Path, *, private: bool) -> dict[str, object]:
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise WrongUse(f"{path} cannot be read: {error.strerror}", hint=HINT) from error
    if private:
        check_private(path, folder=False)
    elif facts.st_uid != 0 or facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise WrongUse(
            f"{path} must belong to root and be writable by root alone",
            hint=f"chown root '{path}'; chmod 644 '{path}'",
        )
    import tomllib  # 8 ms: only where there is a file

    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        place = re.search(r"\(at [^()]*\)$", str(error))
        where = f" {place[0]}" if place else ""
        raise WrongUse(f"{path} is not valid TOML{where}", hint=HINT) from error
    except OSError as error:
        raise WrongUse(f"{path} cannot be read: {error.strerror}", hint=HINT) from error


def _options(where: str, table: Mapping[str, object]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for word, value in table.items():
        name = word.replace("-", "_")
        if name not in _NAMES or "_" in word:
            shown = word if re.fullmatch(r"[\w.-]{1,60}", word) else "an option"
            known = ", ".join(sorted(n.replace("_", "-") for n in _NAMES))
            raise WrongUse(f"{where}: {shown} is unknown; there are {known}", hint=HINT)
        found[name] = _checked(f"{where}: {word}", name, value)
    return found


def _from_environment(environment: Mapping[str, str]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name in _NAMES:
        variable = f"DEVVAULT_{name.upper()}"
        text = environment.get(variable, "")
        if not text or name in _FILES_ONLY:
            continue
        value: object = text
        if name in ("connect", "java", "mask"):
            lowered = text.lower()
            value = True if lowered in _YES else False if lowered in _NO else text
        elif name in ("auto_lock", "audit_retention_days"):
            value = int(text) if text.isascii() and text.isdigit() else text
        found[name] = _checked(variable, name, value)
    return found


def _checked(where: str, name: str, value: object) -> Value:
    check, wanted = _CHECKS[name]
    if not check(value):
        _refuse(where, wanted)
    if isinstance(value, list):
        return tuple(value)
    assert isinstance(value, (str, int, tuple))
    return value


def _refuse(where: str, wanted: str) -> NoReturn:
    raise WrongUse(f"{where} must be {wanted}", hint=HINT)


def _one_of(*words: str) -> tuple[Callable[[object], bool], str]:
    return (lambda value: isinstance(value, str) and value in words), " or ".join(words)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST


def _is_path(value: object) -> bool:
    return isinstance(value, str) and value.startswith("/") and "\0" not in value


def _is_backends(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(
        isinstance(item, str) and re.fullmatch(r"[A-Za-z_][\w.]*(:\w+)?", item) for item in value
    )


_CHECKS: dict[str, tuple[Callable[[object], bool], str]] = {
    "key_source": _one_of(*_KEY_SOURCES),
    "key_file": (_is_path, "an absolute path"),
    "auto_lock": (_is_count, "a number of minutes (0 is never)"),
    "reveal": _one_of(*_REVEAL),
    "plaintext": _one_of(*_PLAINTEXT),
    "on_unresolved": _one_of(*_ON_UNRESOLVED),
    "connect": (_is_flag, "true or false"),
    "java": (_is_flag, "true or false"),
    "mask": (_is_flag, "true or false"),
    "audit_retention_days": (_is_count, "a number of days (0 is for ever)"),
    "keyring_backends": (_is_backends, "a list of modules, like a.module or a.module:Class"),
}
