"""What a bench module needs: rows, and commands measured in turns."""

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One line of the table. `ratio` is the figure over its peer's, or a plain number."""

    what: str
    figure: str = ""
    against: str = ""
    ratio: float | None = None
    bound: float | None = None
    at_least: bool = False
    skipped: str = ""

    @property
    def verdict(self) -> str:
        if self.skipped:
            return f"skipped: {self.skipped}"
        if self.bound is None or self.ratio is None:
            return ""
        good = self.ratio >= self.bound if self.at_least else self.ratio <= self.bound
        return "ok" if good else "MISSED"


@dataclass(frozen=True)
class Command:
    """One command of a race. `before` runs untimed before each round's start of it."""

    args: Sequence[str | Path]
    env: Mapping[str, str]
    cwd: Path
    before: Callable[[], object] | None = None


@dataclass
class Race:
    """Times of commands that took turns."""

    times: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        return statistics.median(self.times[name])

    def ratio(self, name: str, base: str) -> float:
        pairs = zip(self.times[name], self.times[base], strict=True)
        return statistics.median(mine / other for mine, other in pairs)

    def row(self, what: str, name: str, base: str, against: str, bound: float | None) -> Row:
        figure = f"{self.median(name) * 1000:.1f} ms"
        peer = f"{against}, {self.median(base) * 1000:.1f} ms"
        return Row(what, figure, peer, self.ratio(name, base), bound)


def race(commands: Mapping[str, Command], rounds: int) -> Race:
    """Run the commands in turns; the order turns too, so that none always follows the same one."""
    found = Race({name: [] for name in commands})
    names = list(commands)
    for number in range(rounds + 2):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            command = commands[name]
            if command.before is not None:
                command.before()
            args = [str(part) for part in command.args]
            start = time.perf_counter()
            done = subprocess.run(
                args,
                env=dict(command.env),
                cwd=command.cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            spent = time.perf_counter() - start
            if done.returncode != 0:
                raise RuntimeError(f"{args[0]} ended with {done.returncode}: {done.stderr!r}")
            if number >= 2:  # the first two only warm the caches
                found.times[name].append(spent)
    return found
