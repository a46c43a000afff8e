"""The plaintext check: the hook on five staged files, a tree, and the values of vaults.

Peers count where they are installed (gitleaks, betterleaks, kingfisher, detect-secrets, on PATH or
in a folder that DEVVAULT_BENCH_PEERS names); else their rows are skipped with the reason. None of
them is told to write a report: gitleaks run as root removes the file that it is to write to.
"""

import os
import random
import shutil
import string
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from devvault.scan.needles import Held
from devvault.scan.values import ValueIndex
from tests.bench.measure import Command, Row, race
from tests.journeys.installed import ROOT, Installed, build_wheel, make_environment, pip

SECRETS = 24
GIT = "git diff --cached"
HOOKS = {
    "gitleaks": ["git", "--pre-commit", "--staged", "--no-banner"],
    "betterleaks": ["git", "--staged", "--no-banner"],
    "kingfisher": ["scan", "--staged", "."],
    "detect-secrets-hook": [],  # and the files
}
TREES = {"gitleaks": ["dir", "--no-banner"], "betterleaks": ["auto", "--no-banner"],
         "kingfisher": ["scan", "--no-validate"]}  # fmt: skip


@contextmanager
def installed():
    """An installed devvault with a vault, and a repository with five staged files of 64 KB."""
    with tempfile.TemporaryDirectory(prefix="dv-bench-") as name:
        folder = Path(name)
        environment = make_environment(folder / "venv")
        pip(sys.executable, "install", "--no-deps", build_wheel(folder / "w"), into=environment)
        # The cold hook starts without `site`, so it reads no .pth: a real installation has this.
        packages = next(environment.glob("lib/python3*/site-packages"))
        library = Path(sysconfig.get_path("purelib")) / "ahocorasick_rs"
        if not (packages / library.name).exists():
            (packages / library.name).symlink_to(library)
        made = Installed(environment, folder)
        made.variables["GIT_CONFIG_NOSYSTEM"] = "1"
        shutil.rmtree(made.project / ".git")
        fill(made.project)
        made.do("init", "--name", "bench-vault", "--key-source", "file", "--key-file", folder / "k")
        for number in range(SECRETS):
            made.do("set", f"KEY_{number}", stdin=drawn(random.Random(number), 32).encode())
        (made.project / "devvault.toml").unlink()
        (made.project / ".env").unlink()
        try:
            yield made
        finally:
            made.run("daemon", "stop")


def drawn(chance, length):
    return "".join(chance.choices(string.ascii_letters + string.digits, k=length))


def fill(project):
    """Commit this project's own sources, then stage five files of them again under other names."""

    def git(*words):
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *who, *words], cwd=project, check=True, stdout=subprocess.DEVNULL)

    git("init", "-q")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "devvault", project / "src", ignore=ignored)
    git("add", "-A")
    git("commit", "-qm", "x")
    sources = sorted((ROOT / "devvault").rglob("*.py"), key=lambda path: path.stat().st_size)
    for number, path in enumerate(sources[-40:-35]):
        text = path.read_text()
        (project / f"new_{number}.py").write_text((text * 4)[:13_000])
    git("add", "-A")


def find_peer(name):
    places = os.environ.get("DEVVAULT_BENCH_PEERS", "") + os.pathsep + os.environ["PATH"]
    return shutil.which(name, path=places)


def rows() -> list[Row]:
    with installed() as made:
        return [*hooks(made), *trees(made), *values()]


def hooks(made: Installed) -> list[Row]:
    staged = sorted(path.name for path in made.project.glob("new_*.py"))
    none = {**made.variables, "DEVVAULT_HOME": str(made.home.parent / "none")}
    hook = [made.front, "check", "--staged"]
    commands = {
        "git": Command(GIT.split(), made.variables, made.project),
        "python": Command([made.python, "-I", "-S", "-c", "pass"], made.variables, made.project),
        "warm": Command(hook, made.variables, made.project),
        "cold": Command(hook, none, made.project),
    }
    missing = []
    for name, words in HOOKS.items():
        program = find_peer(name)
        if program is None:
            missing.append(name)
            continue
        more = staged if name == "detect-secrets-hook" else []
        # Some end with 1 where they raise a false alarm on these files.
        command = ["sh", "-c", '"$@"; true', "sh", program, *words, *more]
        commands[name] = Command(command, made.variables, made.project)
    found = race(commands, 11)
    what = "devvault check --staged, 5 files, 64 KB"
    rows = [
        found.row(f"{what}, daemon warm", "warm", "git", GIT, 3.0),
        found.row("python -I -S, nothing: what any start costs", "python", "git", GIT, None),
    ]
    for name in HOOKS:
        label = f"{what}, cold: no vault, no daemon"
        if name in missing:
            rows.append(Row(label, against=name, skipped=f"{name} is not installed"))
        else:
            rows.append(found.row(label, "cold", name, name, 0.2 if name == "gitleaks" else None))
    return rows


def trees(made: Installed) -> list[Row]:
    """A tree of text: the packages of this environment, at most 50 MB."""
    tree = made.home.parent / "tree"
    size = copy_texts(Path(sysconfig.get_path("purelib")), tree, 50_000_000)
    ours = ["sh", "-c", '"$@"; true', "sh", made.front, "check", tree]
    commands = {"ours": Command(ours, made.variables, made.project)}
    for name, words in TREES.items():
        program = find_peer(name)
        if program is not None:
            command = ["sh", "-c", '"$@"; true', "sh", program, *words, tree]
            commands[name] = Command(command, made.variables, made.project)
    found = race(commands, 3)
    what = f"devvault check, a tree of {size / 1e6:.0f} MB"
    rows = []
    for name in TREES:
        if name not in commands:
            rows.append(Row(what, against=name, skipped=f"{name} is not installed"))
            continue
        speeds = {key: size / 1e6 / found.median(key) for key in ("ours", name)}
        rows.append(
            Row(
                what,
                f"{speeds['ours']:.1f} MB/s",
                f"{name}, {speeds[name]:.1f} MB/s",
                1 / found.ratio("ours", name),
                2.0 if name == "gitleaks" else None,
                at_least=True,
            )
        )
    return rows


def copy_texts(source, target, most):
    size = 0
    for number, path in enumerate(sorted(source.rglob("*.py"))):
        data = path.read_bytes()
        size += len(data)
        if size > most:
            return size - len(data)
        place = target / str(number % 100)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}_{path.name}").write_bytes(data)
    return size


def values() -> list[Row]:
    texts = [path.read_bytes() for path in sorted((ROOT / "devvault").rglob("*.py"))]
    size = sum(map(len, texts))
    rows = []
    for count in (24, 2_000, 20_000):
        chance = random.Random(count)
        held = [Held(drawn(chance, 32), "kv", f"s{n}", "v") for n in range(count)]
        start = time.perf_counter()
        index = ValueIndex(held)
        made = time.perf_counter() - start
        start = time.perf_counter()
        for text in texts:
            index.places(text)
        speed = size / 1e6 / (time.perf_counter() - start)
        rows.append(
            Row(f"{count} values of vaults, in every disguise", f"{speed:.1f} MB/s",
                f"made ready in {made:.2f} s")
        )  # fmt: skip
    return rows
