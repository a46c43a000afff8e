"""What masking costs: at the start of a program, and for each byte that it writes."""

import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tests.bench.measure import Row
from tests.bench.start import BARE, SECRETS, installed

SIZE = 1_000_000_000
ROUNDS = 41
KINDS = {
    "zeros": lambda _: b"\0",
    "lines of text": lambda n: (
        b"2026-01-02T03:04:%02d INFO [worker-%d] GET /users/%d 200 %d\n"
        % (n % 60, n % 16, n * 7919, n * 31)
    ),
    "random bytes": lambda _: os.urandom(4096),
}


def rows() -> list[Row]:
    with installed() as made:
        return [*starts(made), *floods(made)]


def starts(made) -> list[Row]:
    """Time starts whose stdout is a pipe; both kinds and the bare interpreter take turns."""
    commands = {
        "bare": [made.python, "-c", "pass"],
        "plain": [made.front, "run", "--no-mask", "--", "true"],
        "masked": [made.front, "run", "--", "true"],
        "plain printing": [made.front, "run", "--no-mask", "--", "printenv", "KEY_1"],
        "masked printing": [made.front, "run", "--", "printenv", "KEY_1"],
    }
    made.do("run", "--", "true")
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(ROUNDS + 2):
        for name, command in commands.items():
            spent = piped(command, made)
            if number >= 2:
                times[name].append(spent)
    medians = {name: statistics.median(found) for name, found in times.items()}

    def ratio(name: str, less: str = "") -> float:
        zero = [0.0] * ROUNDS
        parts = zip(times[name], times[less] if less else zero, times["bare"], strict=True)
        return statistics.median((mine - other) / bare for mine, other, bare in parts)

    def row(what: str, name: str, value: float, bound: float | None) -> Row:
        peer = f"{BARE}, {medians['bare'] * 1000:.1f} ms"
        return Row(what, f"{medians[name] * 1000:.1f} ms", peer, value, bound)

    what = f"devvault run -- true, masked, {SECRETS} references, warm"
    return [
        row(what, "masked", ratio("masked"), 1.1),
        row("... over the same without masking", "masked", ratio("masked", "plain"), 0.15),
        row(
            "... for a program that prints a value",
            "masked printing",
            ratio("masked printing", "plain printing"),
            None,
        ),
    ]


def piped(command, made) -> float:
    start = time.perf_counter()
    done = subprocess.run(
        [str(part) for part in command],
        env=made.variables,
        cwd=made.project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    spent = time.perf_counter() - start
    if done.returncode != 0:
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr!r}")
    return spent


def floods(made) -> list[Row]:
    """Send a gigabyte through us and through `cat`: `cat FILE | cat | reader` is the peer."""
    found = []
    with tempfile.TemporaryDirectory(prefix="dv-flood-", dir=shared()) as name:
        path = Path(name) / "data"
        for kind, make in KINDS.items():
            block = b"".join(make(number) for number in range(65536))[: 1 << 26]
            block *= (1 << 26) // len(block)
            with path.open("wb") as file:
                for at in range(0, SIZE, len(block)):
                    file.write(block[: SIZE - at])
            ours, others = [], []
            for _ in range(3):
                others.append(flood(made, 'cat "$1" | cat | cat >/dev/null', path))
                ours.append(flood(made, '"$2" run -- cat "$1" | cat >/dev/null', path))
            ratio = statistics.median(b / a for a, b in zip(ours, others, strict=True))
            rate = SIZE / statistics.median(ours) / 1e6
            peer = f"one more cat in the pipe, {SIZE / statistics.median(others) / 1e6:.0f} MB/s"
            what = f"1 GB of {kind} through the mask, {SECRETS} values"
            found.append(Row(what, f"{rate:.0f} MB/s", peer, ratio, 0.7, at_least=True))
    return found


def shared() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def flood(made, script: str, path: Path) -> float:
    start = time.perf_counter()
    subprocess.run(
        ["sh", "-c", script, "sh", str(path), str(made.front)],
        env=made.variables,
        cwd=made.project,
        check=True,
    )
    return time.perf_counter() - start
