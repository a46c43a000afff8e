"""A project on a desk: a home, its daemon, and the command line as somebody types it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.waiting import LIMIT


class Desk:
    """A project on a desk: a home, a daemon, and the command line."""

    def __init__(self, root: Path) -> None:
        self.project = root / "project"
        self.home = root / "home"
        for folder in (root / "bin", root / "user", self.project):
            folder.mkdir()
        front = root / "bin" / "devvault"
        front.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -m devvault "$@"\n')
        front.chmod(0o755)
        dropped = ("DEVVAULT_", "AZURE_", "IDENTITY_", "MSI_", "PYTHON", "XDG_", "DBUS_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        self.environment = {
            **kept,
            "PATH": f"{root / 'bin'}:{os.environ['PATH']}",
            "HOME": str(root / "user"),
            "DEVVAULT_HOME": str(self.home),
            "DEVVAULT_KEY_SOURCE": "file",
        }

    def do(self, *args: str, code: int | None = 0, given: str = "", **more: str) -> str:
        done = subprocess.run(
            ["devvault", *args],
            cwd=self.project,
            env={**self.environment, **more},
            input=given,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            start_new_session=True,
            check=False,
        )
        assert code is None or done.returncode == code, (args, done.stdout, done.stderr)
        return done.stdout.strip() if not done.returncode else done.stdout + done.stderr

    def run(self, code: str, *args: str, who: str = "", expect: int = 0, **more: str) -> str:
        flags = ["--identity", who] if who else []
        program = [sys.executable, "-c", code, *args]
        return self.do("run", "--no-mask", *flags, "--", *program, code=expect, **more)


def grant(desk: Desk, who: str) -> None:
    scope = desk.do("keyvault", "show", "--name", "my-app-vault", "--query", "id", "-o", "tsv")
    role = ["--role", "Key Vault Secrets User", "--scope", scope]
    desk.do("role", "assignment", "create", "--assignee", who, *role, "-o", "none")
