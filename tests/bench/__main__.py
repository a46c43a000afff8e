"""`python -m tests.bench [ROW MODULE...]`: every module beside this one that has `rows()`.

Ends with 1 where a bound is missed. Figures are medians of rounds in which all commands of a row
take turns; a ratio is the median of the ratios of each round. Absolute times are for orientation.
"""

import importlib
import os
import platform
import sys
from pathlib import Path

from tests.bench.measure import Row

HERE = Path(__file__).parent
NOT_ROWS = {"__init__", "__main__", "https_stub", "measure"}


def main(wanted: list[str]) -> int:
    names = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NOT_ROWS)
    found: list[Row] = []
    for name in names:
        if wanted and name not in wanted:
            continue
        module = importlib.import_module(f"tests.bench.{name}")
        print(f"bench: {name} ...", file=sys.stderr, flush=True)
        found += module.rows()
    print(table(found))
    return 1 if any(row.verdict == "MISSED" for row in found) else 0


def table(rows: list[Row]) -> str:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    lines = [
        f"{python}, {machine}, load {os.getloadavg()[0]:.1f}",
        "",
        "| what | figure | against | ratio | bound | |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        bound = "" if row.bound is None else f"{'>=' if row.at_least else '<='} {row.bound:g}"
        lines.append(
            f"| {row.what} | {row.figure} | {row.against} | {ratio} | {bound} | {row.verdict} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
