"""What a program pays for `import devvault`."""

import statistics
import subprocess
import sys
from pathlib import Path

from tests.bench.measure import Row

ROOT = Path(__file__).resolve().parents[2]
PROBE = """
import sys, time
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
start = time.perf_counter()
import devvault
spent = time.perf_counter() - start
print(spent, len(set(sys.modules) - before))
"""


def rows() -> list[Row]:
    times = []
    modules = set()
    for _ in range(15):
        done = subprocess.run(
            [sys.executable, "-I", "-c", PROBE, str(ROOT)],
            capture_output=True,
            text=True,
            check=True,
        )
        spent, count = done.stdout.split()
        times.append(float(spent) * 1000)
        modules.add(int(count))
    median = statistics.median(times)
    return [
        Row("import devvault", f"{median:.2f} ms", "milliseconds", median, 2.0),
        Row("import devvault", f"{max(modules)} module", "modules added", max(modules), 1.0),
    ]
