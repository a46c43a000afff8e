"""`devvault check --install`: git's own hooks, without the pre-commit framework.

A hook that is there already is kept and runs after ours. Hooks that other repositories share, or
that another tool writes, are left alone: the words say what to put there by hand.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from devvault.cli import say
from devvault.errors import Conflict, NotFound, Unavailable, WrongUse
from devvault.scan.repository import find_top, git

HOOKS = ("pre-commit", "pre-push")
MARK = "# Written by `devvault check --install`; `devvault check --uninstall` takes it out."
_BEFORE = ".before-devvault"


def install(here: Path) -> int:
    """Put our hooks into the repository around us; safe to repeat.

    Raises:
        WrongUse: there is no repository, or its hooks belong to others too.
        Conflict: there is a hook that we would have to write over.
    """
    top, folder = _places(here)
    folder.mkdir(parents=True, exist_ok=True)
    for name in HOOKS:
        path, before = folder / name, folder / f"{name}{_BEFORE}"
        if os.path.lexists(path) and not _is_ours(path):
            if os.path.lexists(before):
                raise Conflict(
                    f"{path} and {before.name} are both there, and neither is written over",
                    hint=f"put one of them elsewhere, then: devvault check --install ({before})",
                )
            path.rename(before)
        _write(path, _script(name))
        chained = f"; then {before.name}" if os.path.lexists(before) else ""
        say.tell(f"{_shown(path, top)}: runs devvault check{chained}")
    return 0


def uninstall(here: Path) -> int:
    """Take our hooks out, and put back what was there before.

    Raises:
        NotFound: none of them is ours.
    """
    top, folder = _places(here)
    done = 0
    for name in HOOKS:
        path, before = folder / name, folder / f"{name}{_BEFORE}"
        if not _is_ours(path):
            continue
        if os.path.lexists(before):
            before.replace(path)
            say.tell(f"{_shown(path, top)}: as it was before")
        else:
            path.unlink()
            say.tell(f"{_shown(path, top)}: removed")
        done += 1
    if not done:
        raise NotFound("no hook here is ours", code="NoHook", hint="devvault check --install")
    return 0


def _places(here: Path) -> tuple[Path, Path]:
    """Return the work tree's top, and the folder that git looks for hooks in."""
    top = find_top(here.resolve())
    if top is None:
        raise WrongUse("there is no git repository here", hint="git init")
    told = git(top, "rev-parse", "--git-common-dir", "--git-path", "hooks").splitlines()
    if len(told) != 2:
        raise Unavailable("git does not say where its hooks are", hint="git rev-parse --git-dir")
    common, hooks = (Path(os.path.normpath(top / os.fsdecode(line))) for line in told)
    if hooks.name == "_" and hooks.parent.name == ".husky":
        raise WrongUse(
            "husky writes this repository's hooks",
            hint="echo 'devvault check --staged' >> .husky/pre-commit",
        )
    if not (hooks.is_relative_to(common) or hooks.is_relative_to(top)):
        raise WrongUse(
            f"core.hooksPath leads to {hooks}, which other repositories may share",
            hint=f"write 'devvault check --staged' into {hooks / 'pre-commit'}",
        )
    return top, hooks


def _is_ours(path: Path) -> bool:
    try:
        return path.is_file() and MARK.encode() in path.read_bytes()[:4096]
    except OSError:
        return False


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        descriptor = os.open(
            partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o755
        )
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from error


def _script(name: str) -> str:
    """Return a hook: ours first, then the one that was there."""
    front = Path(sys.executable).with_name("devvault")
    known = [str(front)] if front.is_file() else [sys.executable, "-I", "-m", "devvault"]
    command = " ".join(shlex.quote(word) for word in known)
    start = (
        f"#!/bin/sh\n{MARK}\n"
        f"before=${{0%/*}}/{name}{_BEFORE}\n"
        f'if [ -x {shlex.quote(known[0])} ]; then\n    set_up() {{ {command} "$@"; }}\n'
        "elif command -v devvault >/dev/null 2>&1; then\n"
        '    set_up() { devvault "$@"; }\nelse\n'
        '    echo "devvault: error: devvault is not installed any more; nothing was checked" >&2\n'
        '    echo "devvault: hint: git commit --no-verify, or pip install devvault" >&2\n'
        "    exit 2\nfi\n"
    ).replace("set_up", "devvault_front")
    if name == "pre-commit":
        return (
            start + "devvault_front check --staged || exit $?\n"
            '[ ! -x "$before" ] || exec "$before" "$@"\n'
        )
    return (
        start
        + 'refs=$(cat)\nprintf "%s\\n" "$refs" | devvault_front check --push "$@" || exit $?\n'
        '[ ! -x "$before" ] || { printf "%s\\n" "$refs" | "$before" "$@"; }\n'
    )


def _shown(path: Path, top: Path) -> str:
    return str(path.relative_to(top)) if path.is_relative_to(top) else str(path)
