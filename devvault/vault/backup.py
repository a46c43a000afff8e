"""Backup and restore of one secret: all its versions in a blob that only this home can open."""

from __future__ import annotations

import json
from typing import Any

from devvault.access.principals import Caller
from devvault.errors import Conflict, Invalid
from devvault.model import operations as op
from devvault.model.deletion import held, no_secret
from devvault.model.names import check_object_name, fold, is_version
from devvault.model.secret import Secret, SecretVersion
from devvault.model.vault import Vault
from devvault.sealing.blob import open_blob, seal_blob
from devvault.store.base import Reading, Writing
from devvault.vault.codecs import pack_version, unpack_version
from devvault.vault.gate import Gate, Target
from devvault.vault.records import SECRET_VERSION
from devvault.vault.secrets import (
    current_of,
    find_secret,
    live_vault,
    target,
    write_secret,
    write_version,
)

_MARK = "AzureKeyVaultSecretBackupV1.microsoft.com"
VERSIONS_LIMIT = 500


def backup_secret(gate: Gate, caller: Caller, vault_name: str, name: str) -> bytes:
    """Return a blob with every version of a secret; disabled ones too.

    Raises:
        NotFound: `SecretNotFound`.
        Invalid: more than 500 versions.
    """
    vault = live_vault(gate, vault_name)
    check_object_name(name)

    def act(reading: Reading) -> bytes:
        secret = find_secret(gate, reading, vault, name)
        if secret is None or secret.deleted is not None:
            raise no_secret(name)
        rows = reading.versions(
            SECRET_VERSION, fold(vault.name), fold(name), limit=VERSIONS_LIMIT + 1
        )
        if len(rows) > VERSIONS_LIMIT:
            raise Invalid(
                f"The secret {name} has over {VERSIONS_LIMIT} versions and cannot be backed up."
            )
        body = {
            "format": 1,
            "home": gate.home,
            "name": secret.name,
            "current": secret.current,
            "created": int(secret.created.timestamp()),
            "versions": {row.version: gate.records.open(row) for row in rows},
        }
        plaintext = json.dumps(body, separators=(",", ":")).encode()
        generation = gate.records.generation
        kid = f"{gate.home}/{generation}"
        return seal_blob(_MARK, gate.records.backup_key(generation), kid, plaintext)

    return gate.read(caller, op.BACKUP_SECRET, target(vault, name), act)


def restore_secret(gate: Gate, caller: Caller, vault_name: str, blob: bytes) -> SecretVersion:
    """Bring a secret back with the same name and version ids; return the current one's metadata.

    Raises:
        Invalid: `BadParameter`: not a blob of this home.
        Conflict: the name exists, live or deleted.
    """
    vault = live_vault(gate, vault_name)

    def act(writing: Writing) -> SecretVersion:
        body = _open(gate, blob)
        name = check_object_name(str(body["name"]))
        there = find_secret(gate, writing, vault, name)
        if there is not None:
            if there.deleted is not None:
                raise held("Secret", there.name)
            raise Conflict(
                f"Secret {there.name} already exists in vault {vault.name}; a backup is restored"
                " only where its name is free.",
                hint=f"devvault keyvault secret delete --vault-name {vault.name} --name {name}",
            )
        for version, kept in body["versions"].items():
            if not is_version(version):
                raise Invalid("The backup blob holds a malformed version.")
            write_version(gate, writing, _again(vault, name, version, kept))
        created = gate.clock.now().replace(microsecond=0)
        secret = Secret(vault.name, name, body["current"], created)
        write_secret(gate, writing, secret)
        return current_of(gate, writing, vault, secret)

    where = Target(vault.id, vault, vault.uri + "secrets/restore")
    return gate.write(caller, op.RESTORE_SECRET, where, act)


def _again(vault: Vault, name: str, version: str, kept: dict[str, Any]) -> SecretVersion:
    made = unpack_version(vault, name, version, kept, value=True)
    assert pack_version(made) == kept
    return made


def _open(gate: Gate, blob: bytes) -> dict[str, Any]:
    def key_of(kid: str) -> bytes:
        home, _, generation = kid.partition("/")
        if home != gate.home:
            raise KeyError(kid)
        return gate.records.backup_key(int(generation))

    body = json.loads(open_blob(_MARK, key_of, blob))
    if body.get("format") != 1:
        raise Invalid("The backup blob was made by a newer devvault.")
    assert isinstance(body, dict)
    return body
