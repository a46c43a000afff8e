"""CLI sessions as text: tests/scripts/NAME.txt, run against a real daemon in a home of their own.

`$ COMMAND` is given to sh in the session's project folder, without a terminal. The lines below it
are what it prints, stdout and stderr together: `...` stands for anything in a line, and alone on
a line for any lines. `? N` is the exit code, 0 where it is missing. `#` begins a comment; a line
of output that begins with one of these marks has a backslash before it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.waiting import LIMIT

SCRIPTS = sorted(Path(__file__).with_name("scripts").glob("*.txt"))


@dataclass
class Step:
    line: int
    command: str
    expected: list[str] = field(default_factory=list)
    code: int = 0


def read(path: Path) -> list[Step]:
    steps: list[Step] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("$ "):
            steps.append(Step(number, line[2:]))
        elif line.startswith("> "):
            steps[-1].command += "\n" + line[2:]
        elif line.startswith("? "):
            steps[-1].code = int(line[2:])
        elif line.startswith("#") or (not line and (not steps or not steps[-1].expected)):
            continue
        else:
            steps[-1].expected.append(line.removeprefix("\\"))
    for step in steps:
        while step.expected and not step.expected[-1]:
            step.expected.pop()
    return steps


def matches(expected: list[str], printed: list[str]) -> bool:
    pattern = "".join(
        r"(?:.*\n)*" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + r"\n"
        for line in expected
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None


@pytest.fixture
def session(request, tmp_path):
    """A project folder, a home, and `devvault` on the PATH; the daemon ends with the test."""
    for name in ("bin", "project", "user"):
        (tmp_path / name).mkdir()
    front = tmp_path / "bin" / "devvault"
    front.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -m devvault "$@"\n')
    front.chmod(0o755)
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DEVVAULT_", "GIT_", "PYTHON", "XDG_", "DBUS_"))
    }
    environment = {
        **kept,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "PYTHON": sys.executable,
        "HOME": str(tmp_path / "user"),
        "DEVVAULT_HOME": str(tmp_path / "home"),
        "T": str(tmp_path),
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C.UTF-8",
    }
    if "first-hour" in request.node.name:  # a stranger's `init` has a keyring; a test has a file
        environment["DEVVAULT_KEY_SOURCE"] = "file"

    def run(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", command],
            cwd=tmp_path / "project",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that there is no controlling terminal
            timeout=LIMIT,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )

    yield run
    for home in sorted(tmp_path.glob("home*")):
        run(f"DEVVAULT_HOME='{home}' devvault daemon stop")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path, session):
    for step in read(path):
        done = session(step.command)
        printed = done.stdout.splitlines()
        where = f"{path.name}:{step.line}: $ {step.command}"
        shown = "\n".join([*printed, f"? {done.returncode}"])
        assert done.returncode == step.code, f"{where}\n{shown}"
        assert matches(step.expected, printed), f"{where}\n{shown}"


def sections(text: str) -> list[list[str]]:
    return [part.splitlines() for part in text.strip().split("\n\n")]


def test_the_first_hour_stands_in_the_readme_as_it_is_run():
    text = (Path(__file__).parent / "scripts" / "first-hour.txt").read_text(encoding="utf-8")
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    begin, end = "<!-- first-hour.txt -->\n```console\n", "```\n<!-- end -->\n"
    assert readme.count(begin) == readme.count(end) == 1
    assert readme.partition(begin)[2].partition(end)[0] == text


def test_each_screen_of_the_first_hour_is_short_and_says_what_is_next():
    text = (Path(__file__).parent / "scripts" / "first-hour.txt").read_text(encoding="utf-8")
    for lines in sections(text):
        assert len(lines) <= 20, lines[0]
        assert lines[0].startswith("# "), lines[0]
        assert lines[-1].startswith("# Next: devvault "), lines[-1]
        assert max(map(len, lines)) <= 100, lines[0]


def test_there_are_scripts():
    assert len(SCRIPTS) > 10


def test_the_wildcards():
    assert matches(["a...c", "...", "end"], ["abbc", "x", "y", "end"])
    assert matches(["..."], [])
    assert not matches(["a"], ["a", "b"])
    assert not matches(["a.c"], ["abc"])
