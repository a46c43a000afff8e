"""`devvault demo`: the main job end to end, in a home that is gone afterwards. Under five seconds.

It types the commands that a user would, shows each, and checks what came of it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from devvault.cli import say
from devvault.client.daemon import stop
from devvault.errors import DevvaultError, Unavailable
from devvault.paths import Home

VAULT = "demo-vault"
_LIMIT = 60.0
_PROGRAM = """\
import os
print("GREETING   =", os.environ["GREETING"])
print("DB_PASSWORD =", os.environ["DB_PASSWORD"])
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.description = (
        "Show the main job in a throw-away home: a secret reaches a program, a leaked copy of it"
        " is refused, the trail tells who read it. Touches nothing of yours, needs no network."
    )
    parser.epilog = "example: devvault demo"


def main(args: argparse.Namespace) -> int:
    """Play it, and leave nothing behind."""
    del args
    folder = Path(tempfile.mkdtemp(prefix="devvault-demo-"))
    demo = _Demo(folder)
    try:
        demo.play()
    finally:
        demo.clear()
    return 0


class _Demo:
    """The throw-away home and project, and what is typed in them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._home = Home(folder / "home")
        self._project = folder / "my-app"
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("DEVVAULT_")
        }
        self._environment: Mapping[str, str] = {**kept, "DEVVAULT_HOME": str(self._home.root)}
        # As its own user would make one; it dies with this process.
        self._value = f"demo-{secrets.token_urlsafe(18)}"

    def play(self) -> None:
        """Type every step.

        Raises:
            Unavailable: a step did not do what it should.
        """
        self._project.mkdir()
        say.line(f"A throw-away home in {self._folder}; nothing of yours is touched.\n")
        say.line("1. A home, a key that dies with it, and a vault.")
        self._type(
            "devvault init --name demo-vault --key-source file",
            [
                "init", "--name", VAULT, "--key-source", "file",
                "--key-file", str(self._folder / "demo.key"), "--no-recovery",
            ],
        )  # fmt: skip
        say.line("2. A secret goes into the vault; .env gets a reference, and a plain setting.")
        self._type(
            "openssl rand -base64 18 | devvault set DB_PASSWORD",
            ["set", "DB_PASSWORD"],
            typed=self._value,
        )
        settings = self._project / ".env"
        with settings.open("a", encoding="utf-8") as file:
            file.write("GREETING=hello\n")
        self._show_file(settings)
        say.line("3. A program gets both, and knows nothing of a vault.")
        program = self._project / "app.py"
        program.write_text(_PROGRAM, encoding="utf-8")
        out = self._type(
            "devvault run -- python app.py",
            ["run", "--no-mask", "--", sys.executable, "-I", str(program)],
        )
        if f"DB_PASSWORD = {self._value}" not in out:
            raise Unavailable("the demo's secret did not reach its program", hint="devvault doctor")
        say.line("4. Somebody pastes that value into a file. The check knows it, and refuses.")
        leaked = self._project / "notes.txt"
        leaked.write_text(f"the password on staging is {self._value}\n", encoding="utf-8")
        out = self._type("devvault check notes.txt", ["check", leaked.name], expected=1)
        if self._value in out:
            raise Unavailable("the check repeated the value it found", hint="devvault doctor")
        say.line("5. Who read what? The trail has every operation, chained and sealed.")
        self._type("devvault audit list --secret DB-PASSWORD", _AUDIT)
        self._type("devvault audit verify", ["audit", "verify"])
        say.line("Next, in a project of your own: devvault init")

    def clear(self) -> None:
        """Stop the daemon and remove every file."""
        with contextlib.suppress(DevvaultError):
            stop(self._home)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _type(
        self, shown: str, words: Sequence[str], *, typed: str | None = None, expected: int = 0
    ) -> str:
        """Run one of our own commands, show what it prints, and return it."""
        say.line(f"\n$ {shown}")
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-m", "devvault", *words],
                cwd=self._project,
                env=self._environment,
                input="" if typed is None else f"{typed}\n",
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"the demo hangs at: {shown}", hint="devvault doctor") from error
        for line in done.stdout.splitlines():
            say.line(f"  {line}")
        if done.returncode != expected:
            raise Unavailable(
                f"the demo failed at: {shown} (exit code {done.returncode})", hint="devvault doctor"
            )
        say.line(f"  (exit code {done.returncode})\n" if expected else "")
        return done.stdout

    def _show_file(self, path: Path) -> None:
        say.line(f"$ cat {path.name}")
        for line in path.read_text(encoding="utf-8").splitlines():
            say.line(f"  {line}")
        say.line("")


_AUDIT = ["audit", "list", "--secret", "DB-PASSWORD"]
