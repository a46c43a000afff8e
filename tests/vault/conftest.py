"""A real home in a temporary folder: SQLite, a key file, and a clock that is set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devvault.access.principals import Caller
from devvault.clock import SetClock
from devvault.paths import Home
from devvault.sealing.base import KeySource
from devvault.sealing.keyfile import KeyFile
from devvault.sealing.passphrase import Passphrase
from devvault.store.sqlite import open_store
from devvault.vault.gate import Gate
from devvault.vault.keeper import Keeper
from devvault.vault.opened import SourceChoice
from devvault.vault.vaults import VaultSpec, create_vault

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
STRANGER = Caller(
    "11111111-1111-4111-8111-111111111111",
    "22222222-2222-4222-8222-222222222222",
    "33333333-3333-4333-8333-333333333333",
    "stranger",
    kind="ServicePrincipal",
)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(START)


@pytest.fixture
def make_keeper(tmp_path: Path, clock: SetClock) -> Iterator[Callable[..., Keeper]]:
    made: list[Keeper] = []

    def make_source(choice: SourceChoice) -> KeySource:
        if choice.name == "passphrase":
            return Passphrase(tmp_path / "state", choice.passphrase)
        return KeyFile(Path(choice.path))

    def make(root: Path | None = None) -> Keeper:
        keeper = Keeper(
            Home(root or tmp_path / "home"), open_store, make_source, clock, user="alice"
        )
        made.append(keeper)
        return keeper

    yield make
    for keeper in made:
        keeper.close()


@pytest.fixture
def choice(tmp_path: Path) -> SourceChoice:
    return SourceChoice("file", str(tmp_path / "key"))


@pytest.fixture
def keeper(make_keeper: Callable[..., Keeper], choice: SourceChoice) -> Keeper:
    keeper = make_keeper()
    assert keeper.init(choice)
    create_vault(keeper.gate, keeper.developer, VaultSpec("my-vault", "devvault"))
    return keeper


@pytest.fixture
def gate(keeper: Keeper) -> Gate:
    return keeper.gate


@pytest.fixture
def alice(keeper: Keeper) -> Caller:
    return keeper.developer
