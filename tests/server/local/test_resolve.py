from __future__ import annotations

import pytest

from devvault.errors import Invalid, Locked, Unavailable
from devvault.model.attributes import Change
from devvault.vault import deleted, secrets
from tests.daemon.running import reference


def ask(plane, text: str, folder: str = "/app", identity: str = "") -> tuple[str, str, str]:
    found = plane.post("/local/resolve", folder=folder, references={"K": text}, identity=identity)
    if found["values"]:
        return ("Resolved", found["values"]["K"], "")
    failure = found["failures"][0]
    assert failure["setting"] == "K"
    assert failure["reference"] == text
    assert failure["reason"]
    return (failure["status"], failure["reason"], failure["hint"])


def test_a_value_of_a_trusted_vault(plane):
    version = plane.set("my-vault", "db", "v1")
    plane.set("my-vault", "db", "v2")
    assert ask(plane, reference("my-vault", "db"))[:2] == ("Resolved", "v2")
    assert ask(plane, reference("my-vault", "db", version))[:2] == ("Resolved", "v1")
    assert ask(
        plane, "@Microsoft.KeyVault(SecretUri=https://MY-VAULT.vault.azure.net/secrets/DB/)"
    )[:2] == ("Resolved", "v2")


def test_a_folder_that_was_not_allowed(plane):
    plane.set("my-vault", "db", "v1")
    status, reason, hint = ask(plane, reference("my-vault", "db"), folder="/cloned")
    assert status == "AccessToKeyVaultDenied"
    assert "not allowed" in reason
    assert hint == "devvault allow my-vault"
    refused = plane.get("/local/audit")["records"]
    assert any(item["operationName"] == "FolderRefused" for item in refused)


def test_an_unknown_vault(plane):
    status, _, hint = ask(plane, reference("other-kv", "db"))
    assert status == "VaultNotFound"
    assert hint == "devvault keyvault create --name other-kv"


@pytest.mark.parametrize(
    "host",
    [
        "my-vault.vault.azure.cn",
        "my-vault.vault.usgovcloudapi.net",
        "my-vault.managedhsm.azure.net",
    ],
)
def test_a_cloud_that_is_not_served(plane, host):
    status, reason, _ = ask(plane, f"@Microsoft.KeyVault(SecretUri=https://{host}/secrets/db)")
    assert status == "VaultNotFound"
    assert host in reason


def test_an_unknown_secret_and_an_unknown_version(plane):
    plane.set("my-vault", "db", "v1")
    assert ask(plane, reference("my-vault", "nope"))[0] == "SecretNotFound"
    assert ask(plane, reference("my-vault", "nope", "0" * 32))[0] == "SecretNotFound"
    assert ask(plane, reference("my-vault", "db", "0" * 32))[0] == "SecretVersionNotFound"
    assert ask(plane, reference("my-vault", "db", "latest"))[0] == "SecretVersionNotFound"


def test_a_disabled_and_a_deleted_secret(plane):
    gate, caller = plane.plane.gate(), plane.plane.developer()
    plane.set("my-vault", "off", "v1")
    secrets.update_secret(gate, caller, "my-vault", "off", change=Change(enabled=False))
    status, reason, hint = ask(plane, reference("my-vault", "off"))
    assert (status, reason) == ("OtherReasons", "the secret off in my-vault is disabled")
    assert "--enabled true" in hint
    plane.set("my-vault", "gone", "v1")
    secrets.delete_secret(gate, caller, "my-vault", "gone")
    status, reason, hint = ask(plane, reference("my-vault", "gone"))
    assert (status, reason) == ("SecretNotFound", "the secret gone in my-vault is deleted")
    assert "recover" in hint
    deleted.purge(gate, caller, "my-vault", "gone")
    assert "set --vault-name" in ask(plane, reference("my-vault", "gone"))[2]


def test_a_malformed_reference_and_an_identity_that_is_not_there(plane):
    plane.set("my-vault", "db", "v1")
    assert ask(plane, "@Microsoft.KeyVault(VaultName=my-vault)")[0] == "InvalidSyntax"
    assert ask(plane, reference("my-vault", "db"), identity="app")[0] == "MSINotEnabled"
    assert ask(plane, reference("my-vault", "db"), identity="developer")[0] == "Resolved"


def test_every_read_is_in_the_trail(plane):
    plane.set("my-vault", "db", "v1")
    ask(plane, reference("my-vault", "db"))
    newest = [item["operationName"] for item in plane.get("/local/audit", limit="5")["records"]]
    assert "SecretGet" in newest


def test_a_locked_and_a_new_home_end_it_all(plane, fresh, tmp_path):
    plane.post("/local/lock")
    with pytest.raises(Locked):
        ask(plane, reference("my-vault", "db"))


def test_without_a_home(fresh):
    with pytest.raises(Unavailable):
        ask(fresh, reference("my-vault", "db"))


@pytest.mark.parametrize("members", [{}, {"references": []}, {"references": {"K": 1}}])
def test_bad_members_are_refused(plane, members):
    with pytest.raises(Invalid):
        plane.post("/local/resolve", folder="/app", **members)
