from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devvault.clock import SetClock
from devvault.paths import Home
from devvault.sealing.keyfile import KeyFile
from devvault.store.sqlite import open_store
from devvault.vault.keeper import Keeper
from devvault.vault.opened import SourceChoice
from devvault.vault.vaults import VaultSpec, create_vault
from tests.server.listening import Front
from tests.server.planes import Azure

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    """A home with the group `devvault` and the vault `my-vault`, and its developer's client."""
    clock = SetClock(START)
    keeper = Keeper(
        Home(tmp_path / "home"),
        open_store,
        lambda choice: KeyFile(Path(choice.path)),
        clock,
        user="alice",
    )
    assert keeper.init(SourceChoice("file", str(tmp_path / "key")))
    create_vault(keeper.gate, keeper.developer, VaultSpec("my-vault", "devvault"))
    yield Azure(keeper, clock)
    keeper.close()


@pytest.fixture
def front(azure: Azure) -> Iterator[Front]:
    """The app of that home, as its listeners reach it."""
    made = Front(azure)
    yield made
    made.close()
