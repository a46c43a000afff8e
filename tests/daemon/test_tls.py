"""Certificates by the name that a client asks for: made once, renewed in time, keys in memory."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devvault.clock import SetClock
from devvault.daemon import tls
from devvault.daemon.tls import Certificates
from devvault.paths import Home
from devvault.sealing.keyfile import KeyFile
from devvault.store.sqlite import open_store
from devvault.vault.keeper import Keeper
from devvault.vault.opened import SourceChoice

HOST = "my-vault.vault.azure.net"
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC))


@pytest.fixture
def keeper(tmp_path: Path, clock: SetClock) -> Iterator[Keeper]:
    made = Keeper(
        Home(tmp_path / "home"),
        open_store,
        lambda choice: KeyFile(Path(choice.path)),
        clock,
        user="alice",
    )
    assert made.init(SourceChoice("file", str(tmp_path / "key")))
    yield made
    made.close()


@pytest.fixture
def certificates(keeper: Keeper, clock: SetClock) -> Certificates:
    def fail(words: str, error: BaseException) -> None:
        raise AssertionError(words) from error

    return Certificates(keeper.find_gate, clock, fail)


def test_a_host_has_one_until_it_is_due(certificates: Certificates, clock: SetClock) -> None:
    first = certificates.find(HOST)
    assert first is not None
    assert first.host == HOST
    assert certificates.find(HOST) is first
    clock.move(19 * DAY)
    assert certificates.find(HOST) is first
    clock.move(2 * DAY)
    assert certificates.find(HOST) not in (first, None)


@pytest.mark.parametrize(
    "host",
    [
        "", "example.com", "vault.azure.net", "a.b.vault.azure.net", "-a.vault.azure.net",
        "a-.vault.azure.net", "A.vault.azure.net", "a.vault.azure.net.", "*.vault.azure.net",
        "a_b.vault.azure.net", "x" * 64 + ".vault.azure.net", "a.vault.azure.net\n", "127.0.0.1",
        "a.vault.azure.cn", "a.vault.localhost.example.com", "management.azure.com",
    ],
)  # fmt: skip
def test_no_other_host_has_one(certificates: Certificates, host: str) -> None:
    assert certificates.find(host) is None


@pytest.mark.parametrize("host", ["management.azure.com", "login.microsoftonline.com"])
def test_the_hosts_of_az_have_one_for_those_who_trust_it(
    certificates: Certificates, host: str
) -> None:
    assert certificates.find(host, az=True) is not None
    assert certificates.find(host) is None
    assert certificates.context(az=True) is not certificates.context()


def test_a_locked_home_keeps_what_it_has_and_makes_none(
    certificates: Certificates, keeper: Keeper, clock: SetClock
) -> None:
    kept = certificates.find(HOST)
    keeper.lock()
    assert certificates.find(HOST) is kept
    assert certificates.find("other-vault.vault.azure.net") is None
    # It is shown to the end rather than none at all, and not a day longer.
    clock.move(25 * DAY)
    assert certificates.find(HOST) is kept
    clock.move(6 * DAY)
    assert certificates.find(HOST) is None


def test_there_are_only_so_many(certificates: Certificates, monkeypatch) -> None:
    monkeypatch.setattr(tls, "_MOST", 4)
    first = certificates.find(HOST)
    for number in range(3):
        certificates.find(f"v{number}.vault.azure.net")
        assert certificates.find(HOST) is first
    for number in range(10):
        certificates.find(f"w{number}.vault.azure.net")
    assert len(certificates._made) == 4
    assert certificates.find(HOST) is not first


def test_no_clear_key_is_in_a_file(
    certificates: Certificates, keeper: Keeper, monkeypatch, tmp_path: Path
) -> None:
    certificates.find(HOST)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"PRIVATE KEY-" not in path.read_bytes()
    # Where there are no files in memory, the one that OpenSSL reads is sealed, and gone at once.
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "files"))
    (tmp_path / "files").mkdir()
    seen: list[bytes] = []
    write = tls._write

    def watch(handle: int, data: bytes) -> None:
        seen.append(data)
        write(handle, data)

    monkeypatch.setattr(tls, "_write", watch)
    made = certificates.find("other-vault.vault.azure.net")
    assert made is not None
    assert len(seen) == 1
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in seen[0]
    assert b"BEGIN PRIVATE KEY" not in seen[0]
    assert not list((tmp_path / "files").iterdir())


def test_what_a_listener_speaks(certificates: Certificates) -> None:
    for context in (certificates.context(), certificates.context(az=True), certificates.find(HOST)):
        assert context is not None
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_RENEGOTIATION
        assert context.options & ssl.OP_NO_COMPRESSION
        assert context.num_tickets == 1
