"""The same app with the same settings in three places: on a laptop, in the cloud, in neither.

The cloud is another home: its daemon gives the platform's variables, and answers for the vaults.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.desk import Desk
from tests.waiting import LIMIT

pytest.importorskip("azure.identity")
pytest.importorskip("azure.keyvault.secrets")

APP = Path(__file__).with_name("programs") / "settings_app.py"
VAULT = "my-app-vault"
SETTINGS = (
    f"DB=@Microsoft.KeyVault(VaultName={VAULT};SecretName=db)\n"
    f"API=@Microsoft.KeyVault(SecretUri=https://{VAULT}.vault.azure.net/secrets/api/)\n"
    "LOG_LEVEL=debug\n"
)
UNSET = "neither IDENTITY_ENDPOINT with IDENTITY_HEADER nor AZURE_FEDERATED_TOKEN_FILE is set"
LAPTOP = {"db": "of the laptop", "api": "its other value"}
CLOUD = {"db": "of the cloud", "api": "the other value there"}


SOURCE = """
from devvault import DefaultVaultChain
chain = DefaultVaultChain()
chain.get("DB")
print(chain.source)
"""
AZ = """
import json, os, urllib.request
endpoint, header = json.loads(os.environ["LOGIN"])
url = f"{endpoint}?api-version=2019-08-01&resource=https://vault.azure.net"
request = urllib.request.Request(url, headers={"X-IDENTITY-HEADER": header})
found = json.load(urllib.request.urlopen(request, timeout=60))
print(json.dumps({"accessToken": found["access_token"], "expires_on": int(found["expires_on"]),
                  "tenant": "t", "subscription": "s", "tokenType": "Bearer"}))
"""
THREADS = """
import faulthandler, json, os, signal, threading
from devvault import DefaultVaultChain
faulthandler.dump_traceback_later(90, exit=True)  # a lock that is never given back shows itself
faulthandler.register(signal.SIGALRM, chain=True)
chain = DefaultVaultChain(ttl=0)
seen = []
threads = [threading.Thread(target=lambda: seen.append(chain.get("DB"))) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(seen) == 8
child = os.fork()
if child == 0:
    signal.alarm(60)
    os._exit(0 if chain.get("DB") == seen[0] else 1)
_, status = os.waitpid(child, 0)
print(json.dumps({"threads": sorted(set(seen)), "child": os.waitstatus_to_exitcode(status)}))
"""


def furnish(desk: Desk, values: dict[str, str]) -> Desk:
    desk.do("init", "--name", VAULT)
    for name, value in values.items():
        where = ["--vault-name", VAULT, "--name", name, "--value", "-", "-o", "none"]
        desk.do("keyvault", "secret", "set", *where, given=value)
    (desk.project / ".env").write_text(SETTINGS)
    return desk


@pytest.fixture(scope="module")
def laptop(tmp_path_factory):
    made = furnish(Desk(tmp_path_factory.mktemp("laptop")), LAPTOP)
    yield made
    made.do("daemon", "stop")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    """The home that plays the cloud, with an app that has an identity and a role."""
    made = furnish(Desk(tmp_path_factory.mktemp("cloud")), CLOUD)
    made.do("webapp", "identity", "assign", "--name", "my-web-app", "-o", "none")
    scope = made.do("keyvault", "show", "--name", VAULT, "--query", "id", "-o", "tsv")
    role = ["--role", "Key Vault Secrets User", "--scope", scope, "-o", "none"]
    made.do("role", "assignment", "create", "--assignee", "my-web-app", *role)
    yield made
    made.do("daemon", "stop")


@pytest.fixture(scope="module")
def platform(cloud):
    """What the platform sets for the app: no word of devvault in it."""
    done = subprocess.run(
        ["sh", "-c", 'eval "$(devvault connect --identity my-web-app)" && exec env -0'],
        cwd=cloud.project,
        env=cloud.environment,
        capture_output=True,
        timeout=LIMIT,
        check=True,
    )
    pairs = (item.partition("=") for item in done.stdout.decode().split("\0") if item)
    found = {name: value for name, _, value in pairs}
    return {name: value for name, value in found.items() if not name.startswith("DEVVAULT_")}


def deploy(folder: Path) -> Path:
    """Put the app's settings where nothing else of it is."""
    place = folder / "app"
    (place / ".git").mkdir(parents=True)
    (place / ".env").write_text(SETTINGS)
    return place


def start(
    folder: Path, environment: dict[str, str], *, program: str | Path = APP, code: int = 0, **more
) -> str:
    done = subprocess.run(
        [sys.executable, str(program)] if isinstance(program, Path) else
        [sys.executable, "-c", program],
        cwd=folder,
        env={**environment, "HOME": str(folder.parent), **more},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )  # fmt: skip
    assert done.returncode == code, (done.stdout, done.stderr[-3000:])
    return done.stdout if code == 0 else done.stderr


def test_on_the_laptop(laptop):
    found = json.loads(start(laptop.project, laptop.environment))
    assert found == {
        "DB": LAPTOP["db"], "API": LAPTOP["api"], "LOG_LEVEL": "debug",
        "source": "LocalVaultSource", "azure": [],
    }  # fmt: skip


def test_in_the_cloud(platform, cloud, tmp_path):
    found = json.loads(start(deploy(tmp_path), platform))
    assert found == {
        "DB": CLOUD["db"], "API": CLOUD["api"], "LOG_LEVEL": "debug",
        "source": "CloudVaultSource", "azure": ["azure.identity", "azure.keyvault.secrets"],
    }  # fmt: skip
    trail = json.loads(cloud.do("audit", "list", "-o", "json"))
    assert {"SecretGet", "TokenIssue"} <= {record["operationName"] for record in trail[:20]}


def test_what_run_sets_is_not_taken_for_the_cloud(laptop):
    code = SOURCE.replace("DB", f"@Microsoft.KeyVault(VaultName={VAULT};SecretName=db)")
    assert laptop.run(code) == "LocalVaultSource"


def test_the_cloud_is_used_from_many_threads_and_after_a_fork(platform, tmp_path):
    found = json.loads(start(deploy(tmp_path), platform, program=THREADS))
    assert found == {"threads": [CLOUD["db"]], "child": 0}


def test_no_file_turns_the_laptop_into_the_cloud(laptop, platform, tmp_path):
    names = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER")
    other = tmp_path / "other.env"
    other.write_text("".join(f"{name}={platform[name]}\n" for name in names))
    code = f"from dotenv import load_dotenv; load_dotenv({str(other)!r})\n{SOURCE}"
    found = start(laptop.project, laptop.environment, program=code).strip()
    assert found == "LocalVaultSource"


def test_the_metadata_service_is_looked_for_under_prod_alone(platform, tmp_path):
    place = deploy(tmp_path)
    machine = {k: v for k, v in platform.items() if not k.startswith(("IDENTITY_", "MSI_"))}
    assert "CloudVaultSource: neither" in start(place, machine, program=SOURCE, code=1)
    for choice in ("prod", "CloudVaultSource"):
        said = start(place, machine, program=SOURCE, DEVVAULT_CHAIN=choice)
        assert said.strip() == "CloudVaultSource"


def test_in_neither(laptop, tmp_path):
    bare = {k: v for k, v in laptop.environment.items() if not k.startswith("DEVVAULT_")}
    said = start(deploy(tmp_path), bare, code=78)
    assert said.splitlines() == [
        "Unavailable NoSourceAnswered",
        "DefaultVaultChain failed to get a value from the included sources.",
        "Attempted sources:",
        f"\tCloudVaultSource: {UNSET}",
        "\tLocalVaultSource: there is no vault on this machine yet",
        "\tDeveloperCloudSource: off unless it is asked for: exclude_developer_cloud_source=False",
        "To see what the choice rests on, type: devvault doctor --chain",
    ]


def test_the_developers_own_login_is_asked_only_where_it_is_wanted(platform, tmp_path):
    """The az on PATH is a login: a program that prints a token of the home that is the cloud."""
    place = deploy(tmp_path)
    az = tmp_path / "bin" / "az"
    az.parent.mkdir()
    az.write_text(f"#!{sys.executable}\n{AZ}")
    az.chmod(0o755)
    machine = {k: v for k, v in platform.items() if not k.startswith(("IDENTITY_", "MSI_"))}
    machine["PATH"] = f"{az.parent}:{os.environ['PATH']}"
    machine["LOGIN"] = json.dumps([platform["IDENTITY_ENDPOINT"], platform["IDENTITY_HEADER"]])
    assert "DeveloperCloudSource: off unless" in start(place, machine, program=SOURCE, code=1)
    said = start(place, machine, program=SOURCE, DEVVAULT_CHAIN="DeveloperCloudSource")
    assert said.strip() == "DeveloperCloudSource"
    asked = SOURCE.replace("Chain()", "Chain(exclude_developer_cloud_source=False)")
    assert start(place, machine, program=asked).strip() == "DeveloperCloudSource"
