"""Would git track this file? Values must not come to rest where the next commit picks them up."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from devvault.errors import WrongUse

# A repository's own configuration must not make git start anything for us.
_GIT = (
    "git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
    "-c", "safe.bareRepository=explicit",
)  # fmt: skip
_PATIENCE = 30


def check_untracked(path: Path) -> None:
    """Refuse a file in a git work tree unless git ignores it.

    Raises:
        WrongUse: git tracks the file or would; or it cannot be asked.
    """
    parent = path.parent.resolve()
    name = path.name
    if not any(os.path.lexists(at / ".git") for at in (parent, *parent.parents)):
        return
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    command = [*_GIT, "-C", str(parent), "check-ignore", "-q", "--", f"./{name}"]
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WrongUse(
            f"{path} lies in a git work tree, and git cannot be asked whether it ignores it",
            hint="apt install git",
        ) from error
    if done.returncode == 1:
        raise WrongUse(
            f"{path} lies in a git work tree that does not ignore it: the next commit might hold"
            " the values",
            hint=shlex.join(["echo", f"/{name}"]) + f" >> {shlex.quote(f'{parent}/.gitignore')}",
        )
    if done.returncode:
        raise WrongUse(
            f"{path} lies in a git work tree, and git cannot tell whether it ignores it",
            hint=shlex.join(["git", "-C", str(parent), "check-ignore", "-v", "--", name]),
        )
