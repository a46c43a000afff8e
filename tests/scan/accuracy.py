"""How well the engine and its peers do on the corpora: found, alarms, precision, recall, F1.

`python -m tests.scan.accuracy` prints ours; with `--peers FOLDER`, where the folder holds the
peers' programs (gitleaks, betterleaks, kingfisher, detect-secrets), theirs beside it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from devvault.scan.engine import Engine
from devvault.scan.sources import from_bytes
from tests.scan import corpus, holdout, stranger

SETS = {"corpus": corpus.files, "hold-out": holdout.files, "stranger": stranger.files}


@dataclass
class Score:
    """What a scanner did on one set."""

    found: Counter[str] = field(default_factory=Counter)
    of: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        return self.found.total() / self.of.total()

    @property
    def precision(self) -> float:
        said = self.found.total() + self.alarms.total()
        return self.found.total() / said if said else 1.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def score(files: Iterable[corpus.File], said: dict[str, set[int]]) -> Score:
    """Compare the lines that a scanner named with the labels; without one a line is an alarm."""
    result = Score()
    for file in files:
        lines = said.get(file.name, set())
        for line, kind in file.secrets.items():
            result.of[kind] += 1
            if line in lines:
                result.found[kind] += 1
            else:
                result.missed.append(f"{file.name}:{line} {kind}: {file.lines[line - 1].strip()}")
        for line in lines - set(file.secrets):
            kind = file.harmless.get(line, "other")
            result.alarms[kind] += 1
            result.wrong.append(f"{file.name}:{line} {kind}: {file.lines[line - 1].strip()}")
    return result


def ours(files: Iterable[corpus.File]) -> dict[str, set[int]]:
    """Return the lines that our engine names."""
    engine = Engine()
    said: dict[str, set[int]] = defaultdict(set)
    for file in files:
        for finding in engine.scan(from_bytes(file.name, file.text.encode())):
            said[file.name].add(finding.line)
    return said


def peer(name: str, program: Path, files: list[corpus.File]) -> dict[str, set[int]]:
    """Run another scanner over the files, and return the lines that it names."""
    said: dict[str, set[int]] = defaultdict(set)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as aside:
        tree = Path(folder)
        out = Path(aside) / "report.json"
        for file in files:
            path = tree / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text, encoding="utf-8")
        if name == "gitleaks":
            command = [program, "dir", "-f", "json", "-r", out, "--exit-code", "0", "--no-banner"]
            subprocess.run([*command, tree], check=True, capture_output=True, timeout=600)
            found = json.loads(out.read_text() or "[]")
            places = [(one["File"], one["StartLine"], one.get("EndLine", 0)) for one in found]
        elif name == "betterleaks":
            command = [program, "--no-banner", "-s", "--exit-code", "0", "-o", out, tree]
            subprocess.run(command, check=True, capture_output=True, timeout=600)
            found = [one["location"] for one in json.loads(out.read_text())["findings"]]
            places = [(one["path"], one["start_line"], one["end_line"]) for one in found]
        elif name == "kingfisher":
            command = [
                program,
                "scan",
                tree,
                "--format",
                "json",
                "--no-validate",
                "--no-update-check",
                "--output",
                out,
                "--confidence",
                "low",
            ]
            subprocess.run(command, check=False, capture_output=True, timeout=600)
            report = json.loads(out.read_text() or "{}")
            places = []
            for one in report.get("findings", report if isinstance(report, list) else []):
                inside = one.get("finding", one)
                places.append((inside["path"], inside["line"], inside["line"]))
        else:
            done = subprocess.run(
                [program, "scan", "--all-files", "."],
                cwd=tree,
                check=True,
                capture_output=True,
                timeout=600,
            )
            report = json.loads(done.stdout)
            places = [
                (p, one["line_number"], one["line_number"])
                for p, some in report["results"].items()
                for one in some
            ]
        for path, first, last in places:
            inside = Path(path)
            name_in = str(inside.relative_to(tree)) if inside.is_absolute() else str(inside)
            said[name_in] |= set(range(first, min(max(first, last), first + 3) + 1))
    # A finding of several lines counts where it begins, or where the label stands in it.
    return said


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--set", choices=sorted(SETS), action="append")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="show each miss and each alarm")
    chosen = parser.parse_args()
    for name in chosen.set or SETS:
        files = list(SETS[name](chosen.seed))
        secrets = sum(len(file.secrets) for file in files)
        harmless = sum(len(file.harmless) for file in files)
        print(f"\n{name}: {len(files)} files, {secrets} secrets, {harmless} hard negatives")
        results = {"devvault": score(files, ours(files))}
        for other in ("betterleaks", "gitleaks", "kingfisher", "detect-secrets"):
            if chosen.peers and (chosen.peers / other).exists():
                results[other] = score(files, peer(other, chosen.peers / other, files))
        for who, result in results.items():
            print(
                f"| {who} | {result.found.total()} | {result.alarms.total()} "
                f"| {result.precision:.3f} "
                f"| {result.recall:.3f} | {result.f1:.3f} |"
            )
        kinds = sorted(results["devvault"].of)
        for kind in kinds:
            cells = " | ".join(str(result.found[kind]) for result in results.values())
            print(f"| {kind} | {results['devvault'].of[kind]} | {cells} |")
        for kind in sorted(set().union(*(result.alarms for result in results.values()))):
            cells = " | ".join(str(result.alarms[kind]) for result in results.values())
            print(f"| alarm: {kind} | {cells} |")
        if chosen.show:
            print(
                "\n".join(
                    ["missed", *results["devvault"].missed, "wrong", *results["devvault"].wrong]
                )
            )


if __name__ == "__main__":
    main()
