"""From a new version in the vault to the program that uses it: library and restarted child."""

import os
import select
import statistics
import subprocess
import time

from tests.bench.measure import Row
from tests.bench.start import installed

ROUNDS = 9
PROMISED = 2.0  # seconds
LIMIT = 30.0
LIBRARY = """
import sys
from devvault import load_settings
settings = load_settings()
settings.watch(lambda names: print(settings["KEY_0"], flush=True))
print(settings["KEY_0"], flush=True)
sys.stdin.read()
"""
CHILD = "echo $KEY_0; exec sleep 1000"


def rows() -> list[Row]:
    with installed() as made:
        program = [made.python, "-c", LIBRARY]
        child = [made.front, "run", "--no-mask", "--no-connect", "--watch", "--", "sh", "-c", CHILD]
        found = []
        for what, command in (
            ("a new version reaches settings.watch()", program),
            ("a new version reaches a child of run --watch", child),
        ):
            spent = statistics.median(_times(made, command))
            ratio = spent / PROMISED
            against = f"the promise, {PROMISED:g} s"
            found.append(Row(what, f"{spent * 1000:.0f} ms", against, ratio, 1.0))
        return found


def _times(made, command: list[object]) -> list[float]:
    process = subprocess.Popen(
        [str(part) for part in command],
        env=made.variables,
        cwd=made.project,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        start_new_session=True,
    )
    try:
        _until(process, "")
        spent = []
        for number in range(ROUNDS):
            value = f"version-{number}-{process.pid}"
            words = ["keyvault", "secret", "set", "--vault-name", "bench-vault", "--name", "KEY-0"]
            made.do(*words, "--value", "-", "-o", "none", stdin=value.encode())
            start = time.perf_counter()
            _until(process, value)
            spent.append(time.perf_counter() - start)
        return spent
    finally:
        os.killpg(process.pid, 9)
        process.wait()
        process.stdin.close()
        process.stdout.close()


def _until(process, value: str) -> None:
    """Read lines until one is this value; any line where it is ""."""
    said = b""
    while not said.endswith(b"\n") or (value and said.splitlines()[-1].decode() != value):
        assert select.select([process.stdout], [], [], LIMIT)[0], said
        piece = os.read(process.stdout.fileno(), 4096)
        assert piece, said
        said += piece
