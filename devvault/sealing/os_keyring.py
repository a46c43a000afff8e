"""The master key in the OS keyring, one item a home and generation.

Only keyring's own backends for an OS are used, made here by name: no entry point, environment
variable or keyringrc.cfg can put another in their place. Null, plaintext, session-only and foreign
backends are refused unless the user's configuration names them. Labels and attributes of items are
readable while a keyring is locked: they hold the home's id and a number, nothing else.
"""

from __future__ import annotations

import base64
import hmac
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from devvault.errors import Damaged, DevvaultError, Locked, NotFound, Unavailable
from devvault.sealing.base import MASTER_SIZE

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

SERVICE = "devvault"
_FORMAT = 1
_ANCHOR = "anchor"
_SESSION = "/org/freedesktop/secrets/collection/session"
# How long a keyring's own prompt may stay open before the daemon stops waiting for it.
_PROMPT_SECONDS = 120.0
_NO_KEYRING = "devvault init --key-source passphrase"
_UNLOCK = "unlock your login keyring, then type: devvault unlock"

# keyring's own backends that keep what they are given, sealed, over a logout; the best one first.
OWN: dict[str, tuple[str, ...]] = {
    "linux": ("keyring.backends.SecretService:Keyring", "keyring.backends.kwallet:DBusKeyring"),
    "darwin": ("keyring.backends.macOS:Keyring",),
    "win32": ("keyring.backends.Windows:WinVaultKeyring",),
}


_SECRET_SERVICE = OWN["linux"][0]
# What secretstorage raises, which is a library of keyring's and not of ours.
_LOCKED_NAMES = frozenset({"LockedException", "PromptDismissedException"})


class _Backend(Protocol):
    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


class _Item(Protocol):
    def get_attributes(self) -> dict[str, str]: ...


class _Connection(Protocol):
    def close(self) -> None: ...


class _Collection(Protocol):
    connection: _Connection

    def search_items(self, attributes: dict[str, str]) -> Iterator[_Item]: ...


class _SecretService(Protocol):
    def get_preferred_collection(self) -> _Collection: ...


class OsKeyring:
    """A KeySource. `allowed`: further backends that the user's configuration names.

    Each is a module, or `module:Class`; they come before keyring's own.
    """

    name = "keyring"

    def __init__(self, allowed: tuple[str, ...] = ()) -> None:
        self._names = (*allowed, *OWN.get(sys.platform, ()))
        self._used: str | None = None
        self._seen: dict[str, int] = {}

    def protect(self, home: str, generation: int, master: bytes) -> bytes:
        """Put the key into the keyring, read it back, and return a slot that names the backend."""
        name = self._choose()
        text = base64.b64encode(master).decode()
        account = _account(home, generation)
        _ask(lambda: _make(name).set_password(SERVICE, account, text))
        # Made anew, so that the answer comes over a new connection and not out of a cache.
        back = _ask(lambda: _make(name).get_password(SERVICE, account))
        if back is None or not hmac.compare_digest(back.encode(), text.encode()):
            raise Unavailable(
                "the OS keyring does not give back what was put into it", hint=_NO_KEYRING
            )
        self._seen[home] = generation
        return json.dumps({"format": _FORMAT, "backend": name}).encode()

    def reveal(self, home: str, generation: int, slot: bytes) -> bytes:
        """Return the key in the keyring that the slot names."""
        name = self._named(slot)
        account = _account(home, generation)
        text = _ask(lambda: _make(name).get_password(SERVICE, account))
        if text is None:
            raise NotFound(
                "the OS keyring is open and does not have this home's key: it was reset, or this"
                " is another user's or another machine's keyring",
                code="KeyNotFound",
                hint="devvault unlock --recovery",
            )
        master = _decode(text)
        if len(master) != MASTER_SIZE:
            raise _damaged()
        self._used = name
        self._seen[home] = generation
        return master

    def forget(self, home: str, generation: int) -> None:
        """Remove the item of a generation, if it is there."""
        name = self._choose()
        account = _account(home, generation)

        def act() -> None:
            # Asked first: what backends raise for an item that is not there differs too much.
            if _make(name).get_password(SERVICE, account) is not None:
                _make(name).delete_password(SERVICE, account)

        _ask(act)

    def generations(self, home: str) -> list[int]:
        """Return the generations with an item.

        Where a backend cannot search, those next to the one used last are tried.
        """
        name = self._choose()
        if name == _SECRET_SERVICE:
            found = _ask(lambda: _accounts(_make(name)))
            numbers = (account.removeprefix(home + "/") for account in found)
            return sorted({int(number) for number in numbers if number.isdecimal()})
        near = self._seen.get(home, 1)
        return [
            number
            for number in (near - 1, near, near + 1)
            if number > 0 and self._find(name, _account(home, number)) is not None
        ]

    def read_anchor(self, home: str) -> bytes | None:
        """Return what the anchor's item holds."""
        text = self._find(self._choose(), _account(home, _ANCHOR))
        return None if text is None else _decode(text)

    def write_anchor(self, home: str, anchor: bytes) -> None:
        """Replace the anchor's item."""
        name = self._choose()
        text = base64.b64encode(anchor).decode()
        _ask(lambda: _make(name).set_password(SERVICE, _account(home, _ANCHOR), text))

    def _find(self, name: str, account: str) -> str | None:
        return _ask(lambda: _make(name).get_password(SERVICE, account))

    def _named(self, slot: bytes) -> str:
        """Return the backend that a slot names; it must be one that may be used here."""
        if not slot:
            return self._choose()
        try:
            body = json.loads(slot)
            known = isinstance(body, dict) and body.get("format") == _FORMAT
            name = str(body["backend"]) if known else ""
        except (ValueError, KeyError, RecursionError) as error:
            raise Damaged(
                "the keyring slot of this home is damaged", hint="devvault unlock --recovery"
            ) from error
        if name not in self._names:
            raise Unavailable(
                f"this home's key is in a keyring that may not be used here: {name[:100]!a}",
                hint="name it under keyring-backends in config.toml",
            )
        return name

    def _choose(self) -> str:
        """Return the backend to use: the last one used, else the first that is there."""
        if self._used is not None:
            return self._used
        reasons: list[str] = []
        for name in self._names:
            reason = _why_not(name)
            if reason is None:
                self._used = name
                return name
            reasons.append(reason)
        told = "; ".join(reasons) or f"none is known for {sys.platform}"
        raise Unavailable(f"there is no OS keyring here ({told})", hint=_hint())


def _account(home: str, what: int | str) -> str:
    return f"{home}/{what}"


def _make(name: str) -> _Backend:
    """Return a new backend; `name` is one of OWN, or one that the configuration names.

    Raises:
        Unavailable: there is no such thing, or it cannot work here.
    """
    module, _, wanted = name.partition(":")
    try:
        loaded = importlib.import_module(module)
        made = _class_in(loaded, wanted)()
    except Exception as error:  # a foreign module may raise anything
        raise Unavailable(
            f"the keyring backend {name[:100]!a} cannot be used: {_words(error)}",
            hint=_NO_KEYRING,
        ) from error
    if name == _SECRET_SERVICE:
        vars(made)["get_preferred_collection"] = partial(_default_collection, loaded)
    return cast("_Backend", made)


def _class_in(module: ModuleType, wanted: str) -> type[KeyringBackend]:
    from keyring.backend import KeyringBackend

    found = [
        kind
        for name, kind in vars(module).items()
        if isinstance(kind, type)
        and issubclass(kind, KeyringBackend)
        and kind.__module__ == module.__name__
        and name == (wanted or name)
    ]
    if not found:
        raise LookupError(f"it has no keyring backend {wanted}".rstrip())
    return found[0]


def _why_not(name: str) -> str | None:
    """Return why a backend cannot be used here, or None."""
    try:
        kind = type(_make(name))
        # keyring's own question: the property raises where the backend cannot work.
        getattr(kind, "priority")  # noqa: B009  # a class property, which mypy takes for a number
    except Unavailable as error:
        return error.message
    except Exception as error:  # noqa: BLE001  # a foreign backend may raise anything
        return _words(error)
    return None


def _default_collection(module: ModuleType) -> object:
    """Return the user's default collection, unlocked, on a new connection.

    In place of keyring's own, which takes the session collection where that is the default, waits
    for a prompt without end, and leaves its connection open when it fails.
    """
    storage = module.secretstorage
    bus = storage.dbus_init()
    with ExitStack() as held:
        held.callback(bus.close)
        try:
            found = storage.get_collection_by_alias(bus, "default")
        except storage.ItemNotFoundException:
            found = storage.get_default_collection(bus)  # makes it, which asks for a password
        if found.collection_path == _SESSION:
            raise Unavailable(
                "the OS keyring's default collection is gone at logout", hint=_NO_KEYRING
            )
        if found.is_locked():
            bounded = storage.__version_tuple__ >= (3, 5)
            found.unlock(timeout=_PROMPT_SECONDS) if bounded else found.unlock()
            if found.is_locked():
                raise _locked()
        held.pop_all()  # from here on the connection is its user's
    return cast("object", found)


def _accounts(backend: _Backend) -> list[str]:
    """Return the accounts of our items in the Secret Service."""
    found = cast("_SecretService", backend).get_preferred_collection()
    with closing(found.connection):
        items = list(found.search_items({"service": SERVICE}))
        return [item.get_attributes().get("username", "") for item in items]


def _ask(act: Callable[[], T]) -> T:
    """Do it, and say in our own errors what a backend raises.

    Raises:
        Locked: the keyring is locked, or its prompt was cancelled or left unanswered.
        Unavailable: anything else.
    """
    from keyring import errors

    try:
        return act()
    except DevvaultError:
        raise
    except (errors.KeyringLocked, errors.InitError, TimeoutError) as error:
        raise _locked() from error
    except Exception as error:  # backends raise what their own libraries raise
        if {kind.__name__ for kind in type(error).__mro__} & _LOCKED_NAMES:
            raise _locked() from error
        raise Unavailable(
            f"the OS keyring cannot be used: {_words(error)}", hint=_hint()
        ) from error


def _hint() -> str:
    if sys.platform == "linux" and "DBUS_SESSION_BUS_ADDRESS" not in os.environ:
        bus = Path(f"/run/user/{os.getuid()}/bus")
        if bus.is_socket():
            return f"export DBUS_SESSION_BUS_ADDRESS=unix:path={bus}"
    return _NO_KEYRING


def _words(error: BaseException) -> str:
    line = str(error).strip().splitlines()
    return ascii(line[0])[1:-1][:200] if line else type(error).__name__


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        # Not `from error`: it carries the text.
        raise _damaged() from None


def _damaged() -> Damaged:
    return Damaged(
        "what the OS keyring has for this home is not a key of devvault",
        hint="devvault unlock --recovery",
    )


def _locked() -> Locked:
    return Locked(
        "the OS keyring is locked, or its prompt was cancelled", code="KeyringLocked", hint=_UNLOCK
    )
