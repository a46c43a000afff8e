"""What the daemon weighs with a thousand secrets."""

import json
from pathlib import Path

from devvault.client.http import Connection, raise_for
from devvault.paths import Home
from tests.bench.measure import Row
from tests.bench.start import installed

SECRETS = 1000
LIMIT = 60.0


def rows() -> list[Row]:
    with installed() as made:
        connection = Connection(Home(made.home))
        for number in range(SECRETS):
            body = json.dumps({"value": f"a value of the usual length, number {number}"}).encode()
            kind = {"Content-Type": "application/json"}
            path = f"/secrets/s{number}?api-version=7.5"
            raise_for(connection.request("PUT", "bench-vault.vault.azure.net", path, kind, body))
            got = connection.request("GET", "bench-vault.vault.azure.net", path)
            raise_for(got)
        made.do("run", "--", "true")
        pid = int(made.do("daemon", "status", "--query", "pid", "-o", "tsv"))
        size, kind_of_size = weight(pid)
    what = f"daemon with {SECRETS:,} secrets, each set and read"
    return [Row(what, f"{size:.1f} MiB {kind_of_size}", "MiB", size, LIMIT)]


def weight(pid: int) -> tuple[float, str]:
    """Return the MiB of a process: PSS, or where only root may see that, RSS, which is no less."""
    for name, word in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            text = Path(f"/proc/{pid}/{name}").read_text(encoding="ascii")
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith(word):
                return int(line.split()[1]) / 1024, word[:-1].removeprefix("Vm").upper()
    raise RuntimeError("this platform does not say how much memory a process has")
