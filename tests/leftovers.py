"""Ends what a run of the tests has left running, and names it: a daemon slows the next tests down.

A home's path says whose it is: it lies in the folder of the test that made it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest


def find_left(folder: Path) -> Iterator[tuple[int, str]]:
    """Yield each process of a home below a folder: its number, and that home (Linux)."""
    mark = b"DEVVAULT_HOME=" + os.fsencode(folder) + b"/"
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for entry in (place / "environ").read_bytes().split(b"\0"):
                if entry.startswith(mark):
                    yield int(place.name), os.fsdecode(entry.partition(b"=")[2])


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """At the end of the whole run; with several workers, of them all."""
    if hasattr(config, "workerinput"):
        return
    for number, home in find_left(config._tmp_path_factory.getbasetemp()):
        terminalreporter.write_line(f"left running, and ended now: process {number} of {home}")
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
