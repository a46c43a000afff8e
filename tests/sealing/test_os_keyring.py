"""Against a real gnome-keyring on a bus of its own."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from devvault.errors import Damaged, Locked, NotFound, Unavailable
from devvault.sealing.os_keyring import OsKeyring
from tests.contracts.test_key_source import HOME, KEY, NEXT, OTHER, KeySourceSuite
from tests.services import SecretService

pytestmark = pytest.mark.service("keyring")


class TestOsKeyring(KeySourceSuite):
    @pytest.fixture
    def make(self, secret_service: SecretService) -> Callable[[], OsKeyring]:
        return OsKeyring


def items() -> list[tuple[str, dict[str, str]]]:
    import secretstorage

    with closing(secretstorage.dbus_init()) as bus:
        return [
            (item.get_label(), item.get_attributes())
            for collection in secretstorage.get_all_collections(bus)
            for item in collection.get_all_items()
        ]


def test_nothing_secret_in_labels_attributes_and_slot(secret_service: SecretService) -> None:
    slot = OsKeyring().protect(HOME, 1, KEY)
    OsKeyring().write_anchor(HOME, b"anchor")
    found = items()
    accounts = sorted(attributes["username"] for _, attributes in found)
    assert accounts == [f"{HOME}/1", f"{HOME}/anchor"]
    told = repr(found).encode() + slot
    at_rest = b"".join(path.read_bytes() for path in secret_service.files)
    assert at_rest
    for secret in (KEY, KEY.hex().encode(), base64.b64encode(KEY)):
        assert secret not in told
        assert secret not in at_rest
    for path in secret_service.files:
        assert path.stat().st_mode & 0o077 == 0


def test_it_is_there_after_a_new_login(secret_service: SecretService) -> None:
    slot = OsKeyring().protect(HOME, 1, KEY)
    OsKeyring().write_anchor(HOME, b"anchor")
    secret_service.restart()
    assert OsKeyring().reveal(HOME, 1, slot) == KEY
    assert OsKeyring().read_anchor(HOME) == b"anchor"


def test_it_is_there_after_the_keyring_was_killed(secret_service: SecretService) -> None:
    source = OsKeyring()
    slot = source.protect(HOME, 1, KEY)
    secret_service.restart()
    assert source.reveal(HOME, 1, slot) == KEY
    assert source.protect(HOME, 2, NEXT) == slot


def test_locked_with_a_wrong_password_and_a_cancelled_prompt(
    secret_service: SecretService,
) -> None:
    source = OsKeyring()
    slot = source.protect(HOME, 1, KEY)
    secret_service.restart_locked()
    for one in (source, OsKeyring()):
        for call in (
            lambda one=one: one.reveal(HOME, 1, slot),
            lambda one=one: one.protect(HOME, 2, NEXT),
            lambda one=one: one.read_anchor(HOME),
            lambda one=one: one.write_anchor(HOME, b"x"),
            lambda one=one: one.forget(HOME, 1),
            lambda one=one: one.generations(HOME),
        ):
            with pytest.raises(Locked) as caught:
                call()
            assert caught.value.code == "KeyringLocked"
            assert "unlock your login keyring" in (caught.value.hint or "")
    secret_service.restart()
    assert OsKeyring().reveal(HOME, 1, slot) == KEY
    assert OsKeyring().generations(HOME) == [1]


def test_the_keyring_alone_is_gone(secret_service: SecretService) -> None:
    """The bus then starts another, which is locked and finds no display to ask on."""
    slot = OsKeyring().protect(HOME, 1, KEY)
    secret_service.kill_keyring()
    with pytest.raises(Locked):
        OsKeyring().reveal(HOME, 1, slot)


def test_the_bus_is_gone(secret_service: SecretService) -> None:
    source = OsKeyring()
    slot = source.protect(HOME, 1, KEY)
    secret_service.kill()
    for one in (source, OsKeyring()):
        with pytest.raises(Unavailable) as caught:
            one.reveal(HOME, 1, slot)
        assert caught.value.hint == "devvault init --key-source passphrase"
        with pytest.raises(Unavailable):
            one.protect(HOME, 2, NEXT)
    secret_service.start()
    assert source.reveal(HOME, 1, slot) == KEY


def test_a_reset_keyring(secret_service: SecretService) -> None:
    slot = OsKeyring().protect(HOME, 1, KEY)
    OsKeyring().write_anchor(HOME, b"x")
    secret_service.reset()
    source = OsKeyring()
    with pytest.raises(NotFound) as caught:
        source.reveal(HOME, 1, slot)
    assert (caught.value.code, caught.value.hint) == ("KeyNotFound", "devvault unlock --recovery")
    assert source.read_anchor(HOME) is None
    assert source.generations(HOME) == []
    assert OsKeyring().reveal(HOME, 1, source.protect(HOME, 1, KEY)) == KEY


def test_no_keyring_was_ever_made(secret_service: SecretService) -> None:
    """An empty password makes no login collection; making one would ask, and nobody is there."""
    secret_service.kill()
    for path in secret_service.files:
        path.unlink()
    secret_service._start_bus()
    with pytest.raises(Locked):
        OsKeyring().protect(HOME, 1, KEY)


def test_no_bus_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    for call in (
        lambda: OsKeyring().protect(HOME, 1, KEY),
        lambda: OsKeyring().reveal(HOME, 1, b""),
        lambda: OsKeyring().read_anchor(HOME),
    ):
        with pytest.raises(Unavailable, match="no OS keyring here") as caught:
            call()
        expected = ("devvault init --key-source passphrase", "export DBUS_SESSION_BUS_ADDRESS=")
        assert (caught.value.hint or "").startswith(expected)


def test_a_session_only_collection_is_refused(secret_service: SecretService) -> None:
    import secretstorage
    from secretstorage.util import DBusAddressWrapper

    with closing(secretstorage.dbus_init()) as bus:
        service = DBusAddressWrapper(
            "/org/freedesktop/secrets", "org.freedesktop.Secret.Service", bus
        )
        session = "/org/freedesktop/secrets/collection/session"
        service.call("SetAlias", "so", "default", session)
    with pytest.raises(Unavailable, match="gone at logout"):
        OsKeyring().protect(HOME, 1, KEY)
    assert items() == []


def test_an_item_that_is_not_ours(secret_service: SecretService) -> None:
    from keyring.backends import SecretService as backend

    slot = OsKeyring().protect(HOME, 1, KEY)
    for value in ("not base64!", base64.b64encode(b"short").decode()):
        backend.Keyring().set_password("devvault", f"{HOME}/1", value)
        with pytest.raises(Damaged) as caught:
            OsKeyring().reveal(HOME, 1, slot)
        assert value not in str(caught.value)
        assert caught.value.__cause__ is None


def test_other_items_of_the_user_are_left_alone(secret_service: SecretService) -> None:
    from keyring.backends import SecretService as backend

    backend.Keyring().set_password("another service", f"{HOME}/1", "theirs")
    backend.Keyring().set_password("devvault", f"{HOME}/seven", "odd")
    source = OsKeyring()
    source.protect(HOME, 1, KEY)
    source.protect(OTHER, 4, NEXT)
    assert source.generations(HOME) == [1]
    source.forget(HOME, 1)
    assert backend.Keyring().get_password("another service", f"{HOME}/1") == "theirs"
    assert source.generations(OTHER) == [4]


@pytest.mark.parametrize(
    "slot",
    [b"{", b"[]", b"5", b'{"format": 1}', b"\xff", b'{"format": 2, "backend": "x"}', b"[" * 99_999],
)
def test_a_damaged_slot(slot: bytes) -> None:
    with pytest.raises((Damaged, Unavailable)):
        OsKeyring().reveal(HOME, 1, slot)


FOREIGN = """
import pathlib
from keyring.backend import KeyringBackend

pathlib.Path(__file__).with_suffix(".loaded").touch()

class Keyring(KeyringBackend):
    priority = 99
    place = pathlib.Path(__file__).with_suffix(".plain")

    def _path(self, service, username):
        return self.place.with_name(username.replace("/", "-") + ".plain")

    def get_password(self, service, username):
        path = self._path(service, username)
        return path.read_text() if path.exists() else None

    def set_password(self, service, username, password):
        self._path(service, username).write_text(password)

    def delete_password(self, service, username):
        self._path(service, username).unlink()
"""


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """An installed plug-in backend that keeps plain text, and everything that could choose it."""
    folder = tmp_path / "site"
    (folder / "foreign-1.dist-info").mkdir(parents=True)
    (folder / "foreign.py").write_text(FOREIGN)
    (folder / "foreign-1.dist-info" / "METADATA").write_text("Name: foreign\nVersion: 1\n")
    (folder / "foreign-1.dist-info" / "entry_points.txt").write_text(
        "[keyring.backends]\nforeign = foreign\n"
    )
    return folder


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


PROTECT = f"""
from devvault.sealing.os_keyring import OsKeyring
print(OsKeyring().protect({HOME!r}, 1, bytes(32)).decode())
"""


def test_a_foreign_backend_is_not_even_loaded(
    secret_service: SecretService, foreign: Path, tmp_path: Path
) -> None:
    config = Path(secret_service.environment["XDG_CONFIG_HOME"]) / "python_keyring"
    config.mkdir()
    (config / "keyringrc.cfg").write_text(
        f"[backend]\ndefault-keyring=foreign.Keyring\nkeyring-path={foreign}\n"
    )
    paths = os.pathsep.join([str(foreign), str(Path(__file__).parents[2])])
    for name in ("foreign.Keyring", "keyring.backends.null.Keyring"):
        told = run(PROTECT, PYTHONPATH=paths, PYTHON_KEYRING_BACKEND=name)
        assert json.loads(told)["backend"] == "keyring.backends.SecretService:Keyring"
    assert sorted(path.suffix for path in foreign.iterdir() if path.is_file()) == [".py"]


def test_without_a_keyring_a_foreign_backend_does_not_step_in(
    monkeypatch: pytest.MonkeyPatch, foreign: Path
) -> None:
    monkeypatch.syspath_prepend(str(foreign))
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "foreign.Keyring")
    with pytest.raises(Unavailable):
        OsKeyring().protect(HOME, 1, KEY)
    assert not (foreign / "foreign.loaded").exists()


@pytest.mark.parametrize("name", ["foreign", "foreign:Keyring"])
def test_a_foreign_backend_that_the_user_names(
    monkeypatch: pytest.MonkeyPatch, foreign: Path, name: str
) -> None:
    monkeypatch.syspath_prepend(str(foreign))
    monkeypatch.delitem(sys.modules, "foreign", raising=False)
    source = OsKeyring((name,))
    slot = source.protect(HOME, 1, KEY)
    assert json.loads(slot)["backend"] == name
    assert OsKeyring((name,)).reveal(HOME, 1, slot) == KEY
    source.protect(HOME, 2, NEXT)
    assert source.generations(HOME) == [1, 2]
    source.forget(HOME, 1)
    assert source.generations(HOME) == [2]
    source.forget(HOME, 1)
    with pytest.raises(Unavailable, match="may not be used here"):
        OsKeyring().reveal(HOME, 2, slot)


@pytest.mark.parametrize(
    "name",
    ["no.such.module", "json", "devvault.errors:Locked", "", ":", "keyring.backends.fail:No"],
)
def test_a_name_that_is_no_backend(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    with pytest.raises(Unavailable, match="cannot be used"):
        OsKeyring((name,)).protect(HOME, 1, KEY)


@pytest.mark.parametrize("name", ["keyring.backends.null:Keyring", "keyring.backends.fail:Keyring"])
def test_null_and_fail_do_not_keep_a_key(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    with pytest.raises(Unavailable):
        OsKeyring((name,)).protect(HOME, 1, KEY)


def test_the_keyring_is_loaded_late() -> None:
    told = run(
        "import sys, devvault.sealing.os_keyring, devvault.sealing.keyfile,"
        " devvault.sealing.master, devvault.sealing.recovery\n"
        "print([name for name in sys.modules if name.startswith(('keyring', 'secretstorage'))"
        " or 'argon2' in name or 'x25519' in name])",
        PYTHONPATH=str(Path(__file__).parents[2]),
    )
    assert told.strip() == "[]"
