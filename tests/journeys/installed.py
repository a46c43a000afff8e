"""devvault as a user has it: built into a wheel, put into a virtual environment by a real pip.

What devvault depends on comes from the environment that runs the tests, so nothing is fetched.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.waiting import LIMIT

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("devvault", "scripts", "templates", "LICENSE", "README.md", "pyproject.toml")
OWN = ("devvault", "__editable__", "_editable_impl", "_devvault")


def copy_source(folder: Path) -> Path:
    """Copy what a wheel is built from, so that no build touches the tree at hand."""
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    return folder


def build_wheel(folder: Path) -> Path:
    """Build the wheel and return its path."""
    source = copy_source(folder / "source")
    pip(sys.executable, "wheel", "--no-deps", "-w", str(folder / "dist"), str(source))
    return next((folder / "dist").glob("devvault-*.whl"))


def make_environment(folder: Path, *, with_pip: bool = False) -> Path:
    """Make a virtual environment that sees our dependencies, but never this tree's devvault."""
    command = [sys.executable, "-m", "venv", str(folder)]
    subprocess.run(command if with_pip else [*command, "--without-pip"], check=True)
    packages = next(folder.glob("lib/python3*/site-packages"))
    shared = folder / "dependencies"
    shared.mkdir()
    for item in Path(sysconfig.get_path("purelib")).iterdir():
        if item.name.startswith(OWN) or item.suffix == ".pth" or item.name.startswith("pip"):
            continue
        (shared / item.name).symlink_to(item)
    (packages / "dependencies.pth").write_text(f"{shared}\n")
    # What the fast path loads stands where pip would have put it: that path reads no .pth file.
    for item in shared.glob("ahocorasick_rs*"):
        (packages / item.name).symlink_to(item)
    return folder


def pip(python: str | Path, *args: str, into: Path | None = None) -> None:
    """Run an environment's pip, offline; `into` lets it install into another environment."""
    where = [] if into is None else ["--python", str(into / "bin" / "python")]
    command = [str(python), "-m", "pip", *where, *args, "--no-build-isolation", "--no-index", "-q"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
    done = subprocess.run(
        [*command, "--disable-pip-version-check"],
        env=environment | {"PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        timeout=3 * LIMIT,
    )
    assert done.returncode == 0, done.stderr


class Installed:
    """An installed devvault, a home of its own, and a project with one secret in it."""

    def __init__(self, environment: Path, folder: Path) -> None:
        self.environment = environment
        self.front = environment / "bin" / "devvault"
        self.python = environment / "bin" / "python"
        self.home = folder / "home"
        self.project = folder / "project"
        (self.project / ".git").mkdir(parents=True)
        self.variables = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "DEVVAULT_HOME": str(self.home),
        }

    def run(self, *args, front=None, cwd=None, env=None, stdin=b"", only=None):
        """Run the front; `env` adds to a small environment, `only` replaces it."""
        return subprocess.run(
            [str(part) for part in [*(front or [self.front]), *args]],
            cwd=cwd or self.project,
            env=only if only is not None else {**self.variables, **(env or {})},
            input=stdin,
            capture_output=True,
            timeout=LIMIT,
        )

    def do(self, *args, **options):
        """As `run`, and see that it went well; return its stdout."""
        done = self.run(*args, **options)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def init(self):
        """Make the home and the secret that DB refers to."""
        key = self.home.parent / "key"
        self.do("init", "--name", "front-vault", "--key-source", "file", "--key-file", key)
        self.do("set", "DB", stdin=b"correct horse")
        return self
