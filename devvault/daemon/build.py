"""The composition root: the only place that picks implementations.

Optional parts load by name from their register, on first use.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from devvault.clock import Clock
from devvault.config import Config, fingerprint, load
from devvault.errors import WrongUse
from devvault.paths import Home, make_private_folder, user_home
from devvault.sealing.base import SOURCES, KeySource
from devvault.store.base import STORES, OpenStore, Store
from devvault.vault.keeper import Keeper
from devvault.vault.opened import SourceChoice

# The daemon keeps the environment of whoever started it; what belongs to one run or one `init`
# must not be taken from there for all later ones.
_OF_THE_DAEMON = frozenset({"DEVVAULT_AUTO_LOCK", "DEVVAULT_AUDIT_RETENTION_DAYS"})


class Settings:
    """The configuration of a running daemon: read again when one of its files changes.

    A file that was made unusable meanwhile leaves the last good configuration in force.
    """

    def __init__(
        self, home: Home, environment: Mapping[str, str], report: Callable[[str], None]
    ) -> None:
        self._home = home
        self._environment = {
            name: value for name, value in environment.items() if name in _OF_THE_DAEMON
        }
        self._report = report
        self._mark = fingerprint(home)
        self._config = load(home, self._environment)

    def __call__(self) -> Config:
        """Return the configuration as it is now."""
        mark = fingerprint(self._home)
        if mark != self._mark:
            self._mark = mark
            try:
                self._config = load(self._home, self._environment)
            except WrongUse:
                self._report("the changed configuration is not usable; the last one stays")
        return self._config


def build_keeper(home: Home, config: Callable[[], Config], clock: Clock) -> Keeper:
    """Return the keeper of a home, its store and key sources picked by their registers."""
    return Keeper(
        home,
        open_store(),
        partial(make_source, home, config),
        clock,
        user=_user_name(),
    )


def open_store(name: str = "sqlite") -> OpenStore:
    """Return the engine's opener; its module is loaded when a database is first opened."""

    def opener(path: Path) -> Store:
        found: Store = _loaded(STORES[name])(path)
        return found

    return opener


def choose_source(
    home: Home, config: Callable[[], Config], name: str, path: str, passphrase: bytes | None
) -> SourceChoice:
    """Return a whole choice: a key file gets its place, everything is checked.

    Raises:
        WrongUse: no such source, or a key file that would lie in the home.
    """
    if name not in SOURCES:
        raise WrongUse(
            f"there is no key source {name!r}; there are {', '.join(sorted(SOURCES))}",
            hint="devvault init --key-source file",
        )
    if name != "file":
        return SourceChoice(name, "", passphrase)
    chosen = path or config().key_file or str(default_key_file(home))
    place = Path(os.path.normpath(chosen))
    if not place.is_absolute() or "\0" in chosen:
        raise WrongUse("the key file's path must be absolute", hint="--key-file /a/file")
    root = home.root.resolve()
    if place.is_relative_to(home.root) or (place.parent.resolve() / place.name).is_relative_to(
        root
    ):
        raise WrongUse(
            "the key file must not lie in the home that it opens", hint="--key-file /a/file"
        )
    return SourceChoice(name, str(place))


def make_source(home: Home, config: Callable[[], Config], choice: SourceChoice) -> KeySource:
    """Return the key source that a choice names.

    Raises:
        WrongUse: there is no such source.
        Unavailable: it cannot be used here.
    """
    whole = choose_source(home, config, choice.name, choice.path, choice.passphrase)
    make = _loaded(SOURCES[whole.name])
    made: KeySource
    if whole.name == "keyring":
        made = make(allowed=config().keyring_backends)
    elif whole.name == "passphrase":
        folder = state_folder()
        make_private_folder(folder)
        made = make(folder, whole.passphrase)
    else:
        made = make(Path(whole.path))
    return made


def state_folder() -> Path:
    """Return where anchors of passphrase homes rest: in no home, so no copy of one has both."""
    if sys.platform == "darwin":
        return user_home() / "Library" / "Application Support" / "devvault-anchors"
    base = os.environ.get("XDG_STATE_HOME", "")
    root = Path(base) if base.startswith("/") else user_home() / ".local" / "state"
    return root / "devvault"


def default_key_file(home: Home) -> Path:
    """Return where the key file of a home is when nobody says: beside the home, never in it."""
    return home.root.with_name(f"{home.root.name}.key")


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid{os.getuid()}"


def _loaded(place: str) -> Any:  # a register names classes of several shapes
    module, _, noun = place.partition(":")
    return getattr(import_module(module), noun)
