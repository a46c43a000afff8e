"""Every operation of Azure's own SecretClient, sync and async, under `run` and in a shell."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.desk import Desk
from tests.waiting import LIMIT

PROGRAMS = Path(__file__).with_name("programs")
BOTH = ["every_operation.py", "every_operation_aio.py"]


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    made.do("init", "--name", "sdk-vault")
    yield made
    made.do("daemon", "stop")


@pytest.fixture
def shell(desk):
    """What `eval "$(devvault connect)"` makes of the environment."""
    done = subprocess.run(
        ["sh", "-c", 'eval "$(devvault connect)" && exec env -0'],
        cwd=desk.project,
        env=desk.environment,
        capture_output=True,
        timeout=LIMIT,
        check=True,
    )
    pairs = (item.partition("=") for item in done.stdout.decode().split("\0") if item)
    return {name: value for name, _, value in pairs}


def trail(desk: Desk) -> list[dict]:
    whole = desk.do("audit", "export", "--format", "jsonl")
    return [json.loads(line) for line in whole.splitlines()]


@pytest.mark.parametrize("program", BOTH)
def test_under_run_at_the_vaults_real_address(desk, program):
    said = desk.do(
        "run",
        "--no-mask",
        "--",
        sys.executable,
        str(PROGRAMS / program),
        VAULT_URL="https://sdk-vault.vault.azure.net/",
    )
    assert said == "every operation"
    assert desk.do("audit", "verify")
    seen = {record["operationName"] for record in trail(desk)}
    assert seen >= {
        "SecretSet",
        "SecretGet",
        "SecretUpdate",
        "SecretDelete",
        "SecretList",
        "SecretListVersions",
        "SecretPurge",
        "SecretBackup",
        "SecretRestore",
        "SecretRecover",
        "SecretGetDeleted",
        "SecretListDeleted",
    }


@pytest.mark.parametrize("program", BOTH)
def test_in_a_connected_shell_at_the_local_address(desk, shell, program):
    address = f"https://sdk-vault.vault.localhost:{shell['DEVVAULT_HTTPS_PORT']}"
    for name in ("HTTPS_PROXY", "https_proxy"):
        shell.pop(name, None)
    done = subprocess.run(
        [sys.executable, str(PROGRAMS / program)],
        cwd=desk.project,
        env={**shell, "VAULT_URL": address},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "every operation"
