from __future__ import annotations

import argparse

import pytest

from devvault.cli.azure import group, role
from devvault.cli.keyvault import grammar, verbs
from devvault.cli.keyvault.grammar import from_id, moment, read_tags, truth, with_group
from devvault.cli.keyvault.resource import full
from devvault.cli.keyvault.secret import deleted, properties, with_value, without_value
from devvault.errors import WrongUse

BUNDLE = {
    "value": "v",
    "id": "https://kv-one.vault.azure.net/secrets/db/0123",
    "attributes": {
        "enabled": True,
        "exp": 86400,
        "created": 0,
        "updated": 60,
        "recoverableDays": 90,
        "recoveryLevel": "Recoverable+Purgeable",
    },
    "tags": {"file-encoding": "utf-8"},
}


def parse(module, words):
    parser = argparse.ArgumentParser(exit_on_error=False)
    module.add_arguments(parser)
    return parser.parse_args(words.split())


def test_a_secret_as_az_prints_it():
    assert with_value(BUNDLE) == {
        "attributes": {
            "created": "1970-01-01T00:00:00+00:00",
            "enabled": True,
            "expires": "1970-01-02T00:00:00+00:00",
            "notBefore": None,
            "recoverableDays": 90,
            "recoveryLevel": "Recoverable+Purgeable",
            "updated": "1970-01-01T00:01:00+00:00",
        },
        "contentType": None,
        "id": "https://kv-one.vault.azure.net/secrets/db/0123",
        "kid": None,
        "managed": None,
        "name": "db",
        "tags": {"file-encoding": "utf-8"},
        "value": "v",
    }


def test_what_has_no_value_says_null():
    assert without_value(BUNDLE)["value"] is None
    assert "value" not in properties(BUNDLE)
    gone = deleted({**BUNDLE, "deletedDate": 0, "scheduledPurgeDate": 86400, "recoveryId": "r"})
    assert gone["deletedDate"] == "1970-01-01T00:00:00+00:00"
    assert gone["scheduledPurgeDate"] == "1970-01-02T00:00:00+00:00"
    assert gone["recoveryId"] == "r"


def test_a_vault_as_az_prints_it():
    id = "/subscriptions/s/resourceGroups/My-Group/providers/Microsoft.KeyVault/vaults/kv"
    found = full({"id": id, "name": "kv", "properties": {"vaultUri": "u", "networkAcls": {}}})
    assert found["resourceGroup"] == "My-Group"
    assert found["properties"]["createMode"] is None
    assert found["properties"]["networkAcls"] == {}
    assert with_group({"id": "/subscriptions/s/resourcegroups/g"}) == {
        "id": "/subscriptions/s/resourcegroups/g"
    }


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--id https://kv-one.vault.azure.net/secrets/db", ("kv-one", "db", "")),
        ("--id https://KV-one.vault.azure.net/secrets/db/0a", ("kv-one", "db", "0a")),
        ("--id https://kv-one.vault.azure.net:443/secrets/db/", ("kv-one", "db", "")),
        ("--vault-name kv -n db -v 1", ("kv", "db", "1")),
    ],
)
def test_targets(words, expected):
    assert from_id(parse(verbs, f"secret show {words}")) == expected


@pytest.mark.parametrize(
    "words", ["", "--vault-name kv", "--name db", "--id nonsense", "--id https://kv/keys/a"]
)
def test_an_incomplete_target_is_wrong_use(words):
    with pytest.raises(WrongUse):
        from_id(parse(verbs, f"secret show {words}"))


def test_three_state_flags():
    assert parse(verbs, "create -n kv").enable_rbac_authorization is None
    assert parse(verbs, "create -n kv --enable-rbac-authorization").enable_rbac_authorization
    args = parse(verbs, "create -n kv --enable-rbac-authorization false --retention-days 7")
    assert args.enable_rbac_authorization is False
    assert args.retention_days == 7
    with pytest.raises(argparse.ArgumentTypeError):
        truth("maybe")


def test_times_and_tags():
    assert moment("1970-01-02T00:00:00Z") == 86400
    with pytest.raises(argparse.ArgumentTypeError):
        moment("tomorrow")
    assert read_tags(None) is None
    assert read_tags([""]) == {}
    assert read_tags(["a=b", "c", "d=e=f"]) == {"a": "b", "c": "", "d": "e=f"}


def test_soft_delete_true_is_told_and_false_is_sent(capsys):
    assert grammar.soft_delete_note(argparse.Namespace(enable_soft_delete=True)) is None
    assert "soft delete is always on" in capsys.readouterr().err
    assert grammar.soft_delete_note(argparse.Namespace(enable_soft_delete=False)) is False


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (verbs, "create --name kv -g g -l westeurope --sku premium --tags a=b --no-wait"),
        (verbs, "update -n kv --enable-purge-protection true --default-action Deny"),
        (verbs, "list -g g -o table --query [].name"),
        (verbs, "purge --name kv --location westeurope"),
        (verbs, "recover -n kv -g g"),
        (verbs, "check-name --name kv"),
        (verbs, "secret set --vault-name kv -n a --value x --expires 2030-01-01 --disabled"),
        (verbs, "secret set --vault-name kv -n a -f file -e base64 --description note"),
        (verbs, "secret list --vault-name kv --maxresults 5 --include-managed true"),
        (verbs, "secret set-attributes --id https://kv.vault.azure.net/secrets/a --enabled false"),
        (verbs, "secret download --vault-name kv -n a --file x --overwrite"),
        (group, "create -n g -l westeurope --tags a=b"),
        (group, "delete --name g --yes --no-wait"),
        (role, "assignment create --assignee x --role Reader --scope /subscriptions/s"),
        (role, "assignment list --all --include-inherited -o table"),
        (role, "assignment delete --ids a b"),
        (role, "definition list --name Reader"),
    ],
)
def test_lines_out_of_azs_tutorials_parse(module, words):
    assert callable(parse(module, words).run)
