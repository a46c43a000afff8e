"""Azure's own SDK, unmodified, under `devvault run`: who it is, and what it may."""

from __future__ import annotations

import json
import sys

import pytest

from tests.journeys.desk import Desk, grant

pytest.importorskip("azure.identity")
pytest.importorskip("azure.keyvault.secrets")

SYNC = """
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient
print(SecretClient(vault_url="https://my-app-vault.vault.azure.net/", \
credential=DefaultAzureCredential()).get_secret("db-connection-string").value)
"""
ASYNC = """
import asyncio
from azure.identity.aio import DefaultAzureCredential
from azure.keyvault.secrets.aio import SecretClient

async def main():
    async with DefaultAzureCredential() as credential:
        vault = "https://my-app-vault.vault.azure.net/"
        async with SecretClient(vault_url=vault, credential=credential) as client:
            print((await client.get_secret("db-connection-string")).value)

asyncio.run(main())
"""
MANAGED = """
import json, sys
from azure.identity import ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient
credential = ManagedIdentityCredential(**json.loads(sys.argv[1]))
print(SecretClient("https://my-app-vault.vault.azure.net", credential)
      .get_secret("db-connection-string").value)
"""
SECRET = """
import json, os, sys
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient
port = os.environ["DEVVAULT_HTTPS_PORT"]
made = json.load(open("credential.json"))
credential = ClientSecretCredential(
    made["tenant"], made["appId"], made["password"],
    authority=f"https://vault.localhost:{port}", disable_instance_discovery=True,
)
print(SecretClient(f"https://my-app-vault.vault.localhost:{port}", credential)
      .get_secret("db-connection-string").value)
"""
TOKEN = """
import json, sys, urllib.request, os
from azure.identity import ManagedIdentityCredential
print(ManagedIdentityCredential().get_token("https://vault.azure.net/.default").token)
"""
# Says whether a token, given as an argument, is taken.
USE = """
import ssl, sys, urllib.error, urllib.request
request = urllib.request.Request(
    "https://my-app-vault.vault.azure.net/secrets?api-version=7.4",
    headers={"Authorization": "Bearer " + sys.argv[1]},
)
try:
    print(urllib.request.urlopen(request).status)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    made = Desk(tmp_path_factory.mktemp("desk"))
    made.do("init", "--name", "my-app-vault")
    (made.project / ".env").write_text("")
    where = ["--vault-name", "my-app-vault", "--name", "db-connection-string"]
    words = ["keyvault", "secret", "set", *where, "--value", "-", "-o", "none"]
    made.do(*words, given="the value")
    made.do("identity", "create", "--name", "shared", "-o", "none")
    made.do("webapp", "identity", "assign", "--name", "with-a-role", "-o", "none")
    for who in ("shared", "with-a-role"):
        grant(made, who)
    yield made
    made.do("daemon", "stop")


def of(desk: Desk, name: str, what: str) -> str:
    return desk.do("identity", "show", "--name", name, "--query", what, "-o", "tsv")


@pytest.mark.parametrize(("code", "name"), [(SYNC, "my-web-app"), (ASYNC, "my-async-app")])
def test_a_missing_role_is_found_at_the_desk(desk, code, name):
    desk.do("webapp", "identity", "assign", "--name", name, "-o", "none")
    refused = desk.run(code, who=name, expect=1)
    assert "ForbiddenByRbac" in refused
    assert "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'" in refused
    id = desk.do(
        "webapp", "identity", "show", "--name", name, "--query", "principalId", "-o", "tsv"
    )
    assert f"oid={id}" in refused
    grant(desk, id)
    assert desk.run(code, who=name) == "the value"


def test_without_an_identity_it_is_the_developer(desk):
    assert desk.run(SYNC) == "the value"


def test_the_project_names_the_identity(desk):
    assert desk.run(SYNC, DEVVAULT_IDENTITY="with-a-role") == "the value"
    assert "MSINotEnabled" not in desk.run(SYNC, DEVVAULT_IDENTITY="nobody", expect=1)


def test_an_identity_is_chosen_by_client_object_and_resource_id(desk):
    chosen = (
        {"client_id": of(desk, "shared", "clientId")},
        {"client_id": "shared"},
        {"identity_config": {"object_id": of(desk, "shared", "principalId")}},
        {"identity_config": {"resource_id": of(desk, "shared", "id")}},
    )
    for kwargs in chosen:
        assert desk.run(MANAGED, json.dumps(kwargs), who="with-a-role") == "the value"
    # And as virtual machines have it, below the secret path.
    gone = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET")
    flags = [word for name in gone for word in ("-u", name)]
    program = [sys.executable, "-c", MANAGED]
    for kwargs in ({}, *chosen):
        words = ["run", "--no-mask", "--identity", "with-a-role", "--", "env", *flags, *program]
        assert desk.do(*words, json.dumps(kwargs)) == "the value"


def test_a_client_id_that_nobody_has_is_refused(desk):
    unknown = {"client_id": "99999999-9999-4999-8999-999999999999"}
    found = desk.run(MANAGED, json.dumps(unknown), expect=1)
    assert "devvault identity create --name NAME --client-id" in found


def test_another_audience_leaves_the_chain_to_the_next(desk):
    code = SYNC.split("from azure.keyvault", maxsplit=1)[0] + (
        "DefaultAzureCredential(process_timeout=5)"
        '.get_token("https://storage.azure.com/.default")\n'
    )
    found = desk.run(code, expect=1)
    assert "devvault gives out tokens for its own vaults alone" in found
    assert "AzureCliCredential" in found


def test_a_client_secret_opens_the_vault_at_its_local_name(desk):
    desk.do("identity", "create", "--name", "service", "-o", "none")
    grant(desk, "service")
    made = desk.do("identity", "create-credential", "--name", "service", "-o", "json")
    (desk.project / "credential.json").write_text(made)
    assert desk.run(SECRET) == "the value"
    key = json.loads(made)["keyId"]
    desk.do("identity", "delete-credential", "--name", "service", "--key-id", key)
    assert "AADSTS7000215" in desk.run(SECRET, expect=1)


def test_a_token_ends_with_its_run(desk):
    token = desk.run(TOKEN)
    assert token.count(".") == 2
    found = desk.run(USE, token)
    assert found.startswith("401")
    assert "AKV10004" in found
    nested = f"""
import subprocess, sys
token = subprocess.check_output([sys.executable, "-c", {TOKEN!r}], text=True).strip()
subprocess.run([sys.executable, "-c", {USE!r}, token], check=True)
"""
    assert desk.run(nested) == "200"


def test_a_deleted_identity_is_nobody_at_once(desk):
    desk.do("identity", "create", "--name", "short-lived", "-o", "none")
    grant(desk, "short-lived")
    assert desk.run(SYNC, who="short-lived") == "the value"
    delete = "devvault identity delete --name short-lived --yes"
    code = f"import subprocess; subprocess.run({delete!r}, shell=True, check=True)\n{SYNC}"
    found = desk.run(code, who="short-lived", expect=1)
    assert "the identity of this run does not exist any more" in found


def test_a_restart_ends_nothing_and_a_lock_stops_all(desk):
    restart = "devvault daemon stop && devvault daemon start"
    code = (
        f"import subprocess\nfirst = {SYNC!r}\nexec(first)\n"
        f"subprocess.run({restart!r}, shell=True, check=True, capture_output=True)\n"
        "exec(first)\n"
    )
    assert desk.run(code, who="with-a-role") == "the value\nthe value"
    locked = f"import subprocess; subprocess.run(['devvault', 'lock'], check=True)\n{SYNC}"
    try:
        assert "(VaultLocked) the vault is locked; devvault unlock" in desk.run(locked, expect=1)
    finally:
        desk.do("unlock")


REKEYED = """
import subprocess
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient
client = SecretClient("https://my-app-vault.vault.azure.net/", DefaultAzureCredential())
for _ in range(2):
    print(client.get_secret("db-connection-string").value)
    subprocess.run(["devvault", "rekey"], check=True, capture_output=True)
"""


def test_a_program_goes_on_over_a_rekey_with_a_new_token(desk):
    assert desk.run(REKEYED, who="with-a-role") == "the value\nthe value"


def test_every_step_is_in_the_trail(desk):
    desk.run(SYNC, who="with-a-role")
    found = json.loads(desk.do("audit", "list", "-o", "json"))
    names = [record["operationName"] for record in found[:3]]
    assert names == ["SecretGet", "TokenIssue", "Authentication"]
    desk.do("audit", "verify")
