"""python-dotenv's own tests, out of its source distribution, with the import exchanged.

`DEVVAULT_DOTENV_SDIST` names the archive; else pip fetches it, of the version that is installed.
Where neither can be had the test skips with the reason; with CI=true it fails.
"""

import os
import re
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.waiting import LIMIT

ROOT = Path(__file__).resolve().parents[2]
# What tests load_dotenv, dotenv_values and find_dotenv, or what they are made of.
FILES = (
    "test_main.py",
    "test_parser.py",
    "test_variables.py",
    "test_utils.py",
    "test_is_interactive.py",
    "test_fifo_dotenv.py",
    "test_zip_imports.py",
    "test_ipython.py",
    "test_lib.py",
)
NAMES = ("load_dotenv", "dotenv_values", "find_dotenv")
EXCHANGE = f"""
import dotenv
import dotenv.main
from devvault.adapters import dotenv as ours

for name in {NAMES}:
    for module in (dotenv, dotenv.main):
        assert hasattr(module, name)
        setattr(module, name, getattr(ours, name))
"""


def find_archive(folder):
    named = os.environ.get("DEVVAULT_DOTENV_SDIST")
    if named:
        return Path(named)
    what = f"python-dotenv=={version('python-dotenv')}"
    flags = "--quiet --disable-pip-version-check --no-deps --retries 0 --timeout 10"
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *flags.split(), "--no-binary", ":all:", what],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    found = list(folder.glob("python_dotenv-*.tar.gz"))
    if done.returncode == 0 and found:
        return found[0]
    reason = f"the source of {what} cannot be had: {(done.stderr or '?').splitlines()[-1]}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def test_its_own_tests_pass_with_ours_in_their_place(tmp_path):
    with tarfile.open(find_archive(tmp_path)) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    source = next((tmp_path / "source").iterdir())
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "exchange.py").write_text(EXCHANGE)
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("DEVVAULT_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "exchange", "-p", "no:cacheprovider", "-q"]
        + ["-c", os.devnull, "--rootdir", str(source), "-rs"]
        + [f"tests/{name}" for name in FILES if (source / "tests" / name).exists()],
        cwd=source,
        env={
            **kept,
            "PYTHONPATH": os.pathsep.join([str(plugins), str(ROOT)]),
            "DEVVAULT_HOME": str(tmp_path / "home"),
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=3 * LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed, done.stdout
    assert int(passed[1]) > 150, done.stdout
    assert not (tmp_path / "home").exists()  # no reference, so nobody was asked


def test_the_exchange_is_what_a_program_imports(tmp_path):
    code = EXCHANGE + "\nfrom dotenv import load_dotenv\nprint(load_dotenv.__module__)\n"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "devvault.adapters.dotenv\n"
