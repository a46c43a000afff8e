"""What an app pays for asking itself: 100 references against one, and beside a peer's import."""

import importlib.util
import statistics
import subprocess

from tests.bench.measure import Row
from tests.bench.start import installed

MANY = 100
ROUNDS = 15
LOAD = """
import statistics, sys, time
from pathlib import Path
from devvault import load_settings

def spent(folder):
    start = time.perf_counter()
    found = load_settings(folder=folder)
    spent = time.perf_counter() - start
    assert found["KEY_0"] == "value number 0"
    return spent

one, many = Path(sys.argv[1]), Path(sys.argv[2])
for _ in range(3):
    spent(one), spent(many)
pairs = [(spent(one), spent(many)) for _ in range(41)]
print(statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs),
      statistics.median(b / a for a, b in pairs))
"""
RESOLVE = """
import sys, time
start = time.perf_counter()
from devvault import resolve
assert resolve("@Microsoft.KeyVault(VaultName=bench-vault;SecretName=KEY-0)") == "value number 0"
print(time.perf_counter() - start)
"""
CHAIN = """
import sys, time
start = time.perf_counter()
from devvault import DefaultVaultChain
chain = DefaultVaultChain()
assert chain.get("@Microsoft.KeyVault(VaultName=bench-vault;SecretName=KEY-0)") == "value number 0"
print(time.perf_counter() - start)
"""
DECIDE = """
import statistics, sys, time
from devvault import DefaultVaultChain

def spent():
    start = time.perf_counter()
    DefaultVaultChain()
    return time.perf_counter() - start

print(statistics.median(spent() for _ in range(201)))
"""
PEER = """
import time
start = time.perf_counter()
import azure.identity
print(time.perf_counter() - start)
"""
NO_PEER = "azure-identity is not installed"


def rows() -> list[Row]:
    with installed() as made:
        reference = "@Microsoft.KeyVault(VaultName=bench-vault;SecretName=KEY-{})"
        folders = []
        for count in (1, MANY):
            folder = made.home.parent / f"of-{count}"
            folder.mkdir()
            lines = [f"KEY_{number}={reference.format(number % 10)}\n" for number in range(count)]
            (folder / ".env").write_text("".join(lines))
            made.do("allow", "bench-vault", cwd=folder)
            folders.append(folder)

        def ask(code, *args):
            done = subprocess.run(
                [made.python, "-c", code, *map(str, args)],
                env=made.variables,
                cwd=made.project,
                capture_output=True,
                text=True,
                check=True,
            )
            return [float(word) for word in done.stdout.split()]

        one, many, ratio = ask(LOAD, *folders)
        resolves, chains, peers = [], [], []
        (decided,) = ask(DECIDE)
        has_peer = importlib.util.find_spec("azure") and importlib.util.find_spec("azure.identity")
        for _ in range(ROUNDS):
            resolves += ask(RESOLVE)
            chains += ask(CHAIN)
            peers += ask(PEER) if has_peer else []
    what = f"load_settings() of {MANY} references, daemon warm"
    against = f"of one, {one * 1000:.1f} ms"
    found = [
        Row(what, f"{many * 1000:.1f} ms", against, ratio, 3.0),
        Row("the chain's decision, local", f"{decided * 1000:.2f} ms", "1 ms", decided * 1000, 1.0),
    ]
    imported = "from devvault import resolve; resolve(REFERENCE)"
    chained = "from devvault import DefaultVaultChain; DefaultVaultChain().get(REFERENCE)"
    if not peers:
        return [*found, *(Row(one, skipped=NO_PEER) for one in (what, imported, chained))]
    peer = statistics.median(peers)
    against = f"import azure.identity, {peer * 1000:.0f} ms"
    mine = statistics.median(resolves)
    ratio = statistics.median(a / b for a, b in zip(resolves, peers, strict=True))
    other = statistics.median(a / b for a, b in zip(chains, peers, strict=True))
    return [
        *found,
        Row(what, f"{many * 1000:.1f} ms", against, many / peer, 0.15),
        Row(imported, f"{mine * 1000:.1f} ms", against, ratio, 0.15),
        Row(chained, f"{statistics.median(chains) * 1000:.1f} ms", against, other, 0.25),
    ]
