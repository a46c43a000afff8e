"""What the pytest plugin costs: a run with a vault for each of 50 tests, against a run with one."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.measure import Row

MANY = 50
ROUNDS = 5
TEST = """
import pytest

@pytest.mark.devvault_secrets({{"a-secret": "value"}})
@pytest.mark.parametrize("number", range({count}))
def test_vault(devvault_vault, devvault_env, number):
    from devvault import resolve
    assert resolve(devvault_vault.reference("a-secret")) == "value"
"""
COMMAND = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:

        def spent(count: int) -> float:
            path = Path(folder) / f"test_{count}.py"
            path.write_text(TEST.format(count=count))
            start = time.perf_counter()
            subprocess.run([*COMMAND, path.name], cwd=folder, check=True, stdout=subprocess.DEVNULL)
            return time.perf_counter() - start

        pairs = [(spent(1), spent(MANY)) for _ in range(ROUNDS)]
    one, many = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    what = f"pytest, a vault of its own for each of {MANY} tests"
    return [Row(what, f"{many:.2f} s", f"for one test, {one:.2f} s", ratio, 10.0)]
