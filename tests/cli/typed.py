"""A project folder, a home with a vault, and a way to type verbs there, without a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import LIMIT


@dataclass(frozen=True)
class Done:
    code: int
    out: bytes
    err: str


class Typed:
    """Types verbs in a project of its own; `stop` ends the daemon."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.project = root / "project"
        for name in ("project", "user"):
            (root / name).mkdir()
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DEVVAULT_", "GIT_", "PYTHON", "XDG_", "DBUS_"))
        }
        self.environment = {
            **kept,
            "HOME": str(root / "user"),
            "DEVVAULT_HOME": str(root / "home"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "LC_ALL": "C.UTF-8",
        }

    def __call__(
        self, *words: str, typed: bytes = b"", before: str = "", **environment: str
    ) -> Done:
        """Type a verb; `before` is shell code that comes first."""
        whole = [sys.executable, "-I", "-m", "devvault", *words]
        done = subprocess.run(
            ["sh", "-c", f'{before}exec "$@"', "sh", *whole] if before else whole,
            cwd=self.project,
            env={**self.environment, **environment},
            input=typed,
            capture_output=True,
            start_new_session=True,
            timeout=LIMIT,
        )
        return Done(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))

    def init(self, vault: str = "my-app-vault") -> None:
        key = str(self.root / "key")
        done = self("init", "--key-source", "file", "--key-file", key, "--name", vault)
        assert done.code == 0, done.err

    def settings(self, *flags: str) -> dict[str, str]:
        """Return the environment of a program that `run` starts, less what was there before."""
        done = self("run", *flags, "--no-mask", "--", "env", "-0")
        assert done.code == 0, done.err
        pairs = (item.partition(b"=") for item in done.out.split(b"\0") if item)
        found = {name.decode(): value.decode() for name, _, value in pairs}
        return {name: v for name, v in found.items() if self.environment.get(name) != v}

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        done = subprocess.run(
            ["git", *who, *words],
            cwd=self.project,
            env=self.environment,
            check=True,
            capture_output=True,
        )
        return done.stdout.decode()

    def stop(self) -> None:
        self("daemon", "stop")
