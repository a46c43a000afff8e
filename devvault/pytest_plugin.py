"""pytest fixtures: a vault for each test, Azure's SDKs connected to it; `devvault help testing`.

pytest loads this file in every run of every project that has devvault installed, so it imports
nothing but pytest; a test that asks for a fixture pays for the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

MARKER = "devvault_secrets"

if TYPE_CHECKING:
    from pathlib import Path

    from devvault.testing.home import TestHome
    from devvault.testing.vault import TestVault


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, for `--strict-markers`."""
    words = "devvault_secrets(secrets, **more): what the test's `devvault_vault` holds, by name"
    config.addinivalue_line("markers", words)


@pytest.fixture(scope="session")
def devvault_home() -> Iterator[TestHome]:
    """A home with a daemon of its own, one for each worker of xdist; gone at the end."""
    from devvault.errors import DevvaultError
    from devvault.testing.home import open_home, told

    with ExitStack() as ends:
        try:
            home = ends.enter_context(open_home())
        except DevvaultError as error:
            pytest.fail(told(error), pytrace=False)
        yield home


@pytest.fixture
def devvault_vault(request: pytest.FixtureRequest, devvault_home: TestHome) -> Iterator[TestVault]:
    """A vault of this test's own, with what `devvault_secrets` marks say, outermost first.

    A parameter by way of `indirect` is a mapping of secrets too.
    """
    from devvault.errors import DevvaultError
    from devvault.testing.home import told

    with ExitStack() as ends:
        try:
            vault = ends.enter_context(devvault_home.open_vault(_secrets(request)))
        except DevvaultError as error:
            pytest.fail(told(error), pytrace=False)
        yield vault


@pytest.fixture
def devvault_env(
    devvault_vault: TestVault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Mapping[str, str]:
    """Connect this process, for one test: the variables that `devvault run` would set.

    They are returned too, for a child's environment. Who asks is the vault's own identity;
    references resolve in the working folder and in `tmp_path`.
    """
    from pathlib import Path

    for folder in (Path.cwd(), tmp_path):
        devvault_vault.allow(folder)
    for name in devvault_vault.removed:
        monkeypatch.delenv(name, raising=False)
    for name, value in devvault_vault.variables.items():
        monkeypatch.setenv(name, value)
    return devvault_vault.variables


def _secrets(request: pytest.FixtureRequest) -> dict[str, str]:
    found: dict[str, str] = {}
    for mark in reversed(list(request.node.iter_markers(MARKER))):
        for given in mark.args:
            found.update(given)
        found.update(mark.kwargs)
    found.update(getattr(request, "param", None) or {})
    return found
